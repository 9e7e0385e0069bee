"""Inputs of mixers.mlir, and a check of the results."""
import sys

import numpy as np

rng = np.random.default_rng(3)


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


CALLS = {
    "right.static": [floats(5, 3), floats(5, 3), floats(3)],
    "wrong.static": [floats(5, 3), floats(6, 3), floats(3)],
    "rank.static": [floats(5, 3), floats(5, 3), floats(3, 1)],
    "other.nested": [floats(4, 3, 5), floats(5), floats()],
    "any.unsupported": [floats(2)],
    # The size that raising needs to be quick at: one layer of a 130M Mamba.
    "large.static": [floats(128, 1536 * 16) * 0.1, np.zeros((128, 1536 * 16)), floats(1536 * 16)],
}


def scan(a, s):
    h = []
    for x in a.astype(np.float64):
        s = x * s + x
        h.append(s)
    return np.array(h), s


if sys.argv[1] == "--check":
    found = np.load(sys.argv[2])
    for call in ("right.static", "large.static"):
        a, _, s = CALLS[call]
        for i, expected in enumerate(scan(a, s)):
            np.testing.assert_allclose(found[f"{call}.{i}"], expected, rtol=1e-13)
    x, s, scale = CALLS["other.nested"]
    for row in x:
        s = scan(row, s)[1] * np.float64(scale)
    np.testing.assert_allclose(found["other.nested.0"], s, rtol=1e-13)
else:
    arrays = {f"{call}.{i}": a for call, given in CALLS.items() for i, a in enumerate(given)}
    np.savez(sys.argv[2], **arrays)
