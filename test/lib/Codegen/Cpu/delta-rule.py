"""ssm-lower-delta-rule against the recurrence in double precision."""
import itertools
import sys

import numpy as np
from kernel_harness import build, host_runs, strided
from matrix_state import check_both, check_dropped, check_pieces, decay_at, decay_type, function, random_decay, tokens

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(7)


def oracle(q, k, v, given, decay, resets, state, reverse):
    q, k, v, s = (np.asarray(x, np.float64) for x in (q, k, v, state))
    given = [np.asarray(x, np.float64) for x in given]
    heads = v.shape[2]
    share = lambda x: np.repeat(x, heads // x.shape[2], 2)
    q, k = share(q), share(k)
    y = np.zeros(v.shape)
    for t in range(v.shape[1])[::-1 if reverse else 1]:
        if resets is not None:
            s = np.where(resets[:, t, None, None, None], 0, s)
        decayed = s
        if decay is not None:
            decayed = np.exp(decay_at(decay, t)) * s
        outer = lambda x, z: np.einsum("bhn,bhp->bhnp", x, z)
        if len(given) == 1:
            read = np.einsum("bhnp,bhn->bhp", decayed, k[:, t])
            s = decayed + outer(k[:, t], given[0][:, t, :, None] * (v[:, t] - read))
        else:
            a, b = (share(x)[:, t] for x in given)
            s = decayed + outer(b, np.einsum("bhnp,bhn->bhp", s, a)) + outer(k[:, t], v[:, t])
        y[:, t] = np.einsum("bhn,bhnp->bhp", q[:, t], s)
    return y, s


def kernel(name, queries, keys, heads, n, p, erase, rank, resets, reverse):
    types = {"q": tokens(queries, n), "k": tokens(keys, n), "v": tokens(heads, p)}
    types |= {"a": tokens(keys, n), "b": tokens(keys, n)} if erase else {"beta": f"memref<?x?x{heads}xf32>"}
    groups = [("ins", "qkv"), ("erase", "ab") if erase else ("beta", ["beta"])]
    if rank:
        types["decay"] = decay_type(rank, heads, n)
        groups.append(("decay", ["decay"]))
    if resets:
        types["resets"] = "memref<?x?xi1>"
        groups.append(("resets", ["resets"]))
    types |= {"y": tokens(heads, p), "state": f"memref<?x{heads}x{n}x{p}xf32>"}
    return function(name, "ssm.delta_rule" + (" reverse" if reverse else ""), types,
                    [*groups, ("outs", ["y", "state"])])


# Query, key and value heads, N, P, erase, the rank of the decay, resets, reverse.
variants = [(2, 2, 2, 16, 64, False, 3, False, False), (2, 2, 2, 17, 33, False, 4, True, False),
            (1, 2, 4, 8, 16, False, 0, True, True), (3, 3, 3, 9, 40, True, 4, False, False),
            (2, 2, 2, 16, 32, True, 3, True, True), (2, 2, 2, 5, 7, True, 0, False, False),
            (2, 2, 2, 12, 32, False, 1, False, False), (1, 1, 1, 24, 5, True, 2, True, False)]
lib = build("\n".join(kernel(f"f{i}", *v) for i, v in enumerate(variants)),
            ["ssm-lower-delta-rule"], cpu)


def unit(x):
    return (x / np.sqrt((x ** 2).sum(-1, keepdims=True) + 1e-6)).astype(np.float32)


def inputs(variant, batch, length, strength):
    queries, keys, heads, n, p, erase, rank, resets, _ = variant
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    q, k = strided(f(batch, length, queries, n)), strided(unit(f(batch, length, keys, n)))
    v, state = strided(f(batch, length, heads, p)), f(batch, heads, n, p)
    if erase:
        kappa = unit(f(batch, length, keys, n))
        given = [strided(-kappa), strided((kappa * rng.random(kappa.shape)).astype(np.float32))]
    else:
        given = [rng.random((batch, length, heads)).astype(np.float32)]
    rest = []
    if rank:
        rest.append(random_decay(rng, rank, heads, n, batch, length, strength))
    if resets:
        rest.append(rng.random((batch, length)) < 0.1)
    return [q, k, v, *given, *rest, state]


def run(i, arrays):
    *ins, state = arrays
    y, state = strided(np.zeros_like(ins[2])), state.copy()
    lib.call(f"f{i}", *ins, y, state)
    return y, state


def expected(i, arrays):
    erase, rank, resets, reverse = variants[i][5:]
    q, k, v, *rest, state = arrays
    given, rest = rest[:1 + erase], rest[1 + erase:]
    return oracle(q, k, v, given, rest[0] if rank else None, rest[-1] if resets else None, state,
                  reverse)


for (i, variant), (batch, length), strength in itertools.product(
        enumerate(variants), [(1, 1), (3, 2), (2, 33), (1, 100), (1, 0)], [0.6, 200]):
    arrays = inputs(variant, batch, length, strength)
    if variant[6] > 2 and length > 2:  # no decay, and decays that forget all
        decay = arrays[4 + variant[5]]
        decay[0, 1], decay[0, 2] = 0, -np.inf
    check_both(f"{variant} batch {batch} length {length} strength {strength}", run(i, arrays),
               expected(i, arrays), 1e-5)

for i in (0, 3):
    check_pieces(lambda arrays: run(i, arrays), inputs(variants[i], 1, 80, 0.6), 80, [20, 21], 3e-6)

# A reset drops a state of infinities.
for length in (1, 3):
    arrays = inputs(variants[1], 1, length, 1)
    arrays[5][:] = np.arange(length) == 0
    check_dropped(lambda arrays: run(1, arrays), lambda arrays: expected(1, arrays), arrays, 1e-5)
print("ok")
