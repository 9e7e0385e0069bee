"""The cases of ssm.scan and its dense formula."""
import numpy as np

from common import LENGTHS, STORAGE, Case, normal, unknown, wide
from execute import Function


def scan(a, b, s0, axis=0, reverse=False):
    a, b = (np.moveaxis(wide(x), axis, 0) for x in (a, b))
    if reverse:
        a, b = a[::-1], b[::-1]
    length = a.shape[0]
    h = np.zeros(a.shape, a.dtype)
    for t in range(length):
        for s in range(t + 1):
            h[t] += np.prod(a[s + 1:t + 1], axis=0) * b[s]
        h[t] += np.prod(a[:t + 1], axis=0) * wide(s0)
    last = h[-1] if length else wide(s0)
    return np.moveaxis(h[::-1] if reverse else h, 0, axis), last


def cases(rng):
    cases = []
    for dtype, state_dtype in STORAGE + [(t, t) for t in (np.int32, np.complex64, np.complex128)]:
        for rank, axis, reverse in [(1, 0, False), (3, 1, False), (3, 1, True), (2, 1, True), (4, 0, False)]:
            for length in LENGTHS:
                shape = list(rng.integers(1, 5, rank))
                shape[axis] = length
                if dtype == np.int32:
                    a, b = (rng.integers(-3, 4, shape).astype(dtype) for _ in range(2))
                    s = rng.integers(-3, 4, np.delete(shape, axis)).astype(dtype)
                else:
                    a, b = normal(rng, dtype, *shape) * dtype(0.6), normal(rng, dtype, *shape)
                    s = normal(rng, state_dtype, *np.delete(shape, axis))
                s = np.asarray(s, state_dtype)
                text = (f"ssm.scan dimension({axis}) {'reverse' if reverse else ''} "
                        "ins({0}, {1} : {t0}, {t1}) outs({2}, {3} : {t2}, {t3})")
                function = Function(f"scan_{np.dtype(dtype).name}_{rank}_{axis}_{int(reverse)}",
                                    unknown([a, b]), unknown([a, s]), text,
                                    [3 if d == axis else 2 for d in range(rank)])
                cases.append(Case(function, [a, b], [a], [s], [axis] * 3, [reverse] * 3,
                                  lambda a, b, s, axis=axis, reverse=reverse:
                                  scan(a, b, s, axis, reverse), linear=(1, 2) if dtype != np.int32 else ()))
    return cases
