"""The cases of ssm.attention and its dense formula."""
import numpy as np

from common import STORAGE, Case, mixer, normal, wide

# Numbers of queries and keys: none, one, fewer, more.
LENGTHS = [(0, 0), (0, 3), (1, 0), (3, 0), (1, 1), (1, 9), (5, 5), (13, 13), (3, 11), (7, 2)]


def attention(q, k, v, *, bias=None, slopes=None, sinks=None, segments=None, positions=None,
              prefix=None, scale=None, softcap=None, left=None, right=None, first=0):
    q, k, v = map(wide, (q, k, v))
    rows, queries, heads, width = q.shape
    keys = k.shape[1]
    k, v = (np.repeat(x, heads // x.shape[2], 2) for x in (k, v))
    scale = width ** -0.5 if scale is None else scale
    with np.errstate(invalid="ignore"):
        s = scale * np.einsum("bihn,bjhn->bhij", q, k)
    if softcap is not None:
        s = softcap * np.tanh(s / softcap)
    if bias is not None:
        s = np.where(np.isneginf(wide(bias)), -np.inf, s + wide(bias))
    if positions is None:
        at = np.arange(queries)[None, :, None] + keys - queries
        of = np.arange(keys)[None, None, :]
    else:
        at, of = positions[0].astype(np.int64)[:, :, None], positions[1].astype(np.int64)[:, None, :]
    if slopes is not None:
        s = s - wide(slopes)[None, :, None, None] * np.abs(at - of)[:, None]
    seen = np.ones((rows, queries, keys), bool)
    if right is not None:
        seen &= of <= at + right
    if left is not None:
        seen &= (of >= at - left) | (of < first)
    if prefix is not None:
        seen |= of < prefix[:, None, None]
    seen &= of >= 0
    if segments is not None:
        seen &= segments[0][:, :, None] == segments[1][:, None, :]
    s = np.where(seen[:, None], s, -np.inf)
    if sinks is not None:
        sink = np.broadcast_to(wide(sinks)[None, :, None, None], (rows, heads, queries, 1))
        s = np.concatenate([s, sink], 3)
    most = s.max(3, keepdims=True, initial=-np.inf)
    weights = np.exp(s - np.where(np.isinf(most), 0, most))
    total = weights.sum(3, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = np.where(np.isinf(most), 0, most) + np.log(total)
    weights = (weights / np.where(total > 0, total, 1))[..., :keys]
    v = np.where(np.isnan(v), 0, v)
    return (np.einsum("bhij,bjhp->bihp", weights, v), lse[..., 0].transpose(0, 2, 1))


# Query heads, key heads, attributes, extents of the bias that are 1, operands.
KINDS = {
    "full": (2, 2, {}, None, ""),
    "causal": (4, 2, {"right": 0}, None, ""),
    "cross": (3, 1, {"scale": 0.3, "softcap": 1.5}, (), ""),
    "prefix": (2, 2, {"right": 0}, None, "prefix"),
    "window": (2, 1, {"left": 2, "right": 0}, None, "segments"),
    "band": (2, 2, {"left": 1, "right": 2}, None, "positions sinks"),
    "global": (1, 1, {"left": 1, "right": 0, "first": 2}, (0, 1, 2), "sinks"),
    "alibi": (4, 4, {"right": 0}, None, "slopes"),
    "cache": (4, 2, {"right": 0}, (1,), "cache slopes"),
    "rolling": (2, 2, {"left": 3, "right": 0}, None, "cache prefix segments sinks"),
    "masked": (2, 2, {}, (0, 2), "never"),
}


def cases(rng):
    cases = []
    for dtype, wide_dtype in STORAGE:
        for kind, (heads, groups, attributes, ones, has) in KINDS.items():
            for queries, keys in LENGTHS:
                integer = np.int64 if kind in ("rolling", "prefix") else np.int32
                b, n, p = rng.integers(1, 5, 3)
                q = normal(rng, dtype, b, queries, heads, n)
                k, v = normal(rng, dtype, b, keys, groups, n), normal(rng, dtype, b, keys, groups, p)
                given = {}
                if ones is not None:
                    shape = [b, heads, queries, keys]
                    given["bias"] = normal(rng, dtype, *[1 if i in ones else e for i, e in enumerate(shape)])
                    given["bias"][rng.random(given["bias"].shape) < (1 if "never" in has else 0.2)] = -np.inf
                if "slopes" in has:
                    given["slopes"] = (2.0 ** -np.arange(1, heads + 1)).astype(wide_dtype)
                if "sinks" in has:
                    given["sinks"] = normal(rng, dtype, heads)
                if "segments" in has:
                    given["segments"] = [rng.integers(0, 2, (b, e)).astype(integer) for e in (queries, keys)]
                if "positions" in has:
                    given["positions"] = [rng.integers(0, 9, (b, e)).astype(integer) for e in (queries, keys)]
                if "cache" in has:
                    # What a cache holds in each slot, some of them nothing.
                    of = np.stack([rng.permutation(keys) for _ in range(b)]) if keys else np.zeros((b, 0))
                    of[rng.random(of.shape) < 0.3] = -1
                    at = np.tile(np.arange(queries) + max(keys - queries, 0), (b, 1))
                    given["positions"] = [at.astype(integer), of.astype(integer)]
                    k[of < 0] = v[of < 0] = np.nan
                if "prefix" in has:
                    given["prefix"] = rng.integers(0, max(keys, 1), b).astype(integer)
                y = np.zeros((b, queries, heads, p), dtype)
                lse = np.zeros((b, queries, heads), wide_dtype)
                order = ("bias", "slopes", "sinks", "segments", "positions", "prefix")
                groups_of = [("ins", [q, k, v])]
                for name in order:
                    value = given.get(name, [])
                    groups_of.append((name, value if isinstance(value, list) else [value]))
                sizes = [len(x) for _, x in groups_of]
                total = sum(sizes)
                # Heads are static, and so is what is repeated.
                keep = {(0, 2), (1, 2), (2, 2), (total, 2), (total + 1, 2)}
                keep |= {(3, i) for i in ones or ()}
                text = "".join(f" {'global' if name == 'first' else name}({value})"
                               for name, value in attributes.items())
                counts = "positions" not in given and (
                    {"left", "right"} & set(attributes) or "slopes" in given)
                tiles = [2] + [1] * (heads == groups) + [2] * (not counts)
                function, ins = mixer(f"attention_{np.dtype(dtype).name}_{kind}", "ssm.attention" + text,
                                      groups_of, [y, lse], [], tiles, keep)

                def compute(*ins, sizes=sizes, order=order, attributes=attributes):
                    named, at = {}, 3
                    for name, size in zip(order, sizes[1:]):
                        if size:
                            named[name] = ins[at] if size == 1 else ins[at:at + size]
                        at += size
                    return attention(*ins[:3], **named, **attributes)
                cases.append(Case(function, ins, [y, lse], [], [None] * (total + 2),
                                  [False] * (total + 2), compute))
    return cases
