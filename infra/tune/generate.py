"""Lets a source model answer prompts: the texts of packages/ladder/corpus that the model wrote itself.

usage: generate.py MODEL.gguf PROMPTS.json OUT.json [TOKENS [BATCH]]

Sampling is seeded (temperature 0.8, for JSON 0.4, top-p 0.95), so the same versions give the same text.
"""

import json
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from chat import chat, tokenizer
from gguf_file import read_gguf
from model import LAYER_TENSORS, rms_norm, rope

PADDED_PROMPT = 96  # tokens


def make_step(config, weights):
    heads, kv_heads, size = config["heads"], config["kvHeads"], config["headSize"]

    @partial(jax.jit, donate_argnums=(0,))
    def step(cache, token, position):
        """One token for every row; cache: per layer [2, rows, tokens, kv heads, head size]."""
        rows, length = token.shape[0], cache[0].shape[2]
        x = weights["token_embd.weight"][token]
        at = jnp.full((rows, 1), position)
        seen = jnp.where(jnp.arange(length) <= position, 0.0, -1e9)
        out = []
        for layer in range(config["layers"]):
            an, q, k, v, o, fn, gate, up, down = (weights[f"blk.{layer}.{n}"] for n in LAYER_TENSORS[:9])
            h = rms_norm(x, an, config["rmsEps"])
            split = lambda w, n: (h @ w.T).reshape(rows, 1, n, size)
            turn = lambda y: rope(y, at, config["ropeTheta"], config["ropeStyle"])
            query = turn(split(q, heads)).reshape(rows, kv_heads, heads // kv_heads, size)
            new = jnp.stack([turn(split(k, kv_heads)), split(v, kv_heads)])
            kept = jax.lax.dynamic_update_slice(cache[layer], new, (0, 0, position, 0, 0))
            out.append(kept)
            score = jnp.einsum("bghd,btgd->bght", query, kept[0]) / np.sqrt(size) + seen
            mixed = jnp.einsum("bght,btgd->bghd", jax.nn.softmax(score, -1), kept[1])
            x = x + mixed.reshape(rows, -1) @ o.T
            h = rms_norm(x, fn, config["rmsEps"])
            x = x + (jax.nn.silu(h @ gate.T) * (h @ up.T)) @ down.T
        head = weights.get("output.weight", weights["token_embd.weight"])
        return out, rms_norm(x, weights["output_norm.weight"], config["rmsEps"]) @ head.T

    return step


@jax.jit
def draw(key, logits, temperature):
    scaled = logits / temperature[:, None]
    top, ids = jax.lax.top_k(scaled, 64)
    mass = jnp.cumsum(jax.nn.softmax(top, -1), -1)
    top = jnp.where(jnp.roll(mass, 1, -1).at[:, 0].set(0) < 0.95, top, -1e9)
    return jnp.take_along_axis(ids, jax.random.categorical(key, top)[:, None], 1)[:, 0]


def main():
    path, prompts_path, out_path = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 384
    batch = int(sys.argv[5]) if len(sys.argv) > 5 else 64
    config, tensors, tokens, merges = read_gguf(path)
    text = tokenizer(tokens, merges)
    end = tokens.index("<|im_end|>")
    step = make_step(config, {k: jnp.asarray(v) for k, v in tensors.items()})
    prompts = json.load(open(prompts_path))
    answers = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        given = [text.encode(chat(p["prompt"])).ids for p in part]
        if max(map(len, given)) > PADDED_PROMPT:
            sys.exit(f"a prompt has more than {PADDED_PROMPT} tokens")
        shape = (2, len(part), PADDED_PROMPT + count, config["kvHeads"], config["headSize"])
        cache = [jnp.zeros(shape) for _ in range(config["layers"])]
        temperature = jnp.asarray([0.4 if p["kind"].startswith("json") else 0.8 for p in part])
        written = [[] for _ in part]
        done = [False] * len(part)
        token = np.asarray([g[0] for g in given])
        key = jax.random.PRNGKey(start)
        for position in range(shape[2] - 1):
            cache, logits = step(cache, jnp.asarray(token), position)
            key, sub = jax.random.split(key)
            drawn = np.asarray(draw(sub, logits, temperature))
            for row, prompt in enumerate(given):
                if position + 1 < len(prompt):
                    token[row] = prompt[position + 1]
                    continue
                token[row] = drawn[row]
                if drawn[row] == end or len(written[row]) >= count:
                    done[row] = True
                if not done[row]:
                    written[row].append(int(drawn[row]))
            if all(done):
                break
            if position % 32 == 0:
                print(f"{start + len(part)}/{len(prompts)} prompts, position {position}", file=sys.stderr, flush=True)
        answers += [{**p, "answer": text.decode(w)} for p, w in zip(part, written)]
    with open(out_path, "w") as file:
        json.dump(answers, file, indent=0, ensure_ascii=False)


main()
