"""The cases of ssm.expand and its dense formula: a product with a matrix of zeros
and ones."""
import numpy as np

from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def expand(z, mask, last):
    rows = np.concatenate([wide(last)[:, None], wide(z)], 1)
    number = np.minimum(np.cumsum(mask, 1), z.shape[1])
    matrix = (number[:, :, None] == np.arange(rows.shape[1])).astype(float)
    x = matrix @ rows
    return x, np.concatenate([rows[:, :1], x], 1)[:, -1]


def cases(rng):
    cases = []
    for dtype, _ in STORAGE:
        for length in LENGTHS:
            for capacity in {length, length // 2, length + 2}:
                b, d = rng.integers(1, 6, 2)
                z, mask = normal(rng, dtype, b, capacity, d), rng.random((b, length)) < rng.random()
                x, last = np.zeros((b, length, d), dtype), normal(rng, dtype, b, d)
                function, ins = mixer(f"expand_{np.dtype(dtype).name}", "ssm.expand",
                                      [("ins", [z, mask])], [x], [last], [2, 3])
                cases.append(Case(function, ins, [x], [last], [None] * 3, [False] * 3, expand))
    return cases
