"""Random scans and convolutions over a sequence of B x L x C."""
import numpy as np


def direction(p):
    return " reverse" if p.chance(0.25) else ""


def scan(p, x):
    """Along time mostly, else along the rows of the batch or the channels."""
    axis = p.pick([1, 1, 1, 0, 2])
    if p.chance(0.5):
        a = p.uniform(x.dims, x.dtype)
    else:
        a = p.map("math.exp", p.map("arith.negf", p.map("math.absf", p.draw(p.like(x)))))
    state = p.state([d for i, d in enumerate(x.dims) if i != axis], p.pick([x.dtype, p.wide]))
    h, last = p.mixer(f"ssm.scan dimension({axis})" + direction(p), [("ins", [a, x])],
                      [p.empty(x.dims, x.dtype), state])
    p.keep(last)
    return h


def selective_scan(p, x):
    channels, n = x.dims[-1], p.pick([1, 3, 4, 8, 16, 17])

    def steps(shape):
        return np.log1p(np.exp(2 * p.rng.standard_normal(shape)))
    delta = p.input(x.dims, p.storage, steps)
    A = p.input([channels, n], p.pick([p.storage, p.wide]), lambda s: -np.exp(p.rng.standard_normal(s)))
    B, C = (p.input([p.B, p.L, n], p.storage, lambda s: p.rng.standard_normal(s) / np.sqrt(n)) for _ in "BC")
    skip = [p.input([channels], p.storage)] if p.chance(0.5) else []
    gate = [p.draw(p.like(x))] if p.chance(0.5) else []
    resets = [p.flags(p.B, p.L)] if p.chance(0.3) else []
    y, last = p.mixer("ssm.selective_scan" + direction(p),
                      [("ins", [x, delta, A, B, C]), ("skip", skip), ("gate", gate), ("resets", resets)],
                      [p.empty(x.dims, p.storage), p.state([p.B, channels, n])])
    p.keep(last)
    return y


def short_conv(p, x):
    channels, taps, dilation = x.dims[-1], p.pick([1, 2, 3, 4, 4, 4, 7]), p.pick([1, 1, 1, 2, 5])
    dtype = p.pick([p.storage, p.wide])
    w = p.input([channels, taps], dtype, lambda s: p.rng.standard_normal(s) / np.sqrt(taps))
    bias = [p.input([channels], dtype)] if p.chance(0.5) else []
    resets = [p.flags(p.B, p.L)] if p.chance(0.3) else []
    op = ("ssm.short_conv" + (" activation(silu)" if p.chance(0.5) else "")
          + (f" dilation({dilation})" if dilation > 1 else "") + direction(p))
    y, tail = p.mixer(op, [("ins", [x, w]), ("bias", bias), ("resets", resets)],
                      [p.empty(x.dims, p.storage), p.state([p.B, (taps - 1) * dilation, channels], p.storage)])
    p.keep(tail)
    return y
