"""ssm-lower-linear against numpy in double precision, for every small number of rows."""
import sys

import ml_dtypes
import numpy as np
from kernel_harness import build, check, host_runs, strided

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(3)


def function(name, k, n, width, m="?", epilogue=False, type="f32"):
    panels = -(-n // width)
    row = f"memref<{m}x{n}xf32, strided<[?, 1], offset: ?>>"
    # Pairs of bf16 are loaded at once.
    x = f"memref<{m}x{k}x{type}, strided<[?, {'?' if type == 'f32' else 1}], offset: ?>>"
    body = """^bb0(%sum: f32, %e: f32, %r: f32):
    %zero = arith.constant 0.0 : f32
    %0 = arith.addf %sum, %e : f32
    %1 = arith.maximumf %0, %zero : f32
    %2 = arith.addf %1, %r : f32
    ssm.yield %2 : f32""" if epilogue else """^bb0(%sum: f32):
    ssm.yield %sum : f32"""
    args = f"%bias: memref<{n}xf32>, %residual: {row}, " if epilogue else ""
    extras = f"extras(%bias, %residual : memref<{n}xf32>, {row})" if epilogue else ""
    return f"""
func.func @{name}(%x: {x}, %w: memref<{panels}x{k}x{width}x{type}>, {args}%y: {row})
    attributes {{llvm.emit_c_interface}} {{
  ssm.linear ins(%x, %w : {x}, memref<{panels}x{k}x{width}x{type}>) {extras} outs(%y : {row}) {{
  {body}
  }}
  return
}}"""


def pack(w, width):
    k, n = w.shape
    wide = np.full((k, -(-n // width) * width), np.nan, np.float32)
    wide[:, :n] = w
    return np.ascontiguousarray(wide.reshape(k, -1, width).transpose(1, 0, 2))


panel = 32 if cpu != "znver3" else 16
half = dict(width=panel, type="bf16")
halves = [dict(half, k=19, n=3 * panel), dict(half, k=1030, n=2 * panel + 5, epilogue=True),
          dict(half, k=6, n=40, m=30), dict(half, k=1, n=11), dict(half, k=9, n=24, width=8)]
variants = [dict(k=19, n=3 * panel, width=panel),
            dict(k=8, n=4 * panel + 5, width=panel, epilogue=True),
            dict(k=1, n=11, width=panel, epilogue=True),
            dict(k=5, n=24, width=8),
            dict(k=523, n=24, width=panel, epilogue=True),
            dict(k=6, n=40, width=panel, m=30, epilogue=True), halves[0],
            dict(k=2048, n=panel, width=panel, m=16)]
# Only this one multiplies pairs of bf16.
if cpu == "znver4":
    variants = halves + variants[-1:]
lib = build("\n".join(function(f"f{i}", **v) for i, v in enumerate(variants)),
            ["ssm-lower-linear"], cpu)
first_row = {}
for i, v in enumerate(variants):
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    k, n = v["k"], v["n"]
    w, bias, top = f(k, n), f(n), f(1, k)
    stored = lambda a: a.astype(ml_dtypes.bfloat16) if v.get("type") == "bf16" else a
    w = stored(w).astype(np.float32)
    packed = stored(pack(w, v["width"]))
    for m in [v["m"]] if "m" in v else [*range(0, 30), 97, 300]:
        x, residual, y = strided(f(m, k)), strided(f(m, n)), strided(np.zeros((m, n), np.float32))
        x[:1] = top
        x = strided(stored(np.ascontiguousarray(x)))
        residual[:1] = 0
        want = x.astype(np.float64) @ w.astype(np.float64)
        if v.get("epilogue"):
            want = np.maximum(want + bias, 0) + residual
        lib.call(f"f{i}", x, packed, *([bias, residual] if v.get("epilogue") else []), y)
        check(f"{v} with {m} rows", y, want, 2e-6)
        outside = np.ones(y.base.shape[1], bool)
        outside[2:2 + n] = False
        assert np.isnan(y.base[:, outside]).all(), f"wrote beyond the columns: {v}, {m} rows"
        # A row has the same bits however many rows there are.
        if m:
            same = first_row.setdefault(i, y[0].copy())
            assert np.array_equal(same, y[0]), f"{v}: row 0 depends on the number of rows ({m})"
# Long sums are made in pieces: less rounding than one after the other.
single = np.zeros((m, n), np.float32)
for j in range(k):
    single += x[:, j:j + 1] * w[j]
error = lambda got: np.sqrt(((got - want) ** 2).mean())
assert error(y) < 0.5 * error(single), f"rounding: {error(y)}, in one piece {error(single)}"
print("ok")
