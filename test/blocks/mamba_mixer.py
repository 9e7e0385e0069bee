"""MambaMixer: tokens, then channels in both directions."""
import sys

import numpy as np

from block import check, compare, normal
from mamba import parameters, scan


def test(block):
    rng = np.random.default_rng(12)
    for batch in (1, 3):
        x = normal(rng, batch, 5, 6)
        weights = parameters(rng, 6, 3, "t_") | parameters(rng, 5, 3, "f_") | parameters(rng, 5, 3, "b_")
        mixed = x + scan(x, weights, "t_")
        channels = mixed.transpose(0, 2, 1)
        both = scan(channels, weights, "f_") + scan(channels[:, ::-1], weights, "b_")[:, ::-1]
        compare(f"batch {batch}", block(x=x, **weights)["y"], mixed + both.transpose(0, 2, 1))


check(sys.argv[1], test)
