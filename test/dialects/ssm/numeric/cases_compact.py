"""The cases of ssm.compact and its dense formula: a product with the matrix that
selects."""
import numpy as np

from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def selection(mask, capacity):
    """select[b,i,t] is 1 where token t is the i-th marked one of row b."""
    place = np.cumsum(mask, 1) - 1
    return (mask[:, None] & (place[:, None] == np.arange(capacity)[None, :, None])).astype(float)


def cases(rng):
    cases = []
    for dtype, _ in STORAGE:
        for length in LENGTHS:
            for capacity in {length, length // 2, length + 2}:
                integer = np.int64 if capacity > length else np.int32
                b, d = rng.integers(1, 6, 2)
                x, mask = normal(rng, dtype, b, length, d), rng.random((b, length)) < rng.random()
                z, count = np.zeros((b, capacity, d), dtype), np.zeros(b, integer)
                function, ins = mixer(f"compact_{np.dtype(dtype).name}_{np.dtype(integer).name}",
                                      "ssm.compact", [("ins", [x, mask])], [z, count], [], [2])

                def compute(x, mask, capacity=capacity):
                    return selection(mask, capacity) @ wide(x), mask.sum(1)
                cases.append(Case(function, ins, [z, count], [], [None] * 4, [False] * 4, compute))
    return cases
