"""A prefill whose outputs are not stored, beside ONNX Runtime.

    prefill.py MODEL.onnx FOLDER

Lengths are multiples of the chunks of 8 in which the model scans: others end ONNX
Runtime, too. Some tokens are masked.
"""
import os
import subprocess
import sys

import numpy as np
import onnxruntime

model, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
ids, mask = (value.name for value in session.get_inputs())
names = [value.name for value in session.get_outputs()]
for level in ("-O0", "-O2"):
    lib, feed = os.path.join(folder, f"prefill{level}.so"), os.path.join(folder, "feed.npz")
    subprocess.run(["ssmc", model, "-o", lib, level], check=True)
    for batch, length in ((1, 8), (2, 16), (3, 40)):
        random = np.random.default_rng(length)
        inputs = {ids: random.integers(0, 128, (batch, length)), mask: np.ones((batch, length), np.int64)}
        inputs[mask][0, :3] = 0
        outputs = dict(zip(names, session.run(names, inputs)))
        np.savez(feed, **inputs, **{"out:" + name: value for name, value in outputs.items()})
        subprocess.run(["ssm-run", lib, "--input", "@" + feed, "--expect", "@" + feed], check=True)
