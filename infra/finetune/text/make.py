"""Writes NAME.train.jsonl and NAME.held-out.jsonl of every text beside this file; the same each time."""

import json
from pathlib import Path

import glossary
import keeper
import numpy as np
import tickets

for text in (tickets, keeper, glossary):
    for part, rows in zip(("train", "held-out"), text.rows(np.random.default_rng(0))):
        path = Path(__file__).parent / f"{text.__name__}.{part}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        print(path.name, len(rows))
