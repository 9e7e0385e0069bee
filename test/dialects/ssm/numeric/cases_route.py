"""The cases of ssm.route and its dense formula."""
import numpy as np

from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def route(q, k, resets, last, seen):
    # Row t is what came before token t, row L what comes before the next.
    before = np.concatenate([wide(last)[:, None], wide(q)], 1)

    def unit(x):
        return x / np.maximum(np.sqrt((x * x).sum(-1, keepdims=True)), 1e-12)
    p = np.clip((1 - np.einsum("btd,btd->bt", unit(before[:, :-1]), unit(wide(k)))) / 2, 0, 1)
    known = np.concatenate([seen[:, None], np.ones(q.shape[:2], bool)], 1)
    first = ~known[:, :-1] if resets is None else ~known[:, :-1] | resets
    return np.where(first, 1, p), before[:, -1], known[:, -1]


def cases(rng):
    cases = []
    for dtype, state_dtype in STORAGE:
        for resets in (0, 1):
            for length in LENGTHS:
                b, d = rng.integers(1, 6, 2)
                q, k = normal(rng, dtype, b, length, d), normal(rng, dtype, b, length, d)
                # A token of zeros has no direction.
                q[rng.random((b, length)) < 0.1] = 0
                p, last = np.zeros((b, length), dtype), normal(rng, state_dtype, b, d)
                seen = rng.random(b) < 0.5
                flags = [rng.random((b, length)) < 0.3] if resets else []
                function, ins = mixer(f"route_{np.dtype(dtype).name}_{resets}", "ssm.route",
                                      [("ins", [q, k]), ("resets", flags)], [p], [last, seen], [2, 3])
                axes = [1, 1] + [1] * resets + [1]

                def compute(q, k, *rest, resets=resets):
                    return route(q, k, rest[0] if resets else None, *rest[-2:])
                cases.append(Case(function, ins, [p], [last, seen], axes, [False] * len(axes), compute))
    return cases
