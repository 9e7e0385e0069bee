"""ssm-lower-selective-scan against a dense oracle in double precision."""
import itertools
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(7)
T3 = "memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>"


def oracle(u, delta, A, B, C, D, z, h, reverse, resets=None):
    u, delta, A, B, C, h = (np.asarray(a, np.float64) for a in (u, delta, A, B, C, h))
    y, h = np.zeros(u.shape), h.copy()
    for t in range(u.shape[1])[::-1 if reverse else 1]:
        if resets is not None:
            h = np.where(resets[:, t, None, None], 0, h)
        h = (np.exp(delta[:, t, :, None] * A) * h
             + (delta[:, t] * u[:, t])[:, :, None] * B[:, t, None, :])
        y[:, t] = np.einsum("bn,bdn->bd", C[:, t], h)
    if D is not None:
        y += D.astype(np.float64) * u
    if z is not None:
        z = z.astype(np.float64)
        y *= z / (1 + np.exp(-z))
    return y, h


def function(name, n, skip, gate, reverse, d=None, resets=False):
    c = "?" if d is None else d
    t3 = f"memref<?x?x{c}xf32, strided<[?, ?, 1], offset: ?>>"
    bc = f"memref<?x?x{n}xf32, strided<[?, ?, ?], offset: ?>>"
    args = [("u", t3), ("delta", t3), ("A", f"memref<{c}x{n}xf32>"), ("B", bc), ("C", bc)]
    if skip:
        args.append(("D", f"memref<{c}xf32>"))
    if gate:
        args.append(("z", t3))
    if resets:
        args.append(("resets", "memref<?x?xi1>"))
    args += [("y", t3), ("state", f"memref<?x{c}x{n}xf32>")]
    types = dict(args)
    refs = lambda names: (", ".join("%" + a for a in names) + " : "
                          + ", ".join(types[a] for a in names))
    return f"""
func.func @{name}({", ".join(f"%{a}: {t}" for a, t in args)}) attributes {{llvm.emit_c_interface}} {{
  ssm.selective_scan {"reverse" if reverse else ""} ins({refs("u delta A B C".split())})
    {"skip(" + refs(["D"]) + ")" if skip else ""} {"gate(" + refs(["z"]) + ")" if gate else ""}
    {"resets(" + refs(["resets"]) + ")" if resets else ""}
    outs({refs(["y", "state"])})
  return
}}"""


variants = [dict(n=16, skip=True, gate=True, reverse=False),
            dict(n=16, skip=True, gate=True, reverse=True),
            dict(n=16, skip=False, gate=False, reverse=False, d=48),
            dict(n=16, skip=True, gate=True, reverse=False, d=37),
            dict(n=5, skip=True, gate=False, reverse=False),
            dict(n=8, skip=False, gate=True, reverse=True),
            dict(n=43, skip=True, gate=True, reverse=False),
            dict(n=1, skip=False, gate=False, reverse=False),
            dict(n=16, skip=True, gate=True, reverse=False, resets=True),
            dict(n=43, skip=True, gate=False, reverse=True, resets=True)]
lib = build("\n".join(function(f"f{i}", **v) for i, v in enumerate(variants)),
            ["ssm-lower-selective-scan"], cpu)
for (i, v), (batch, length) in itertools.product(enumerate(variants),
                                                 [(1, 1), (3, 2), (2, 33), (1, 0)]):
    for d in ([v["d"]] if "d" in v else [1, 7, 16, 32, 71]):
        f = lambda *s: rng.standard_normal(s).astype(np.float32)
        n = v["n"]
        u, z = strided(f(batch, length, d)), strided(f(batch, length, d))
        delta = strided((0.001 + rng.random((batch, length, d)) ** 4).astype(np.float32))
        if length > 1:  # decays that underflow, and decays of exactly one
            delta[0, 1, 0], delta[0, 0, d - 1] = 1000, 0
        A = -np.exp(f(d, n))
        B, C = (strided(f(batch, length, 2 * n))[..., ::2] for _ in "BC")
        D, h0 = f(d), f(batch, d, n)
        resets = rng.random((batch, length)) < 0.15 if "resets" in v else None
        if resets is not None:  # a state of infinities is dropped too
            resets[0, -1 if v["reverse"] else 0:][:1] = True
            h0[0] = np.inf if length else h0[0]
        want_y, want_h = oracle(u, delta, A, B, C, D if v["skip"] else None,
                                z if v["gate"] else None, h0, v["reverse"], resets)
        y, h = strided(np.zeros_like(u)), h0.copy()
        optional = ([D] if v["skip"] else []) + ([z] if v["gate"] else [])
        optional += [] if resets is None else [resets]
        lib.call(f"f{i}", u, delta, A, B, C, *optional, y, h)
        where = f"{v} batch {batch} length {length} channels {d}"
        check("y of " + where, y, want_y, 3e-6)
        check("state of " + where, h, want_h, 3e-6)
        if not np.isnan(y.base[..., :2]).all() or not np.isnan(y.base[..., -3:]).all():
            sys.exit("wrote beyond the channels: " + where)

# prefill(a) then continue(b) = run(a + b), bit for bit.
n, d, length = 16, 40, 19
u, delta, z = (rng.random((1, length, d)).astype(np.float32) for _ in range(3))
A, B, C = -rng.random((d, n)).astype(np.float32), *(rng.random((1, length, n)).astype(np.float32) for _ in "BC")
D = rng.random(d).astype(np.float32)
whole, h = np.zeros_like(u), np.zeros((1, d, n), np.float32)
lib.call("f0", u, delta, A, B, C, D, z, whole, h)
parts, g = np.zeros_like(u), np.zeros_like(h)
for piece in (slice(0, 7), slice(7, 8), slice(8, length)):
    lib.call("f0", u[:, piece], delta[:, piece], A, B[:, piece], C[:, piece], D, z[:, piece],
             parts[:, piece], g)
assert np.array_equal(whole, parts) and np.array_equal(h, g), "continuing changes the result"

# A decay near one applied 4096 times, and extreme values stay finite.
length, d = 4096, 16
u = np.ones((1, length, d), np.float32)
delta = np.full((1, length, d), 1e-4, np.float32)
B = C = np.ones((1, length, n), np.float32)
y, h = np.zeros_like(u), np.zeros((1, d, n), np.float32)
A = -np.ones((d, n), np.float32)
lib.call("f0", u, delta, A, B, C, np.zeros(d, np.float32),
         np.ones_like(u), y, h)
want_y, want_h = oracle(u, delta, A, B, C, None, np.ones_like(u), np.zeros_like(h), False)
check("slow decay", h, want_h, 8 * 6e-8 * 4096)
delta[:], y[:], h[:] = 1e30, 0, 1
lib.call("f0", u[:, :2], delta[:, :2], A * 1e30, B[:, :2], C[:, :2], np.zeros(d, np.float32),
         np.full_like(u, -1e30)[:, :2], y[:, :2], h)
assert np.isfinite(h).all() and np.isfinite(y).all(), "an extreme step is not finite"
print("ok")
