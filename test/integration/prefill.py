"""A prefill beside ONNX Runtime, with masks of every kind.

    prefill.py MODEL.onnx FOLDER ROLES [BATCHxLENGTH...]

ROLES are what the inputs are, in order, with commas between them: ids, mask or
positions. Of the masks no two rows are equal: tokens are left out in front, behind
and between. A length that the model cuts into chunks is a multiple of them: others
end ONNX Runtime, too.
"""
import os
import subprocess
import sys

import numpy as np
import onnxruntime

model, folder, roles, *sizes = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
inputs = dict(zip(roles.split(","), (value.name for value in session.get_inputs())))
#: What the graph does not read.
others = {value.name: np.zeros(value.shape, np.int64) for value in session.get_inputs()[len(inputs):]}
names = [value.name for value in session.get_outputs()]


def masks(batch, length):
    """None left out, then in front, then behind and between, row by row more."""
    whole = np.ones((batch, length), np.int64)
    left, holes = whole.copy(), whole.copy()
    for row in range(batch):
        left[row, :3 * (batch - row)] = 0
        holes[row, length - row - 1:] = 0
        holes[row, 2 + row:6:2] = 0
    return whole, left, holes


for level in ("-O0", "-O2"):
    lib, feed = os.path.join(folder, f"prefill{level}.so"), os.path.join(folder, "feed.npz")
    subprocess.run(["ssmc", model, "-o", lib, level], check=True)
    for size in sizes:
        batch, length = map(int, size.split("x"))
        random = np.random.default_rng(length)
        for mask in masks(batch, length):
            values = {"ids": random.integers(0, 128, (batch, length)), "mask": mask,
                      "positions": np.maximum(np.cumsum(mask, 1) - 1, 0)}
            given = {name: values[role] for role, name in inputs.items()} | others
            outputs = dict(zip(names, session.run(names, given)))
            np.savez(feed, **given, **{"out:" + name: value for name, value in outputs.items()})
            subprocess.run(["ssm-run", lib, "--input", "@" + feed, "--expect", "@" + feed], check=True)
