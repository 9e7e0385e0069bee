"""One artifact of a graph traced at 24 tokens and batch 2, at other lengths and
batches; and artifacts for one of them.

    lengths.py FOLDER/GRAPH.onnx TMP LENGTHS [ssmc options]

LENGTHS are numbers with commas between them; `fixed` compiles for each length
and batch anew; `batch` leaves the length as it is.
"""
import itertools
import os
import subprocess
import sys

import numpy as np

BATCHES = ([0], [0, 1], [1, 0, 0, 1, 1])  # rows are independent: any choice is a batch

graph, tmp, lengths, *options = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
lib, case = os.path.join(tmp, "model.so"), os.path.join(tmp, "case.npz")
stored = np.load(os.path.join(os.path.dirname(graph), "lengths.npz"))


def compile_for(batch, length):
    dims = [f"--dim=input_ids:0={batch}"] + ([f"--dim=input_ids:1={length}"] if length else [])
    subprocess.run(["ssmc", graph, "-o", lib, *dims, *options], check=True)


def run(rows, length):
    ids, logits = stored[f"input_ids_L{length}"], stored[f"logits_L{length}"]
    rows = np.array(rows) % len(ids)
    np.savez(case, input_ids=ids[rows], logits=logits[rows])
    print(f"L = {length}, batch {len(rows)}: ", end="", flush=True)
    subprocess.run(["ssm-run", lib, "--input", f"@{case}", "--expect", f"@{case}"], check=True)


if lengths == "fixed":
    for length, rows in ((7, BATCHES[0]), (40, BATCHES[2])):
        compile_for(len(rows), length)
        run(rows, length)
elif lengths == "batch":
    compile_for("B", None)
    for rows in BATCHES:
        run(rows, 24)
else:
    compile_for("B", "L")
    for length, rows in itertools.product(lengths.split(","), BATCHES):
        run(rows, length)
