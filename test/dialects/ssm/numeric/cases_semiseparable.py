"""The cases of ssm.semiseparable and its dense formula."""
import numpy as np

from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def log_decays(decay, length):
    """B x L x H x N, or what broadcasts to it, of a decay of any rank."""
    if decay is None:
        return np.zeros((1, length, 1, 1))
    g = wide(decay)
    return {1: lambda: np.broadcast_to(g[None, None, :, None], (1, length, len(g), 1)),
            2: lambda: np.broadcast_to(g[None, None], (1, length, *g.shape)),
            3: lambda: g[..., None], 4: lambda: g}[g.ndim]()


def forgetting(rng, dtype, rank, resets, batch, length, heads, n, count=1):
    """`count` log decays of a rank, none for 0, and flags where sequences begin. A
    few decays forget all or nothing."""
    shape = {0: None, 1: [heads], 2: [heads, n], 3: [batch, length, heads],
             4: [batch, length, heads, n]}[rank]
    decays = [] if shape is None else [-np.abs(normal(rng, dtype, *shape)) ** 3 for _ in range(count)]
    for g in decays:
        g[rng.random(shape) < 0.05] = -np.inf
        g[rng.random(shape) < 0.05] = 0
    return decays, [rng.random((batch, length)) < 0.3] if resets else []


def between(g, resets, first, last, until):
    """exp(g[first] + ... + g[last]), zero where a sequence begins in first ..
    until. B x H x N."""
    factor = np.exp(g[:, first:last + 1].sum(axis=1))
    if resets is not None:
        factor = factor * ~resets[:, first:until + 1].any(axis=1)[:, None, None]
    return factor


def semiseparable(q, k, v, decay, scale, skip, resets, state, reverse=False):
    q, k, v, state = map(wide, (q, k, v, state))
    length, heads = v.shape[1:3]
    outputs = max(q.shape[2], heads)
    skipped = 0 if skip is None else wide(skip)[:, None] * v
    if scale is not None:
        v = v * wide(scale)[..., None]
    q = np.repeat(q, outputs // q.shape[2], 2)
    k = np.repeat(k, heads // k.shape[2], 2)
    g = log_decays(decay, length)
    if reverse:
        q, k, v, g = (x[:, ::-1] for x in (q, k, v, g))
        resets = None if resets is None else resets[:, ::-1]
    of_output = np.arange(outputs) * heads // outputs
    y, last = np.zeros((*v.shape[:2], outputs, v.shape[3])), state
    for t in range(length):
        last = between(g, resets, 0, t, t)[..., None] * state
        for s in range(t + 1):
            last = last + np.einsum("bhn,bhp->bhnp", between(g, resets, s + 1, t, t) * k[:, s], v[:, s])
        y[:, t] = np.einsum("bjn,bjnp->bjp", q[:, t], last[:, of_output])
    skipped = np.repeat(skipped, outputs // heads, 2) if skip is not None else 0
    return (y[:, ::-1] if reverse else y) + skipped, last


def cases(rng):
    cases = []
    # Query, key and value heads; the rank of the decay; a scale (c) and a skip (d).
    kinds = [((2, 2, 2), 0, 0, 0, ""), ((1, 1, 3), 3, 1, 0, ""), ((2, 1, 4), 4, 0, 1, ""), ((6, 3, 3), 1, 1, 1, ""),
             ((2, 2, 2), 4, 1, 0, ""), ((3, 3, 3), 2, 0, 0, ""), ((1, 1, 1), 3, 0, 1, ""),
             ((1, 1, 3), 3, 1, 0, "cd"), ((6, 3, 3), 1, 0, 1, "d"), ((2, 2, 2), 4, 1, 0, "c")]
    for dtype, state_dtype in STORAGE:
        for (queries, keys, heads), rank, resets, reverse, has in kinds:
            for length in LENGTHS:
                b, n, p = rng.integers(1, 6, 3)
                q, k = (normal(rng, dtype, b, length, j, n) / dtype(np.sqrt(n)) for j in (queries, keys))
                v = normal(rng, dtype, b, length, heads, p)
                y = np.zeros((b, length, max(queries, heads), p), dtype)
                state = normal(rng, state_dtype, b, heads, n, p)
                decay, flags = forgetting(rng, state_dtype, rank, resets, b, length, heads, n)
                scale = [normal(rng, state_dtype, b, length, heads)] if "c" in has else []
                skip = [normal(rng, state_dtype, heads)] if "d" in has else []
                name = f"semi_{np.dtype(dtype).name}_{queries}{keys}{heads}_{rank}{resets}{reverse}{has}"
                at = 3 + len(decay) + len(scale) + len(skip) + len(flags)
                keep = {(0, 2), (1, 2), (2, 2), (at, 2), (at + 1, 1)}
                plain = queries == keys == heads
                function, ins = mixer(
                    name, "ssm.semiseparable" + (" reverse" if reverse else ""),
                    [("ins", [q, k, v]), ("decay", decay), ("scale", scale), ("skip", skip), ("resets", flags)], [y], [state],
                    [2, 3, 2, 1] if plain else [2, 3, 2], keep)
                axes = ([1, 1, 1] + [1 if rank > 2 else None] * len(decay) + [1] * len(scale) + [None] * len(skip) +
                        [1] * resets + [1])

                def compute(q, k, v, *rest, rank=rank, resets=resets, reverse=reverse, has=has):
                    *rest, state = rest
                    take = iter(rest)
                    given = [next(take) if there else None for there in (rank, "c" in has, "d" in has, resets)]
                    return semiseparable(q, k, v, *given, state, reverse)
                cases.append(Case(function, ins, [y], [state], axes, [bool(reverse)] * len(axes), compute,
                                  linear=(2, len(ins))))
    return cases
