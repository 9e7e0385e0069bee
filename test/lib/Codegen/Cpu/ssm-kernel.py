"""ssm-lower-ssm-kernel against its formula in double precision: extents known and
not, chunks of several sizes, more than one segment; the accuracy at large lags, at
angles of many turns, and of what decays below the range of f32 is that of f32."""
import sys

import ml_dtypes
import numpy as np
from kernel_harness import assembly, build, function_text, host_runs, loops, strided

cpu = sys.argv[1]


def function(name, parts, kernel, length, d, n):
    a, k = f"memref<{parts}{d}x{n}xf32>", f"memref<{length}x{d}x{kernel}, strided<[?, 1], offset: ?>>"
    return f"""
func.func @{name}(%a: {a}, %c: {a}, %k: {k}) attributes {{llvm.emit_c_interface}} {{
  ssm.ssm_kernel ins(%a, %c : {a}, {a}) outs(%k : {k})
  return
}}"""


def number(x):
    """Of real and imaginary parts."""
    x = x.astype(np.float64)
    return x[0] + 1j * x[1] if x.ndim == 3 else x


def oracle(a, c, length):
    """By exponentials, whose angles are exact multiples reduced in f64."""
    a, c = number(a), number(c)
    k = np.empty((length, len(a)))
    for l in range(length):
        k[l] = (c * np.exp(l * a)).real.sum(-1)
    return k


def stacked(z):
    return np.stack([z.real, z.imag]).astype(np.float32)


def parameters(rng, is_complex, d, n):
    """As S4D-Lin has them: steps from 0.001 to 0.1, and angles up to N pi of one."""
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), (d, 1)))
    a, c = dt * (-0.5 + 1j * np.pi * np.arange(n)), rng.standard_normal((d, n)) + 1j * rng.standard_normal((d, n))
    if is_complex:
        return stacked(a), stacked(c)
    return (a.real * (1 + np.arange(n))).astype(np.float32), c.real.astype(np.float32)


# The loop of a tile: two multiply-adds for each sum, which stay in registers.
register, sums = {"znver3": ("ymm", 8), "skylake-avx512": ("zmm", 20)}[cpu]
text = function_text(assembly(function("k", "2x", "f32", 4096, 256, 64), ["ssm-lower-ssm-kernel"], cpu), "k")
multiplies = [(b, sum("vfmadd" in l and "ps" in l and register in l for l in b)) for b in loops(text)]
bodies = [b for b, count in multiplies if count and count % (2 * sums) == 0]
if len(bodies) != 1 or any("rsp" in line for line in bodies[0]):
    sys.exit(f"{len(bodies)} loops of {2 * sums} multiply-adds, or sums on the stack")
if [line for line in text.splitlines() if "\tcall" in line and "malloc" not in line and "free" not in line]:
    sys.exit("calls a function")
if not host_runs(cpu):
    sys.exit(print("ok"))

KINDS = [("2x", True), ("", False)]
rng = np.random.default_rng(4)
library = build("\n".join(function(f"open{i}", parts, "f32", "?", "?", "?") for i, (parts, _) in enumerate(KINDS))
                + function("known", "2x", "f32", 1000, 37, 5) + function("empty", "2x", "f32", 0, 3, 5),
                ["ssm-lower-ssm-kernel"], cpu)
CALLS = [(0, 5, 3), (1, 1, 1), (3, 0, 2), (9, 16, 0), (7, 3, 1), (20, 17, 4), (21, 5, 4), (319, 16, 7), (321, 33, 2), (1000, 37, 5),
         (16384, 3, 32), (40001, 2, 16)]
for length, d, n in CALLS:
    for i, (_, is_complex) in enumerate(KINDS):
        a, c = parameters(rng, is_complex, d, n)
        want = oracle(a, c, length)
        for name in [f"open{i}"] + (["known"] if (length, d, n, i) == (1000, 37, 5, 0) else []):
            k = strided(np.full((length, d), 7, np.float32))
            library.call(name, a, c, k)
            # Of what the modes could add up to at most.
            error = np.abs(k - want).max(initial=0) / np.abs(number(c)).sum(-1).max(initial=1)
            if not error <= 2e-7:
                sys.exit(f"{name} {length} {d} {n}: {error:.2g} of the sum of |c|")
            assert np.isnan(k.base[..., :2]).all() and np.isnan(k.base[..., -3:]).all(), name
library.call("empty", *parameters(rng, True, 3, 5), strided(np.zeros((0, 3), np.float32)))

# A kernel of 16 bits is the same, rounded once.
HALVES = [("f16", np.float16, 2 ** -11), ("bf16", ml_dtypes.bfloat16, 2 ** -8)]
halves = build("\n".join(function(name, "2x", name, "?", "?", "?") for name, _, _ in HALVES),
               ["ssm-lower-ssm-kernel"], cpu)
for name, dtype, unit in HALVES:
    a, c = parameters(rng, True, 21, 4)
    k = strided(np.zeros((333, 21), dtype))
    halves.call(name, a, c, k)
    want = oracle(a, c, 333)
    if not (np.abs(k - want) <= unit * np.abs(want) + 2e-7 * np.abs(number(c)).sum(-1)).all():
        sys.exit(f"{name}: {np.abs(k - want).max():.2g}")

# A mode that stays alone at lag 40000 is as exact there as at lag 0; one that grows is
# what it is.
a = stacked(np.array([[3j], [-1e-5 + 2.5j], [1e-4 + 700j], [-200 + 1j]]))
c, k = stacked(np.ones((4, 1), complex)), np.zeros((40000, 4), np.float32)
library.call("open0", a, c, k)
error = np.abs(k - oracle(a, c, 40000)) / np.maximum(1, np.exp(np.arange(40000)[:, None] * a[0].T))
if not error.max() <= 2e-7:
    sys.exit(f"one mode: {error.max(0)}")
print("ok")
