"""Trains group scales and offsets of a ladder's coded tensors on the KL divergence to the source model.

usage: tune.py FOLDER MINUTES

`zen pack --tune` writes FOLDER: job.json, dense.bin (float32 values of the source), codes.bin (u8) and
scales.bin (float32 scale and offset of every row and group: value = scale * code + offset). Codes never
change. The result is FOLDER/trained.bin, laid out as scales.bin. One JSON line per report goes to stdout.
"""

import json
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from model import logits

WINDOW = 384  # tokens per step
RATE = 1e-3  # of a tensor's mean scale or offset, per step
WARM_UP = 8  # steps
REPORT = 5  # steps


def read_job(folder):
    job = json.loads((folder / "job.json").read_text())
    dense = np.memmap(folder / "dense.bin", np.float32, "r")
    codes = np.memmap(folder / "codes.bin", np.uint8, "r")
    scales = np.memmap(folder / "scales.bin", np.float32, "r")
    source, coded, start, fixed = {}, {}, {}, {}
    for tensor in job["tensors"]:
        rows, cols = tensor["shape"]
        name, at = tensor["name"], tensor["dense"]
        values = dense[at : at + rows * cols].reshape(rows, cols)
        source[name] = jnp.asarray(values)
        if tensor["codes"] is None:
            continue
        groups = tensor["groups"]
        coded[name] = jnp.asarray(codes[tensor["codes"] : tensor["codes"] + rows * cols].reshape(rows, cols))
        pair = scales[tensor["scales"] : tensor["scales"] + 2 * rows * groups].reshape(2, rows, groups)
        (start if tensor["train"] else fixed)[name] = (jnp.asarray(pair[0]), jnp.asarray(pair[1]))
    return job, source, coded, start, fixed


def expand(codes, pair, group):
    """Dense values of a coded tensor; the last group may be short."""
    scale, offset = (jnp.repeat(part, group, 1)[:, : codes.shape[1]] for part in pair)
    return codes.astype(jnp.float32) * scale + offset


def main():
    folder, minutes = Path(sys.argv[1]), float(sys.argv[2])
    begun = time.monotonic()
    job, source, coded, start, fixed = read_job(folder)
    config = job["model"]
    group = {t["name"]: t["group"] for t in job["tensors"] if t["codes"] is not None}
    exact_at = {t["name"]: t["exactStage"] for t in job["tensors"] if t["codes"] is not None}

    def stage_weights(trained, source, coded, stage):
        pairs = {**fixed, **trained}
        return {
            name: expand(coded[name], pairs[name], group[name])
            if name in coded and exact_at[name] > stage
            else values
            for name, values in source.items()
        }

    teacher = jax.jit(lambda source, tokens: jax.nn.log_softmax(logits(config, source, tokens)))

    def loss(trained, source, coded, tokens, wanted, stage):
        found = jax.nn.log_softmax(logits(config, stage_weights(trained, source, coded, stage), tokens))
        return (jnp.exp(wanted) * (wanted - found)).sum(-1).mean()

    gradient = jax.jit(jax.value_and_grad(loss), static_argnums=5)
    unit = jax.tree.map(lambda x: jnp.maximum(jnp.abs(x).mean(), 1e-8), start)

    @jax.jit
    def update(trained, first, second, slope, step, rate):
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, second, slope)

        def move(p, m, v, u):
            # A tensor's mean gradient size is added below, so that parameters that hardly matter hardly move.
            size = jnp.sqrt(v / (1 - 0.99**step))
            return p - 2 * rate * u * (m / (1 - 0.9**step)) / (size + size.mean() + 1e-12)

        return jax.tree.map(move, trained, first, second, unit), first, second

    chance = np.random.default_rng(0)
    text = [np.asarray(s, np.int32) for s in job["sequences"]]
    trained = start
    first = jax.tree.map(jnp.zeros_like, start)
    second = jax.tree.map(jnp.zeros_like, start)
    stages, steps, recent = job["stages"], None, {}
    stream, at = np.empty(0, np.int32), 0
    step, measured = 0, None
    while steps is None or step < steps:
        step += 1
        if at + WINDOW > len(stream):
            stream, at = np.concatenate([text[i] for i in chance.permutation(len(text))]), 0
        tokens, at = jnp.asarray(stream[at : at + WINDOW]), at + WINDOW
        stage = stages[step % len(stages)]
        value, slope = gradient(trained, source, coded, tokens, teacher(source, tokens), stage)
        done = 0.0 if steps is None else step / steps
        rate = RATE * min(1, step / WARM_UP) * 0.5 * (1 + np.cos(np.pi * min(1, done)))
        trained, first, second = update(trained, first, second, slope, step, rate)
        recent[stage] = float(value) if stage not in recent else 0.9 * recent[stage] + 0.1 * float(value)
        if step == 2 * len(stages):  # compiled by now: time the next ones
            measured = (step, time.monotonic())
        if step == 4 * len(stages):
            each = (time.monotonic() - measured[1]) / (step - measured[0])
            left = 60 * minutes - (time.monotonic() - begun)
            steps = max(step + 1, step + int(left / each))
        if step % REPORT == 0 or step == steps:
            seconds = time.monotonic() - begun
            print(json.dumps({"step": step, "steps": steps, "kl": recent, "seconds": seconds}), flush=True)
    ended = {**fixed, **trained}
    result = [np.stack(ended[t["name"]]).ravel() for t in job["tensors"] if t["codes"] is not None]
    np.concatenate(result).astype(np.float32).tofile(folder / "trained.bin")


main()
