"""Compiles a real exported model and compares it with the outputs stored
beside it.

models.py FOLDER/GRAPH.onnx ARCHIVE.npz TMP [ssmc options]

Arrays of the archive are named as inputs and outputs are, or in:NAME and
out:NAME.
"""
import os
import subprocess
import sys

import numpy as np

graph, archive, tmp, *options = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
folder = os.path.dirname(graph)
lib = os.path.join(tmp, os.path.basename(graph) + ".so")
subprocess.run(["ssmc", graph, "-o", lib, *options], check=True)

archive = os.path.join(folder, archive)
inputs, outputs = [], []
for line in subprocess.run(["ssm-run", lib, "--info"], check=True, capture_output=True, text=True).stdout.splitlines():
    words = line.split(maxsplit=1)
    if words and words[0] in ("input", "output"):
        (inputs if words[0] == "input" else outputs).append(words[1].strip().split(":")[0])
stored = np.load(archive).files


def named(flag, names, prefix):
    keys = [(n, prefix + n if prefix + n in stored else n) for n in names]
    return [f"{flag}={n}=@{archive}:{k}" for n, k in keys if k in stored]


expect = named("--expect", outputs, "out:")
assert len(expect) == len(outputs), (outputs, stored)
subprocess.run(["ssm-run", lib, *named("--input", inputs, "in:"), *expect], check=True)
