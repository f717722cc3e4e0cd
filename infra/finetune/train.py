"""Trains one delta of a text, or the full fine-tune: see train.py --help. Seeded: the same versions give the same file."""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from adam import begin, pace, update
from base import MODULES, Base, answer_logits, divergence, text_loss
from delta_file import read_delta
from export import write_adapter, write_model
from pack import packed_all
from recipes import ATTENTION, merged, start
from safetensors.numpy import load_file, save_file

ROWS = 4  # chats per step
RATES = {  # size of a step, per form and array; scales: of their mean size
    "full": {"change": 1e-4},
    "lora16": {"a": 2e-3, "b": 2e-3},
    "lora1": {"a": 0.1, "b": 0.1, "scales": 0.1},
    "dense1": {"scales": 0.03},
    "vec": {"v": 1e-2},
}


def rates_of(form, params, factor):
    def rate(name, x):
        return factor * RATES[form][name] * (float(jnp.abs(x).mean()) if name == "scales" else 1.0)

    return {m: {n: rate(n, x) for n, x in p.items() if n in RATES[form]} for m, p in params.items()}


def train(base, form, params, rows, steps, teacher=None, factor=1.0):
    """Trains `params` (modules to arrays) on the answers of chats (tokens, where the answer begins), or on a teacher's logits (its layers and rest)."""
    chance, order = np.random.default_rng(0), []
    while len(order) < steps * ROWS:
        order += [rows[i] for i in chance.permutation(len(rows))]
    batches = packed_all([order[at * ROWS : (at + 1) * ROWS] for at in range(steps)])
    fixed = {m: {n: x for n, x in p.items() if n not in RATES[form]} for m, p in params.items()}
    params = {m: {n: x for n, x in p.items() if n in RATES[form]} for m, p in params.items()}
    rates = rates_of(form, params, factor)

    @jax.jit
    def teach(layers, rest, packed):
        return answer_logits(base.config, layers, rest, packed)

    def loss(params, fixed, layers, rest, packed, target):
        both = {m: {**fixed[m], **p} for m, p in params.items()}
        found = answer_logits(base.config, merged(form, layers, both), rest, packed)
        return text_loss(found, packed[-1]) if target is None else divergence(found, target, packed[-1])

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, moments, fixed, layers, rest, packed, target, at, share):
        value, slope = jax.value_and_grad(loss)(params, fixed, layers, rest, packed, target)
        return value, *update(params, moments, slope, rates, at, share)

    moments, recent, begun = begin(params), [], time.monotonic()
    for at, packed in enumerate(batches, 1):
        target = None if teacher is None else teach(*teacher, packed)
        value, params, moments = step(
            params, moments, fixed, base.layers, base.rest, packed, target, at, pace(at, steps)
        )
        recent = [*recent[-4:], float(value)]
        if at % 5 == 0 or at == steps:
            seconds = round(time.monotonic() - begun, 1)
            print(json.dumps({"step": at, "steps": steps, "loss": float(np.mean(recent)), "seconds": seconds}), flush=True)
    return {m: {**fixed[m], **p} for m, p in params.items()}


def load_tuned(path):
    """The full fine-tune's change of each module [layers, out, in]."""
    found = load_file(path)
    return {m: jnp.asarray(found[f"{m}.change"]) for m in MODULES}


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("model", help="the base, a GGUF file")
    ask.add_argument("text", help="chats, one JSON object with prompt and answer a line")
    ask.add_argument("form", choices=RATES)
    ask.add_argument("out", type=Path)
    ask.add_argument("--rank", type=int, default=1)
    ask.add_argument("--modules", default="all", choices=["all", "attention"])
    ask.add_argument("--steps", type=int, default=30)
    ask.add_argument("--rate", type=float, default=1.0, help="times the form's usual step")
    ask.add_argument("--tuned", type=Path)
    ask.add_argument("--start", type=Path, help="the delta whose scales dense1 trains")
    ask.add_argument("--on", default="text", choices=["text", "logits"])
    given = ask.parse_args()
    base = Base.from_gguf(given.model)
    modules = ATTENTION if given.modules == "attention" else tuple(MODULES)
    change = load_tuned(given.tuned) if given.tuned else {m: None for m in MODULES}
    chance = np.random.default_rng(1)
    if given.start:
        _, params = read_delta(given.start, base)
    else:
        params = {m: start(given.form, base.layers[MODULES[m]], change[m], given.rank, chance) for m in modules}
    teacher = None
    if given.on == "logits":
        teacher = merged("full", base.layers, {m: {"change": c} for m, c in change.items()}), base.rest
    trained = train(base, given.form, params, base.rows(given.text), given.steps, teacher, given.rate)
    arrays = {f"{m}.{n}": np.asarray(x) for m, p in trained.items() for n, x in p.items()}
    given.out.mkdir(parents=True, exist_ok=True)
    save_file(arrays, given.out / "trained.safetensors", {"form": given.form})
    if given.form == "full":
        write_model(given.out, base, merged("full", base.layers, trained))
    elif given.form != "dense1":
        write_adapter(given.out, base, given.form, trained, Path(given.model).stem)


if __name__ == "__main__":
    main()
