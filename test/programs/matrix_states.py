"""Random mixers with a matrix state. Each takes a sequence of B x L x C and gives
one; C is cut into heads."""
import numpy as np


def heads_of(p, channels):
    """Numbers of query, key and value heads, the latter dividing `channels`."""
    heads = p.pick([h for h in (1, 2, 3, 4, 6) if channels % h == 0])
    keys = p.pick([g for g in (1, 2, 3, 4, 6) if heads % g == 0])
    queries = p.pick([j for j in (1, 2, 3, 4, 6) if heads % j == 0 or j % heads == 0 and j <= 2 * heads])
    return (heads, heads, heads) if p.chance(0.4) else (queries, keys, heads)


def width(p):
    return p.pick([1, 2, 3, 5, 8, 12, 16, 17, 20])


def decay(p, heads, n, dtype):
    """Log decays of any rank; some forget all, some nothing."""
    dims = p.pick([[heads], [heads, n], [p.B, p.L, heads], [p.B, p.L, heads], [p.B, p.L, heads, n]])
    strength = p.pick([0.1, 1, 20])

    def make(shape):
        g = -strength * p.rng.random(shape) ** 4
        g[p.rng.random(shape) < 0.02] = -np.inf
        g[p.rng.random(shape) < 0.02] = 0
        return g
    return p.input(dims, dtype, make)


def unit(p, heads, n):
    """Keys of length 1: a delta rule on longer ones grows without bound."""
    def make(shape):
        x = p.rng.standard_normal(shape)
        return x / np.sqrt((x * x).sum(-1, keepdims=True))
    return p.input([p.B, p.L, heads, n], p.storage, make)


def common(p, x):
    """What both directions share: heads, keys' width, and the groups of operands
    that say what is forgotten."""
    queries, keys, heads = heads_of(p, x.dims[-1].size)
    n = width(p)
    g = [decay(p, heads, n, p.pick([p.storage, p.wide]))] if p.chance(0.8) else []
    resets = [p.flags(p.B, p.L)] if p.chance(0.3) else []
    return queries, keys, heads, n, [("decay", g), ("resets", resets)]


def finish(p, op, x, queries, heads, n, groups):
    each = x.dims[-1].size // heads
    y = p.empty([p.B, p.L, max(queries, heads), each], p.storage)
    y, state = p.mixer(op + (" reverse" if p.chance(0.25) else ""), groups, [y, p.state([p.B, heads, n, each])])
    p.keep(state)
    return p.join(y)


def scaled(p, heads, n):
    """Of the size of 1 / sqrt(n), as keys and queries mostly are."""
    return p.input([p.B, p.L, heads, n], p.storage, lambda s: p.rng.standard_normal(s) / np.sqrt(n))


def semiseparable(p, x):
    queries, keys, heads, n, forget = common(p, x)
    q = p.tokens(queries, n) if p.chance(0.5) else scaled(p, queries, n)
    k = p.tokens(keys, n) if p.chance(0.3) else scaled(p, keys, n)
    ins = ("ins", [q, k, p.heads(x, heads)])
    return finish(p, "ssm.semiseparable", x, queries, heads, n, [ins, *forget])


def delta_rule(p, x):
    queries, keys, heads, n, forget = common(p, x)
    beta, erase = [], []
    if p.chance(0.5):
        # Reflections, beta beyond 1, are among them.
        beta = [p.uniform([p.B, p.L, heads], p.storage, 0, p.pick([1, 2]))]
    else:
        a = unit(p, keys, n)
        rate = p.uniform([p.B, p.L, keys, n], p.storage)
        erase = [p.map("arith.negf", a), p.map("arith.mulf", a, rate)]
    ins = ("ins", [p.tokens(queries, n), unit(p, keys, n), p.heads(x, heads)])
    return finish(p, "ssm.delta_rule", x, queries, heads, n, [ins, ("beta", beta), ("erase", erase), *forget])


def quasiseparable(p, x):
    queries, keys, heads, n, forget = common(p, x)
    (_, g), resets = forget
    g = g and [*g, decay(p, heads, n, g[0].dtype)]
    diagonal = [p.input([p.B, p.L, heads], p.storage)] if p.chance(0.6) else []
    ins = [scaled(p, j, n) for j in (queries, keys, queries, keys)] + [p.heads(x, heads)]
    y = p.empty([p.B, p.L, max(queries, heads), x.dims[-1].size // heads], p.storage)
    y, = p.mixer("ssm.quasiseparable", [("ins", ins), ("diagonal", diagonal), ("decay", g), resets], [y])
    return p.join(y)
