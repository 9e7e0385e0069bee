"""Compiles a real exported model and compares it with outputs stored beside it.

models.py FOLDER/GRAPH.onnx ARCHIVE.npz[,ARCHIVE.npz] TMP [ssmc options]

One artifact is compiled and serves every archive. The arrays of an archive are
named as inputs and outputs are, or in:NAME and out:NAME.
"""
import os
import subprocess
import sys

import numpy as np

graph, archives, tmp, *options = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
lib = os.path.join(tmp, os.path.basename(graph) + ".so")
subprocess.run(["ssmc", graph, "-o", lib, *options], check=True)

inputs, outputs = [], []
info = subprocess.run(["ssm-run", lib, "--info"], check=True, capture_output=True, text=True)
for line in info.stdout.splitlines():
    words = line.split(maxsplit=1)
    if words and words[0] in ("input", "output"):
        (inputs if words[0] == "input" else outputs).append(words[1].strip().split(":")[0])


def named(flag, names, prefix, archive):
    """Options that take the arrays of `names` from an archive."""
    stored = np.load(archive).files
    keys = [(n, prefix + n if prefix + n in stored else n) for n in names]
    missing = [n for n, key in keys if key not in stored]
    assert not missing, f"{archive} lacks {missing}"
    return [f"{flag}={n}=@{archive}:{key}" for n, key in keys]


for archive in archives.split(","):
    archive = os.path.join(os.path.dirname(graph), archive)
    print(archive, flush=True)
    subprocess.run(["ssm-run", lib, *named("--input", inputs, "in:", archive),
                    *named("--expect", outputs, "out:", archive)], check=True)
