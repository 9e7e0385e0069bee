"""One artifact of a graph traced at 24 tokens and batch 2, at other lengths and
batches.

lengths.py FOLDER/GRAPH.onnx TMP [ssmc options]
"""
import os
import subprocess
import sys

import numpy as np

graph, tmp, *options = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
lib = os.path.join(tmp, os.path.basename(graph) + ".so")
subprocess.run(["ssmc", graph, "-o", lib, "--dim=input_ids:0=B", "--dim=input_ids:1=L", *options], check=True)
stored = np.load(os.path.join(os.path.dirname(graph), "lengths.npz"))
for length in (1, 7, 24, 40, 100):
    ids, logits = stored[f"input_ids_L{length}"], stored[f"logits_L{length}"]
    # Rows are independent: any choice of them is another batch.
    for rows in ([0], [0, 1], [1, 0, 0, 1, 1]):
        rows = np.array(rows) % len(ids)
        case = os.path.join(tmp, "case.npz")
        np.savez(case, input_ids=ids[rows], logits=logits[rows])
        print(f"L = {length}, batch {len(rows)}: ", end="", flush=True)
        subprocess.run(["ssm-run", lib, "--input", f"@{case}", "--expect", f"@{case}"], check=True)
