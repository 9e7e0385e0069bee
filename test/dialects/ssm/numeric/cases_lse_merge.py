"""The cases of ssm.lse_merge and its dense formula."""
import numpy as np

from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def lse_merge(ya, la, yb, lb):
    la, lb = wide(la)[..., None], wide(lb)[..., None]
    with np.errstate(divide="ignore"):
        lse = np.log(np.exp(la) + np.exp(lb))
    parts = [np.where(np.isinf(l), 0, np.exp(l - np.where(np.isinf(lse), 0, lse)) * wide(y))
             for y, l in ((ya, la), (yb, lb))]
    return sum(parts), lse[..., 0]


def cases(rng):
    cases = []
    for dtype, wide_dtype in STORAGE:
        for length in LENGTHS:
            b, j, p = rng.integers(1, 5, 3)
            ya, yb = (normal(rng, dtype, b, length, j, p) for _ in "ab")
            la, lb = (5 * normal(rng, wide_dtype, b, length, j) for _ in "ab")
            for y, l in ((ya, la), (yb, lb)):
                l[rng.random(l.shape) < 0.4] = -np.inf
                y[np.isinf(l)] = np.nan
            y, lse = np.zeros_like(ya), np.zeros_like(la)
            function, ins = mixer(f"lse_merge_{np.dtype(dtype).name}", "ssm.lse_merge",
                                  [("ins", [ya, la, yb, lb])], [y, lse], [], [2, 3, 2])
            cases.append(Case(function, ins, [y, lse], [], [1] * 6, [False] * 6, lse_merge))
    return cases
