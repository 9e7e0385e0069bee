"""The cases of ssm.ssm_kernel, and its formula by powers: the states of a recurrence
after an impulse."""
import ml_dtypes
import numpy as np

from common import LENGTHS, Case, mixer, normal, wide

# Parts of the parameters, their element type and that of the kernel.
TYPES = [(1, np.float32, np.float32), (1, np.float64, np.float64), (2, np.float32, np.float32),
         (2, np.float64, np.float64), (2, np.float32, np.float16), (2, np.float32, ml_dtypes.bfloat16),
         (2, np.float64, np.float32)]


def number(x):
    """Of real and imaginary parts."""
    return wide(x[0]) + 1j * wide(x[1]) if x.ndim == 3 else wide(x)


def ssm_kernel(a, c, length):
    a, c = number(a), number(c)
    k, h = np.zeros((length, len(a))), c
    for l in range(length):
        k[l] = h.real.sum(-1)
        h = np.exp(a) * h
    return (k,)


def cases(rng):
    cases = []
    for parts, dtype, kernel_dtype in TYPES:
        for length in LENGTHS:
            d, n = int(rng.integers(1, 6)), int(rng.integers(0, 5))
            # Decays, and angles of more than a turn.
            a, c = normal(rng, dtype, parts, d, n), normal(rng, dtype, parts, d, n)
            a[0] = -np.abs(a[0])
            a[1:] *= 3
            if parts == 1:
                a, c = a[0], c[0]
            k = np.zeros((length, d), kernel_dtype)
            function, ins = mixer(f"ssm_kernel_{parts}_{np.dtype(dtype).name}_{np.dtype(kernel_dtype).name}", "ssm.ssm_kernel",
                                  [("ins", [a, c])], [k], [], [2],
                                  keep=[(0, 0), (1, 0)] if parts == 2 else ())
            cases.append(Case(function, ins, [k], [], [None] * 3, [False] * 3,
                              lambda a, c, length=length: ssm_kernel(a, c, length), linear=(1,)))
    return cases
