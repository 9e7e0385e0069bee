"""Random attention, alone or in two parts, and what turns its queries."""
import numpy as np


def rope(p, x):
    heads = p.pick([h for h in (1, 2, 3, 4) if x.dims[-1].size % h == 0])
    x = p.heads(x, heads)
    angles = p.pick(range(x.dims[-1].size // 2 + 1))
    dims = p.pick([[p.L, angles], [p.B, p.L, angles], [p.B, p.L, heads, angles]])
    dtype = p.pick([p.storage, p.wide])
    turn = p.input(dims, p.wide)
    cos, sin = (p.cast(p.map(f, turn), dtype) for f in ("math.cos", "math.sin"))
    y, = p.mixer(f"ssm.rope layout({p.pick(['half', 'interleaved'])})", [("ins", [x, cos, sin])],
                 [p.empty(x.dims, p.storage)])
    return p.join(y)


def integers(p, dims, low, high, dtype):
    return p.input(dims, dtype, lambda shape: p.rng.integers(low, high, shape))


def part(p, q, groups, width):
    """y and lse of q over some keys."""
    heads, L = q.dims[2].size, q.dims[1]
    M = L if p.chance(0.5) else p.M
    dtype = p.pick(["i32", "i64"])
    k = p.input([p.B, M, groups, q.dims[3]], p.storage)
    v = p.input([p.B, M, groups, width], p.storage)
    text, ins = "ssm.attention", {}
    if p.chance(0.3):
        text += f" scale({p.taste.uniform(0.1, 1):.3f})"
    if p.chance(0.2):
        text += f" softcap({p.taste.uniform(1, 9):.3f})"
    if p.chance(0.3):
        text += f" left({p.pick([0, 1, 4, 16, 70])})"
    if p.chance(0.6):
        text += f" right({p.pick([0, 0, 0, 2])})"
        if p.chance(0.2):
            ins["prefix"] = [integers(p, [p.B], 0, M.size + 1, dtype)]
    if "left" in text and p.chance(0.3):
        text += f" global({p.pick([1, 3])})"
    if p.chance(0.25):
        def bias(shape):
            x = p.rng.standard_normal(shape)
            x[p.rng.random(shape) < 0.2] = -np.inf
            return x
        full = [p.B, heads, L, M]
        ins["bias"] = [p.input([d if p.chance(0.6) else 1 for d in full], p.pick([p.storage, p.wide]), bias)]
    if p.chance(0.2):
        ins["slopes"] = [p.uniform([heads], p.wide, 0, 0.5)]
    if p.chance(0.2):
        ins["sinks"] = [p.input([heads], p.pick([p.storage, p.wide]))]
    if p.chance(0.2):
        ins["segments"] = [integers(p, [p.B, d], 0, 3, dtype) for d in (L, M)]
    if p.chance(0.25):
        # -1 where a cache holds nothing.
        ins["positions"] = [integers(p, [p.B, L], 0, M.size + 3, dtype), integers(p, [p.B, M], -1, M.size + 3, dtype)]
    order = ("bias", "slopes", "sinks", "segments", "positions", "prefix")
    return p.mixer(text, [("ins", [q, k, v])] + [(name, ins.get(name, [])) for name in order],
                   [p.empty([p.B, L, heads, width], p.storage), p.empty([p.B, L, heads], p.wide)])


def attention(p, x):
    """Of queries that are a part of x, or of others of any width."""
    heads = p.pick([h for h in (1, 2, 3, 4, 6) if x.dims[-1].size % h == 0])
    q = p.heads(x, heads) if p.chance(0.8) else p.tokens(heads, p.pick([1, 4, 8, 33, 64]))
    groups = p.pick([g for g in (1, 2, 3, 4, 6) if heads % g == 0])
    width = p.pick([1, 3, 8, 16, 20, 33])
    y, lse = part(p, q, groups, width)
    if p.chance(0.3):
        y, lse = p.mixer("ssm.lse_merge", [("ins", [y, lse, *part(p, q, groups, width)])],
                         [p.empty(y.dims, p.storage), p.empty(lse.dims, p.wide)])
    p.keep(lse)
    return p.join(y)
