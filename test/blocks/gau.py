"""A gated attention unit, query by query."""
import sys

import numpy as np

from block import check, compare, normal


def silu(x):
    return x / (1 + np.exp(-x))


def turn(x, angle):
    z = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)
    return np.stack([z.real, z.imag], -1).reshape(x.shape)


def test(block):
    rng = np.random.default_rng(14)
    weights = {name: normal(rng, *shape) for name, shape in
               [("wu", (6, 8)), ("wv", (6, 8)), ("wz", (6, 4)), ("wo", (8, 6)),
                ("gq", (4,)), ("bq", (4,)), ("gk", (4,)), ("bk", (4,))]}
    for batch, length in [(2, 9), (1, 17), (3, 1)]:
        x, angle = normal(rng, batch, length, 6), normal(rng, length, 2)
        found = block(x=x, cos=np.cos(angle), sin=np.sin(angle), **weights)["y"]
        w = {name: value.astype(np.float64) for name, value in weights.items()}
        u, v, z = (silu(x.astype(np.float64) @ w[name]) for name in ("wu", "wv", "wz"))
        q, k = (turn(z * w["g" + n] + w["b" + n], angle.astype(np.float64)) for n in "qk")
        y = np.zeros((batch, length, 8))
        for i in range(length):
            weight = np.maximum(np.einsum("bn,bjn->bj", q[:, i], k[:, :i + 1]) / length, 0) ** 2
            y[:, i] = u[:, i] * np.einsum("bj,bjd->bd", weight, v[:, :i + 1])
        compare(f"length {length}", found, y @ w["wo"])


check(sys.argv[1], test)
