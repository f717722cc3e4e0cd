"""Distils the scales of a dense1 delta (also attn1) on the logits of the fine-tuned model; signs never change.

usage: distil.py FOLDER

`zen delta build --distil` writes FOLDER:
  job.json     {"model": the ladder's model, "steps": 1 to 1000,
                "tensors": [{"name", "shape": [rows, columns], "base": first float in base.bin,
                             "tuned": first float in tuned.bin, null where it is the base's}],
                "chats": [{"tokens": [..], "answerAt": first token that is learnt from, at least 1}]}
  base.bin     float32 values of the base
  tuned.bin    float32 values of the fine-tuned model, rows in the base's order
  start.delta  the delta with its closed-form scales
The result is FOLDER/scales.bin: float32 scales [layers named, out, in / group] of each part, in the order of
q, k, v, o, gate, up, down. One JSON line per report goes to stdout: step, steps, loss, seconds.
"""

import json
import sys
from pathlib import Path

import numpy as np
from base import MODULES, Base
from delta_file import layers_named, read_delta
from train import train


def main():
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    values = {which: np.memmap(folder / f"{which}.bin", np.float32, "r") for which in ("base", "tuned")}

    def tensor(which, t):
        first, shape = t[which], [side for side in t["shape"] if side != 1] if 1 in t["shape"] else t["shape"]
        return np.array(values[which][first : first + np.prod(shape)]).reshape(shape)

    base = Base(job["model"], {t["name"]: tensor("base", t) for t in job["tensors"]})
    tuned = Base(
        job["model"],
        {t["name"]: tensor("base" if t["tuned"] is None else "tuned", t) for t in job["tensors"]},
    )
    _, params = read_delta(folder / "start.delta", base)
    rows = [(chat["tokens"], chat["answerAt"]) for chat in job["chats"]]
    trained = train(base, "dense1", params, rows, job["steps"], (tuned.layers, tuned.rest))
    named = layers_named(folder / "start.delta")
    found = [np.asarray(trained[m]["scales"])[named[m]].ravel() for m in MODULES if m in trained]
    np.concatenate(found).astype(np.float32).tofile(folder / "scales.bin")


main()
