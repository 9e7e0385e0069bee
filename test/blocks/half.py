"""A scan stored in half precision."""
import sys

import ml_dtypes
import numpy as np

from block import check, compare


def scan(a, b, dtype):
    a, b = a.astype(dtype), b.astype(dtype)
    b = (a + b).astype(dtype)
    state, h = np.zeros(a[:, 0].shape), np.zeros(a.shape)
    for t in range(a.shape[1]):
        state = h[:, t] = a[:, t].astype(float) * state + b[:, t].astype(float)
    return h.astype(dtype).astype(np.float32)


def test(block):
    rng = np.random.default_rng(3)
    for batch, length in [(2, 9), (1, 1), (3, 40)]:
        a = rng.random((batch, length, 21)).astype(np.float32)
        b = rng.standard_normal((batch, length, 21))
        found = block(a=a, b=b)
        # One rounding may fall to the other side.
        compare("bf16", found["bf16"], scan(a, b, ml_dtypes.bfloat16), 2.0**-8)
        compare("f16", found["f16"], scan(a, b, np.float16), 2.0**-11)


for cpu in ("host", "x86-64"):
    check(sys.argv[1], test, options=[f"--cpu={cpu}"])
