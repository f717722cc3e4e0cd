"""Measures deltas of one text against the base and the full fine-tune; one JSON line for each,
after a line with the chats: [tokens, where the answer begins].

usage: measure.py MODEL.gguf HELD_OUT.jsonl GENERAL.json TUNED.safetensors FILE...

GENERAL.json: token sequences of text that has nothing to do with the fine-tune. FILE: a delta, or the parameters
that train.py wrote. nll: nats a token over the answers; generalNll: over the general text; top1: share of the answers'
tokens where the most likely one is that of the full fine-tune.
"""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from base import Base, answer_logits
from delta_file import read_delta
from pack import packed_all
from recipes import merged
from safetensors import safe_open

ROWS = 8  # chats per packed sequence


def read_parameters(path):
    with safe_open(path, "np") as file:
        found = {name: jnp.asarray(file.get_tensor(name)) for name in file.keys()}
        form = file.metadata()["form"]
    params = {}
    for name, values in found.items():
        module, array = name.split(".")
        params.setdefault(module, {})[array] = values
    return form, params


def main():
    model, held_out, general, tuned, *files = sys.argv[1:]
    base = Base.from_gguf(model)

    @jax.jit
    def judged(layers, rest, packed):
        chance = jax.nn.log_softmax(answer_logits(base.config, layers, rest, packed))
        found = jnp.take_along_axis(chance, jnp.maximum(packed[-1], 0)[:, None], -1)[:, 0]
        return found, chance.argmax(-1)

    def measure(layers, batches):
        found = [(*judged(layers, base.rest, batch), batch[-1] >= 0) for batch in batches]
        nll = -np.concatenate([np.asarray(f)[real] for f, _, real in found]).mean()
        return float(nll), np.concatenate([np.asarray(best)[real] for _, best, real in found])

    rows = base.rows(held_out)
    print(json.dumps(rows), flush=True)
    answers = packed_all([rows[at : at + ROWS] for at in range(0, len(rows), ROWS)])
    texts = packed_all([[(ids, 1)] for ids in json.loads(Path(general).read_text())])
    wanted = None
    for path in [tuned, None, *files]:
        form, params = ("full", {}) if path is None else (
            read_delta(Path(path), base) if path.endswith(".delta") else read_parameters(path)
        )
        layers = merged(form, base.layers, params)
        nll, best = measure(layers, answers)
        wanted = best if wanted is None else wanted
        print(json.dumps({
            "file": path,
            "nll": nll,
            "top1": float((best == wanted).mean()),
            "generalNll": measure(layers, texts)[0],
        }), flush=True)  # fmt: skip


main()
