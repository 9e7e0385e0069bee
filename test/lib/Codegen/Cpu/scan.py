"""ssm-lower-scan against a dense oracle in double precision, along every dimension."""
import itertools
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(6)


def oracle(a, b, state, axis, reverse):
    a, b = (np.moveaxis(v, axis, 0).astype(np.float64) for v in (a, b))
    h, out = state.astype(np.float64), np.zeros(b.shape)
    for t in range(len(a))[::-1 if reverse else 1]:
        h = out[t] = a[t] * h + b[t]
    return np.moveaxis(out, 0, axis), h


def function(name, rank, axis, reverse):
    strides = ", ".join(["?"] * (rank - 1) + ["1"])
    t = f"memref<{'?x' * rank}f32, strided<[{strides}], offset: ?>>"
    s = f"memref<{'?x' * (rank - 1)}f32>"
    return f"""
func.func @{name}(%a: {t}, %b: {t}, %h: {t}, %s: {s}) attributes {{llvm.emit_c_interface}} {{
  ssm.scan dimension({axis}) {"reverse" if reverse else ""} ins(%a, %b : {t}, {t})
    outs(%h, %s : {t}, {s})
  return
}}"""


variants = [(rank, axis, axis % 2 == 1) for rank in (1, 2, 3, 4) for axis in range(rank)]
variants.append((3, 1, False))
variants.append((3, 2, False))
lib = build("\n".join(function(f"f{i}", *v) for i, v in enumerate(variants)),
            ["ssm-lower-scan"], cpu)
for i, (rank, axis, reverse) in enumerate(variants):
    lengths = [0, 1, 9] if axis < rank - 1 else [0, 1, 9, 37]
    for length, last in itertools.product(lengths, [1, 19, 48, 0]):
        # Lanes run along the last dimension that is not time.
        shape = [2, 3, 2, last][-rank:] if axis < rank - 1 else [2, 3, last, 0][-rank:]
        shape[axis] = length
        a, b = (strided(rng.standard_normal(shape).astype(np.float32)) for _ in "ab")
        state = rng.standard_normal(shape[:axis] + shape[axis + 1:]).astype(np.float32)
        want, want_state = oracle(a, b, state, axis, reverse)
        h, s = strided(np.zeros(shape, np.float32)), state.copy()
        lib.call(f"f{i}", a, b, h, s)
        where = f"rank {rank} dimension {axis} shape {shape} reverse {reverse}"
        check("h of " + where, h, want, 1e-6)
        check("state of " + where, s, want_state, 1e-6)
print("ok")
