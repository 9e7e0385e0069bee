"""ssm-expand-math: no function is called, and the results are those of libm."""
import re
import sys

import numpy as np
from kernel_harness import build, function_text, host_runs

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
from math import erf

wide = np.concatenate([np.linspace(-30, 30, 4001), np.logspace(-30, 1.4, 500),
                       -np.logspace(-30, 1.4, 500)])
positive = np.logspace(-37, 37, 4001)
angles = np.concatenate([np.linspace(-30, 30, 4001), np.linspace(-1e5, 1e5, 4001)])
unit = np.linspace(-1, 1, 4001)
# name: values, oracle, tolerance relative to max(|y|, floor), floor
cases = {
    "exp": (np.linspace(-87, 88.5, 9001), np.exp, 4e-7, 0),
    "exp2": (np.linspace(-125.9, 127.9, 9001), np.exp2, 4e-7, 0),
    "expm1": (wide, np.expm1, 1e-6, 0),
    "log": (positive, np.log, 4e-7, 1e-2),
    "log2": (positive, np.log2, 4e-7, 1e-2),
    "log1p": (np.concatenate([np.logspace(-30, 37, 4001), -np.logspace(-30, -0.01, 500)]),
              np.log1p, 1e-6, 0),
    "tanh": (wide, np.tanh, 1e-6, 0),
    "erf": (np.linspace(-5, 5, 4001), np.vectorize(erf), 1e-6, 0),
    "rsqrt": (positive, lambda x: 1 / np.sqrt(x), 4e-7, 0),
    "sqrt": (positive, np.sqrt, 4e-7, 0),
    "sin": (angles, np.sin, 2e-7, 1e-2),
    "cos": (angles, np.cos, 2e-7, 1e-2),
    "sinh": (np.linspace(-10, 10, 4001), np.sinh, 1e-6, 1e-1),
    "cbrt": (positive, np.cbrt, 2e-6, 0),
}
source = "".join(f"""
func.func @f_{name}(%x: memref<?xf32>, %y: memref<?xf32>) attributes {{llvm.emit_c_interface}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {{
    %v = memref.load %x[%i] : memref<?xf32>
    %r = math.{name} %v : f32
    memref.store %r, %y[%i] : memref<?xf32>
  }}
  return
}}""" for name in cases)
lib = build(source, ["ssm-expand-math"], cpu)
calls = {c for c in re.findall(r"\tcall\w*\s+(\S+)", lib.assembly) if not c.startswith("f_")}
if calls:
    sys.exit(f"calls {calls}")
for name in ("exp", "log1p", "tanh", "erf", "sin"):
    if not re.search(r"vfn?m\w+ps.*%[yz]mm", function_text(lib.assembly, "f_" + name)):
        sys.exit(f"the loop of math.{name} is not vectorised")
worst = []
for name, (values, oracle, tolerance, floor) in cases.items():
    x = values.astype(np.float32)
    y = np.zeros_like(x)
    lib.call("f_" + name, x, y)
    want = oracle(x.astype(np.float64))
    scale = np.maximum(np.abs(want), max(floor, 1e-37))
    error = np.abs(y - want) / scale
    where = int(np.argmax(error))
    worst.append((name, float(error[where])))
    if not error[where] <= tolerance:
        print(f"math.{name}({x[where]!r}) = {y[where]!r}, not {want[where]!r}: {error[where]:.2g}")
        worst.append(None)
# Limits: what a softmax with a mask and a saturated gate rely on.
x = np.array([-np.inf, -1000, 1000, np.inf, np.nan, 0] + [0.5] * 20, np.float32)
for name, want in dict(exp=[0, 0, np.inf, np.inf, np.nan, 1], tanh=[-1, -1, 1, 1, np.nan, 0],
                       erf=[-1, -1, 1, 1, np.nan, 0]).items():
    y = np.zeros_like(x)
    lib.call("f_" + name, x, y)
    if not np.allclose(y[:6], want, atol=1e-30, rtol=1e-6, equal_nan=True):
        print(f"math.{name} of {x[:6]} is {y[:6]}")
        worst.append(None)
print(worst)
sys.exit(None in worst)
