"""ssm-lower-semiseparable against the recurrence in double precision."""
import itertools
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided
from matrix_state import check_both, check_dropped, check_pieces, decay_at, decay_type, function, random_decay, tokens

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(7)


def oracle(q, k, v, decay, resets, state, reverse):
    q, k, v, s = (np.asarray(x, np.float64) for x in (q, k, v, state))
    heads, outputs = v.shape[2], max(q.shape[2], v.shape[2])
    q = np.repeat(q, outputs // q.shape[2], 2)
    k = np.repeat(k, heads // k.shape[2], 2)
    y = np.zeros((*v.shape[:2], outputs, v.shape[3]))
    for t in range(v.shape[1])[::-1 if reverse else 1]:
        if resets is not None:
            s = np.where(resets[:, t, None, None, None], 0, s)
        if decay is not None:
            s = np.exp(decay_at(decay, t)) * s
        s = s + np.einsum("bhn,bhp->bhnp", k[:, t], v[:, t])
        y[:, t] = np.einsum("bjn,bjnp->bjp", q[:, t], np.repeat(s, outputs // heads, 1))
    return y, s


def kernel(name, queries, keys, heads, n, p, rank, resets, reverse):
    types = {"q": tokens(queries, n), "k": tokens(keys, n), "v": tokens(heads, p)}
    groups = [("ins", "qkv")]
    if rank:
        types["decay"] = decay_type(rank, heads, n)
        groups.append(("decay", ["decay"]))
    if resets:
        types["resets"] = "memref<?x?xi1>"
        groups.append(("resets", ["resets"]))
    types |= {"y": tokens(max(queries, heads), p), "state": f"memref<?x{heads}x{n}x{p}xf32>"}
    return function(name, "ssm.semiseparable" + (" reverse" if reverse else ""), types,
                    [*groups, ("outs", ["y", "state"])])


# Query, key and value heads, N, P, the rank of the decay, resets, reverse.
variants = [(1, 1, 3, 16, 64, 3, False, False), (2, 2, 2, 17, 33, 4, True, False),
            (2, 1, 4, 8, 16, 3, True, True), (6, 3, 3, 5, 7, 4, False, True),
            (2, 2, 2, 12, 40, 0, False, False), (1, 1, 2, 20, 64, 0, True, False),
            (2, 2, 2, 9, 32, 1, False, False), (3, 3, 3, 24, 5, 2, True, False),
            (1, 1, 1, 1, 1, 3, False, False)]
lib = build("\n".join(kernel(f"f{i}", *v) for i, v in enumerate(variants)),
            ["ssm-lower-semiseparable"], cpu)


def inputs(variant, batch, length, strength):
    queries, keys, heads, n, p, rank, resets, _ = variant
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    q, k = (strided(f(batch, length, h, n)) for h in (queries, keys))
    v, state = strided(f(batch, length, heads, p)), f(batch, heads, n, p)
    rest = []
    if rank:
        rest.append(random_decay(rng, rank, heads, n, batch, length, strength))
    if resets:
        rest.append(rng.random((batch, length)) < 0.1)
    return [q, k, v, *rest, state]


def run(i, arrays):
    queries, _, heads, _, p = variants[i][:5]
    *ins, state = arrays
    y = strided(np.zeros((*ins[2].shape[:2], max(queries, heads), p), np.float32))
    state = state.copy()
    lib.call(f"f{i}", *ins, y, state)
    return y, state


def expected(i, arrays):
    rank, resets, reverse = variants[i][5:]
    q, k, v, *rest, state = arrays
    return oracle(q, k, v, rest[0] if rank else None, rest[-1] if resets else None, state, reverse)


for (i, variant), (batch, length), strength in itertools.product(
        enumerate(variants), [(1, 1), (3, 2), (2, 65), (1, 150), (1, 0)], [1, 200]):
    arrays = inputs(variant, batch, length, strength)
    if variant[5] > 2 and length > 2:  # no decay, and decays that forget all
        arrays[3][0, 1], arrays[3][0, 2] = 0, -np.inf
    check_both(f"{variant} batch {batch} length {length} strength {strength}", run(i, arrays),
               expected(i, arrays), 3e-6)

for i in (0, 1):
    check_pieces(lambda arrays: run(i, arrays), inputs(variants[i], 1, 100, 5), 100, [30, 31], 1e-6)

# A reset drops a state of infinities, and a decay above 1 is no overflow.
for length in (1, 3):
    arrays = inputs(variants[1], 1, length, 1)
    arrays[4][:] = np.arange(length) == 0
    check_dropped(lambda arrays: run(1, arrays), lambda arrays: expected(1, arrays), arrays, 3e-6)
arrays = inputs(variants[0], 1, 70, 1)
arrays[3][:], arrays[-1][:] = 1.0, 0
want = expected(0, arrays)
y, state = run(0, arrays)
check("growth", y, want[0], 1e-4)  # e^70 of a sum of 70 roundings

# A decay of -infinity forgets even the largest states; large inputs stay finite.
arrays = inputs(variants[0], 1, 64, 1)
arrays[3][:], arrays[3][0, 10] = -0.5, -np.inf
for x in arrays[:3]:
    x[:, :10] = 0
arrays[-1][:] = 1e38
y, state = run(0, arrays)
want = expected(0, arrays)
check("after large states", y[:, 10:], want[0][:, 10:], 3e-6)
arrays = inputs(variants[0], 1, 64, 1)
arrays[3][:], arrays[-1][:] = -0.5, 0
arrays[2][:] *= 1e30
y, state = run(0, arrays)
check("large values", y, expected(0, arrays)[0], 3e-6)
print("ok")
