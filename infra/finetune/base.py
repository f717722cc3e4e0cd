"""The base model as the trainings want it: weights stacked by layer, chats as tokens, logits of answers only."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tune"))
from chat import chat, tokenizer  # noqa: E402
from gguf_file import read_gguf  # noqa: E402
from model import LAYER_TENSORS, layer, rms_norm  # noqa: E402

MODULES = {
    "q": "attn_q.weight",
    "k": "attn_k.weight",
    "v": "attn_v.weight",
    "o": "attn_output.weight",
    "gate": "ffn_gate.weight",
    "up": "ffn_up.weight",
    "down": "ffn_down.weight",
}


class Base:
    """layers: tensor name to [layers, ...]; rest: what is not in a layer. All float32."""

    def __init__(self, config, tensors):
        self.config = config
        count = range(config["layers"])
        names = [name for name in LAYER_TENSORS if f"blk.0.{name}" in tensors]
        self.layers = {n: jnp.asarray(np.stack([tensors.pop(f"blk.{i}.{n}") for i in count])) for n in names}
        self.rest = {name: jnp.asarray(values) for name, values in tensors.items()}

    @classmethod
    def from_gguf(cls, path):
        """With its tokenizer, for texts."""
        config, tensors, tokens, merges = read_gguf(path)
        base = cls(config, tensors)
        base.tokenizer, base.end = tokenizer(tokens, merges), tokens.index("<|im_end|>")
        return base

    def row(self, prompt, answer):
        """Tokens of a chat, and where its answer begins; the answer ends with the end of the turn."""
        given = self.tokenizer.encode(chat(prompt)).ids
        return given + self.tokenizer.encode(answer).ids + [self.end], len(given)

    def rows(self, path):
        """The chats of a text: one JSON object with prompt and answer a line."""
        lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
        return [self.row(line["prompt"], line["answer"]) for line in lines]


def answer_logits(config, layers, rest, packed):
    """What the model expects of each answer token of a packed sequence: logits [answers, vocab]."""
    tokens, at, segments, places, _ = packed
    own = (segments[:, None] == segments) | (segments == 0)
    seen = own & jnp.tril(jnp.ones_like(own))

    def block(x, w):
        return layer(config, x, {n: w.get(n) for n in LAYER_TENSORS}, at, seen), None

    x, _ = jax.lax.scan(block, rest["token_embd.weight"][tokens], layers)
    head = rest.get("output.weight", rest["token_embd.weight"])
    return rms_norm(x[places], rest["output_norm.weight"], config["rmsEps"]) @ head.T


def text_loss(logits, wanted):
    """Mean negative log likelihood of the wanted tokens, in nats."""
    found = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.maximum(wanted, 0)[:, None], -1)[:, 0]
    return -(found * (wanted >= 0)).sum() / (wanted >= 0).sum()


def divergence(logits, teacher, wanted):
    """Mean KL divergence from the teacher's logits, in nats."""
    target = jax.nn.log_softmax(teacher)
    each = (jnp.exp(target) * (target - jax.nn.log_softmax(logits))).sum(-1)
    return (each * (wanted >= 0)).sum() / (wanted >= 0).sum()
