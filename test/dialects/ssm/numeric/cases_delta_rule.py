"""The cases of ssm.delta_rule and its dense formula: the errors of all steps at
once, as the solution of a triangular system."""
import numpy as np

from cases_semiseparable import between, forgetting, log_decays
from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def delta_rule(q, k, v, beta, erase, decay, resets, state, reverse=False):
    """Per head, with U the rows that step s adds with key w[s],
    U = D - R S[-1] - A U where A[t,s] = r[t] . w[s] is strictly lower, decayed
    from s to t; r reads the state, D is what each step adds by itself."""
    q, k, v, state = map(wide, (q, k, v, state))
    batch, length, heads, width = v.shape
    outputs = max(q.shape[2], heads)
    g = log_decays(decay, length)
    if reverse:
        q, k, v, g = (x[:, ::-1] for x in (q, k, v, g))
        resets = None if resets is None else resets[:, ::-1]
        beta = None if beta is None else beta[:, ::-1]
        erase = None if erase is None else [x[:, ::-1] for x in erase]
    q = np.repeat(q, outputs // q.shape[2], 2)
    k = np.repeat(k, heads // k.shape[2], 2)
    of_output = np.arange(outputs) * heads // outputs
    n = k.shape[3]
    full = (batch, heads, n)
    # A step adds keys[i] rows[i]^T for each i. With beta there is one, with
    # erase there are two, of which the second, k v^T, does not read.
    if beta is not None:
        read, scale, keys, late = -k, wide(beta)[..., None], [k], True
    else:
        a, b = (np.repeat(wide(x), heads // x.shape[2], 2) for x in erase)
        read, scale, keys, late = a, 1.0, [b, k], False
    system = np.zeros((batch, heads, length, length))
    of_state = np.zeros((batch, heads, length, n))
    known = np.zeros((batch, heads, length, width))
    for t in range(length):
        # With beta the decay of step t itself is before what it reads.
        end = t if late else t - 1
        of_state[:, :, t] = (read * scale)[:, t] * between(g, resets, 0, end, t)
        for s in range(t):
            factor = np.broadcast_to(between(g, resets, s + 1, end, t), full)
            seen = np.einsum("bhn,bhn,bhn->bh", (read * scale)[:, t], factor, keys[0][:, s])
            system[:, :, t, s] = seen
            if not late:
                seen = np.einsum("bhn,bhn,bhn->bh", read[:, t], factor, k[:, s])
                known[:, :, t] += seen[..., None] * v[:, s]
    if late:
        known = np.moveaxis(scale * v, 1, 2)
    known = known + of_state @ state
    rows = [np.linalg.solve(np.eye(length) - system, known)]
    if not late:
        rows.append(np.moveaxis(v, 1, 2))
    y, last = np.zeros((batch, length, outputs, width)), state
    for t in range(length):
        last = between(g, resets, 0, t, t)[..., None] * state
        for s in range(t + 1):
            for key, row in zip(keys, rows):
                decayed = between(g, resets, s + 1, t, t) * key[:, s]
                last = last + decayed[..., None] * row[:, :, s, None]
        y[:, t] = np.einsum("bjn,bjnp->bjp", q[:, t], last[:, of_output])
    return (y[:, ::-1] if reverse else y), last


def unit(x):
    size = np.sqrt((wide(x) ** 2).sum(-1, keepdims=True))
    return (wide(x) / np.maximum(size, 1e-12)).astype(x.dtype)


def cases(rng):
    cases = []
    # Query, key and value heads; form; rank of the decay, resets, reverse.
    kinds = [((2, 2, 2), "beta", 0, 0, 0), ((1, 1, 3), "beta", 3, 1, 0), ((2, 1, 4), "beta", 4, 0, 1),
             ((2, 2, 2), "erase", 4, 0, 0), ((6, 3, 3), "erase", 1, 1, 1), ((2, 1, 2), "erase", 3, 1, 0),
             ((3, 3, 3), "beta", 2, 1, 1), ((1, 1, 1), "erase", 0, 0, 1)]
    for dtype, state_dtype in STORAGE:
        for (queries, keys, heads), form, rank, resets, reverse in kinds:
            for length in LENGTHS:
                b, n, p = rng.integers(1, 6, 3)
                q = normal(rng, dtype, b, length, queries, n)
                k = unit(normal(rng, dtype, b, length, keys, n))
                v = normal(rng, dtype, b, length, heads, p)
                # Reflections, beta beyond 1, are among them.
                rate = (rng.random((b, length, heads)) * 2).astype(dtype)
                a = unit(normal(rng, dtype, b, length, keys, n))
                erase = [] if form == "beta" else [-a, a * rng.random((b, length, keys, 1)).astype(dtype)]
                y = np.zeros((b, length, max(queries, heads), p), dtype)
                state = normal(rng, state_dtype, b, heads, n, p)
                decay, flags = forgetting(rng, state_dtype, rank, resets, b, length, heads, n)
                name = f"delta_{np.dtype(dtype).name}_{queries}{keys}{heads}_{form}_{rank}{resets}{reverse}"
                beta = [rate] if form == "beta" else []
                at = 3 + len(beta) + len(erase) + len(decay) + len(flags)
                headed = [0, 1, 2] + ([3, 4] if erase else [])
                keep = {(i, 2) for i in headed} | {(at, 2), (at + 1, 1)}
                plain = queries == keys == heads
                function, ins = mixer(
                    name, "ssm.delta_rule" + (" reverse" if reverse else ""),
                    [("ins", [q, k, v]), ("beta", beta), ("erase", erase), ("decay", decay),
                     ("resets", flags)], [y], [state],
                    [2, 3, 2, 1] if plain else [2, 3, 2], keep)
                axes = ([1, 1, 1] + [1] * len(beta + erase) + [1 if rank > 2 else None] * len(decay)
                        + [1] * resets + [1])

                def compute(q, k, v, *rest, form=form, rank=rank, resets=resets, reverse=reverse):
                    rest, state = list(rest[:-1]), rest[-1]
                    beta = rest.pop(0) if form == "beta" else None
                    erase = [rest.pop(0), rest.pop(0)] if form == "erase" else None
                    decay = rest.pop(0) if rank else None
                    return delta_rule(q, k, v, beta, erase, decay, rest[0] if resets else None, state,
                                      reverse)
                cases.append(Case(function, ins, [y], [state], axes, [bool(reverse)] * len(axes), compute,
                                  linear=(2, len(ins))))
    return cases
