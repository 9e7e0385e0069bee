"""What the blocks of selective scans share: random parameters, and a scan token by
token in double precision."""
import numpy as np

from block import normal

NAMES = ("wd", "bd", "wb", "wc", "A")


def parameters(rng, channels, states, prefix=""):
    values = [normal(rng, channels, channels) / 6, normal(rng, channels),
              normal(rng, channels, states) / 4, normal(rng, channels, states) / 4,
              -np.exp(normal(rng, channels, states))]
    return {prefix + name: value for name, value in zip(NAMES, values)}


def scan(x, weights, prefix=""):
    """x is B x L x D."""
    wd, bd, wb, wc, A = (weights[prefix + name].astype(np.float64) for name in NAMES)
    x, ys = x.astype(np.float64), []
    state = np.zeros((len(x), *A.shape))
    for token in np.moveaxis(x, 1, 0):
        step = np.log1p(np.exp(token @ wd + bd))[..., None]
        state = np.exp(step * A) * state + step * (token @ wb)[:, None] * token[..., None]
        ys.append((state * (token @ wc)[:, None]).sum(-1))
    return np.stack(ys, 1) if ys else np.zeros(x.shape)
