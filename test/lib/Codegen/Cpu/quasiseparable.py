"""ssm-lower-quasiseparable against both recurrences in double precision."""
import itertools
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided
from matrix_state import decay_at, decay_type, function, random_decay, tokens

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(11)


def direction(q, k, v, decay, resets, backward):
    """What the positions on one side give, for each output."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    heads, outputs = v.shape[2], max(q.shape[2], v.shape[2])
    q = np.repeat(q, outputs // q.shape[2], 2)
    k = np.repeat(k, heads // k.shape[2], 2)
    y = np.zeros((*v.shape[:2], outputs, v.shape[3]))
    s = np.zeros((v.shape[0], heads, k.shape[3], v.shape[3]))
    drop = lambda t, s: s if resets is None else np.where(resets[:, t, None, None, None], 0, s)
    for t in range(v.shape[1])[::-1 if backward else 1]:
        if not backward:
            s = drop(t, s)
        y[:, t] = np.einsum("bjn,bjnp->bjp", q[:, t], np.repeat(s, outputs // heads, 1))
        if decay is not None:
            s = np.exp(decay_at(decay, t)) * s
        s = s + np.einsum("bhn,bhp->bhnp", k[:, t], v[:, t])
        if backward:
            s = drop(t, s)
    return y


def oracle(qf, kf, qb, kb, v, diagonal, decays, resets):
    gf, gb = decays or (None, None)
    y = direction(qf, kf, v, gf, resets, False) + direction(qb, kb, v, gb, resets, True)
    if diagonal is not None:
        own = np.asarray(diagonal, np.float64)[..., None] * v
        y = y + np.repeat(own, y.shape[2] // v.shape[2], 2)
    return y


def kernel(name, queries, keys, heads, n, p, rank, diagonal, resets):
    types = {"qf": tokens(queries, n), "kf": tokens(keys, n), "qb": tokens(queries, n),
             "kb": tokens(keys, n), "v": tokens(heads, p)}
    groups = [("ins", list(types))]
    if diagonal:
        types["d"] = f"memref<?x?x{heads}xf32>"
        groups.append(("diagonal", ["d"]))
    if rank:
        types["gf"] = types["gb"] = decay_type(rank, heads, n)
        groups.append(("decay", ["gf", "gb"]))
    if resets:
        types["resets"] = "memref<?x?xi1>"
        groups.append(("resets", ["resets"]))
    types["y"] = tokens(max(queries, heads), p)
    return function(name, "ssm.quasiseparable", types, [*groups, ("outs", ["y"])])


# Query, key and value heads, N, P, the rank of the decay, diagonal, resets.
variants = [(1, 1, 3, 16, 64, 3, True, False), (2, 2, 2, 17, 33, 4, True, True),
            (2, 1, 4, 8, 16, 3, False, True), (6, 3, 3, 5, 7, 4, True, False),
            (2, 2, 2, 12, 40, 0, False, False), (3, 3, 3, 24, 5, 2, False, True),
            (2, 2, 2, 9, 32, 1, True, False)]
lib = build("\n".join(kernel(f"f{i}", *v) for i, v in enumerate(variants)),
            ["ssm-lower-quasiseparable"], cpu)


def inputs(variant, batch, length, strength):
    queries, keys, heads, n, p, rank, diagonal, resets = variant
    f = lambda *s: strided(rng.standard_normal(s).astype(np.float32))
    d = rng.standard_normal((batch, length, heads)).astype(np.float32) if diagonal else None
    decays = rank and [random_decay(rng, rank, heads, n, batch, length, strength) for _ in "fb"]
    flags = rng.random((batch, length)) < 0.1 if resets else None
    return [f(batch, length, queries, n), f(batch, length, keys, n), f(batch, length, queries, n),
            f(batch, length, keys, n), f(batch, length, heads, p), d, decays, flags]


def run(i, ins):
    *arrays, d, decays, flags = ins
    y = strided(np.full((*arrays[4].shape[:2], max(variants[i][0], variants[i][2]),
                         variants[i][4]), np.nan, np.float32))  # what it holds is not used
    lib.call(f"f{i}", *arrays, *([] if d is None else [d]), *(decays or []),
             *([] if flags is None else [flags]), y)
    return y


for (i, variant), (batch, length), strength in itertools.product(
        enumerate(variants), [(1, 1), (3, 2), (2, 65), (1, 150), (1, 0)], [1, 200]):
    ins = inputs(variant, batch, length, strength)
    if variant[5] > 2 and length > 2:  # no decay, and decays that forget all
        for g in ins[6]:
            g[0, 1], g[0, 2] = 0, -np.inf
    y = run(i, ins)
    where = f"{variant} batch {batch} length {length} strength {strength}"
    check("y of " + where, y, oracle(*ins), 3e-6)
    if not np.isnan(y.base[..., :2]).all() or not np.isnan(y.base[..., -3:]).all():
        sys.exit("wrote beyond the columns: " + where)

# Infinities of one sequence of a packed batch do not reach its neighbours.
ins = inputs(variants[1], 1, 70, 1)
ins[7][:] = False
ins[7][0, [30, 40]] = True
for x in ins[:5]:
    x[:, 30:40] = np.inf
y, want = run(1, ins), oracle(*[x[:, :30] if isinstance(x, np.ndarray) else x for x in ins[:6]],
                              [g[:, :30] for g in ins[6]], None)
check("before infinities", y[:, :30], want, 3e-6)
assert np.isfinite(y[:, 40:]).all(), "infinities pass a border"
print("ok")
