"""The cross-scan of VMamba: each sequence is made and undone by itself."""
import sys

import numpy as np

from block import check, compare, normal
from mamba import parameters, scan


def test(block):
    rng = np.random.default_rng(11)
    for batch, height, width in [(2, 3, 5), (1, 7, 2), (1, 1, 1)]:
        x = normal(rng, batch, height, width, 6)
        weights = {}
        for i in range(4):
            weights |= parameters(rng, 6, 3, f"p{i}_")
        expected = np.zeros(x.shape)
        for i in range(4):
            # Pixels in the order in which sequence i has them.
            order = np.arange(height * width).reshape(height, width)
            order = (order.T if i % 2 else order).ravel()
            order = order[::-1] if i >= 2 else order
            pixels = x.reshape(batch, -1, 6)[:, order]
            expected.reshape(batch, -1, 6)[:, order] += scan(pixels, weights, f"p{i}_")
        compare(f"{height} x {width}", block(x=x, **weights)["y"], expected)


check(sys.argv[1], test)
