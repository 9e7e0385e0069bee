"""Outputs whose extents the data decides have those that the model declares.

    declared.py FOLDER

The data must agree: else the run ends with a message, at both levels.
"""
import os
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser

MODEL = """<ir_version: 10, opset_import: ["": 21]>
g (float[L, 3] x, int64[1] n) => (float[4, 3] first, float[L, 3] all, float[4, 3] both) {
  zero = Constant <value_ints = [0]> ()
  cut = Slice (x, zero, n)
  first = Exp (cut)
  again = Concat <axis = 0> (x, x)
  all = Slice (again, zero, n)
  both = Add (first, cut)
}"""

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
path, lib, feed = (os.path.join(folder, name) for name in ("model.onnx", "model.so", "feed.npz"))
onnx.save(onnx.parser.parse_model(MODEL), path)
for level in ("-O0", "-O2"):
    subprocess.run(["ssmc", path, "-o", lib, level], check=True)
    for length, n in ((4, 4), (5, 4), (5, 5), (4, 5), (4, 3), (9, 9), (4, 0), (4, 4000)):
        x = np.random.default_rng(length).standard_normal((length, 3)).astype(np.float32)
        cut, twice = x[:n], np.concatenate([x, x])[:n]
        np.savez(feed, x=x, n=np.array([n]), first=np.exp(cut), all=twice, both=np.exp(cut) + cut)
        done = subprocess.run(["ssm-run", lib, "--input", "@" + feed, "--expect", "@" + feed],
                              capture_output=True, text=True)
        if len(cut) == 4 and len(twice) == length:
            assert done.returncode == 0, (level, length, n, done)
        else:
            assert done.returncode == 1, (level, length, n, done)
            assert "is not what the model says" in done.stderr, done
print("ok")
