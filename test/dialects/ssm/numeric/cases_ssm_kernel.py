"""The cases of ssm.ssm_kernel, and its formula by powers: the states of a recurrence
after an impulse."""
import ml_dtypes
import numpy as np

from common import LENGTHS, Case, mixer, normal, wide

# Element types of the parameters and of the kernel.
TYPES = [(np.float32, np.float32), (np.float64, np.float64), (np.complex64, np.float32),
         (np.complex128, np.float64), (np.complex64, np.float16), (np.complex64, ml_dtypes.bfloat16),
         (np.complex128, np.float32)]


def ssm_kernel(a, c, length):
    a, c = wide(a), wide(c)
    k, h = np.zeros((length, len(a))), c
    for l in range(length):
        k[l] = h.real.sum(-1)
        h = np.exp(a) * h
    return (k,)


def cases(rng):
    cases = []
    for dtype, kernel_dtype in TYPES:
        for length in LENGTHS:
            d, n = int(rng.integers(1, 6)), int(rng.integers(0, 5))
            # Decays, and angles of more than a turn.
            a, c = normal(rng, dtype, d, n), normal(rng, dtype, d, n)
            a = (-np.abs(a.real) + 3j * a.imag if np.iscomplexobj(a) else -np.abs(a)).astype(dtype)
            k = np.zeros((length, d), kernel_dtype)
            function, ins = mixer(f"ssm_kernel_{np.dtype(dtype).name}_{np.dtype(kernel_dtype).name}", "ssm.ssm_kernel",
                                  [("ins", [a, c])], [k], [], [2])
            cases.append(Case(function, ins, [k], [], [None] * 3, [False] * 3,
                              lambda a, c, length=length: ssm_kernel(a, c, length), linear=(1,)))
    return cases
