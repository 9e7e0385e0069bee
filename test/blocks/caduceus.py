"""Caduceus: what it makes of the reverse complement is the reverse complement of what
it makes of the strand."""
import sys

import numpy as np

from block import check, compare, normal
from mamba import parameters, scan


def bimamba(x, w, weights):
    def mamba(x):
        padded = np.concatenate([np.zeros((len(x), 2, 6)), x], 1)
        conv = sum(padded[:, i:i + x.shape[1]] * w[:, i] for i in range(3))
        return scan(conv / (1 + np.exp(-conv)), weights)
    return mamba(x) + mamba(x[:, ::-1])[:, ::-1]


def complement(x):
    return x[:, ::-1, ::-1]


def test(block):
    rng = np.random.default_rng(13)
    w, weights = normal(rng, 6, 3), parameters(rng, 6, 3)
    for batch, length in [(2, 9), (1, 17), (1, 1)]:
        x = normal(rng, batch, length, 12)
        y = block(x=x, w=w, **weights)["y"]
        wide = x.astype(np.float64)
        halves = bimamba(wide[..., :6], w, weights), complement(bimamba(complement(wide[..., 6:]), w, weights))
        compare(f"length {length}", y, np.concatenate(halves, 2))
        turned = block(x=np.ascontiguousarray(complement(x)), w=w, **weights)["y"]
        compare(f"length {length}: reverse complement", turned, complement(y))


check(sys.argv[1], test)
