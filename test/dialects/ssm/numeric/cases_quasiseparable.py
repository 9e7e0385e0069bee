"""The cases of ssm.quasiseparable and its dense formula: the matrix, and its
product with the values."""
import numpy as np

from cases_semiseparable import forgetting, log_decays
from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def quasiseparable(qf, kf, qb, kb, v, diagonal, decays, resets):
    qf, kf, qb, kb, v = map(wide, (qf, kf, qb, kb, v))
    batch, length, heads = v.shape[:3]
    outputs = max(qf.shape[2], heads)
    qf, qb = (np.repeat(x, outputs // x.shape[2], 2) for x in (qf, qb))
    kf, kb = (np.repeat(x, heads // x.shape[2], 2) for x in (kf, kb))
    gf, gb = (log_decays(x, length) for x in decays or (None, None))
    of_output = np.arange(outputs) * heads // outputs
    matrix = np.zeros((batch, outputs, length, length))
    for t in range(length):
        for s in range(length):
            if s == t:
                matrix[:, :, t, t] = 0 if diagonal is None else wide(diagonal)[:, t, of_output]
                continue
            # What is strictly between decays; a boundary right behind the
            # earlier one, or later, hides it.
            first, last = min(s, t) + 1, max(s, t) - 1
            q, k, g = (qf, kf, gf) if s < t else (qb, kb, gb)
            factor = np.exp(g[:, first:last + 1].sum(axis=1))
            if resets is not None:
                factor = factor * ~resets[:, first:last + 2].any(axis=1)[:, None, None]
            decayed = (factor * k[:, s])[:, of_output]
            matrix[:, :, t, s] = np.einsum("bjn,bjn->bj", q[:, t], decayed)
    return np.einsum("bjts,bsjp->btjp", matrix, v[:, :, of_output]),


def cases(rng):
    cases = []
    # Query, key and value heads; diagonal, rank of the decays, resets.
    kinds = [((2, 2, 2), 1, 3, 0), ((1, 1, 3), 1, 3, 1), ((2, 1, 4), 0, 4, 1), ((6, 3, 3), 1, 1, 0),
             ((3, 3, 3), 0, 0, 1), ((2, 2, 2), 1, 2, 1)]
    for dtype, wide_dtype in STORAGE:
        for (queries, keys, heads), diagonal, rank, resets in kinds:
            for length in LENGTHS:
                b, n, p = rng.integers(1, 6, 3)
                qf, qb = (normal(rng, dtype, b, length, queries, n) / dtype(np.sqrt(n)) for _ in range(2))
                kf, kb = (normal(rng, dtype, b, length, keys, n) for _ in range(2))
                v = normal(rng, dtype, b, length, heads, p)
                d = [normal(rng, dtype, b, length, heads)] if diagonal else []
                y = np.zeros((b, length, max(queries, heads), p), dtype)
                decay, flags = forgetting(rng, wide_dtype, rank, resets, b, length, heads, n, count=2)
                name = f"quasi_{np.dtype(dtype).name}_{queries}{keys}{heads}_{diagonal}{rank}{resets}"
                at = 5 + len(d) + len(decay) + len(flags)
                plain = queries == keys == heads
                function, ins = mixer(
                    name, "ssm.quasiseparable",
                    [("ins", [qf, kf, qb, kb, v]), ("diagonal", d), ("decay", decay), ("resets", flags)],
                    [y], [], [2, 2, 1] if plain else [2, 2], {(i, 2) for i in range(5)} | {(at, 2)})

                def compute(qf, kf, qb, kb, v, *rest, diagonal=diagonal, rank=rank, resets=resets):
                    rest = list(rest)
                    d = rest.pop(0) if diagonal else None
                    decays = [rest.pop(0), rest.pop(0)] if rank else None
                    return quasiseparable(qf, kf, qb, kb, v, d, decays, rest[0] if resets else None)
                cases.append(Case(function, ins, [y], [], [None] * (len(ins) + 1),
                                  [False] * (len(ins) + 1), compute, linear=(4,)))
    return cases
