"""ssm-lower-attention against the dense formula in double precision."""
import ctypes
import itertools
import mmap
import os
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(5)


def oracle(q, k, v, bias=None, slopes=None, sinks=None, segments=None, positions=None, prefix=None,
           scale=None, softcap=None, left=None, right=None, **rest):
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    (batch, queries, heads, n), keys = q.shape, k.shape[1]
    k, v = (np.repeat(x, heads // x.shape[2], 2) for x in (k, v))
    with np.errstate(invalid="ignore"):
        s = np.einsum("bihn,bjhn->bhij", q, k) * (n ** -0.5 if scale is None else scale)
    if softcap:
        s = softcap * np.tanh(s / softcap)
    if bias is not None:
        s = s + bias
    at, of = positions or (np.arange(queries)[None] + keys - queries, np.arange(keys)[None])
    away = of[:, None, :].astype(np.int64) - at[:, :, None]
    if slopes is not None:
        s = s - slopes[:, None, None] * np.abs(away)[:, None]
    seen = np.ones((batch, queries, keys), bool)
    if right is not None:
        seen &= away <= right
    if left is not None:
        seen &= (-away <= left) | (of[:, None] < rest.get("global", 0))
    if prefix is not None:
        seen |= of[:, None] < prefix[:, None, None]
    seen &= of[:, None] >= 0
    if segments:
        seen &= segments[0][:, :, None] == segments[1][:, None]
    s = np.where(seen[:, None], s, -np.inf)
    sink = -np.inf if sinks is None else np.float64(sinks)[:, None, None]
    most = np.maximum(s.max(3, initial=-np.inf, keepdims=True), sink)
    most = np.where(np.isinf(most), 0, most)
    w = np.exp(s - most)
    total = w.sum(3, keepdims=True) + np.exp(sink - most)
    with np.errstate(divide="ignore"):
        lse = (most + np.log(total))[..., 0].transpose(0, 2, 1)
    w /= np.where(total > 0, total, 1)
    parts = np.where(w[..., None] > 0, w[..., None] * v.transpose(0, 2, 1, 3)[:, :, None], 0)
    return parts.sum(3).transpose(0, 2, 1, 3), lse


# Query heads, key heads, N, P, attributes, operands.
variants = [(2, 2, 64, 64, {"right": 0}, ""), (4, 1, 16, 32, {}, ""),
            (6, 2, 33, 10, {"scale": 0.2, "right": 0}, ""),
            (2, 1, 24, 16, {"left": 40, "right": 0}, ""),
            (2, 2, 8, 9, {"left": 30, "right": 7, "global": 70}, "sinks"),
            (3, 3, 5, 3, {"softcap": 1.5, "right": 0}, "slopes"),
            (2, 2, 7, 20, {"right": 0}, "prefix"),
            (2, 1, 8, 8, {"left": 20, "right": 3}, "prefix segments"),
            (4, 2, 9, 16, {"right": 0}, "bias cache slopes sinks"),
            (6, 2, 16, 24, {"right": 0}, "cache"),
            (1, 1, 1, 1, {"left": 3}, ""), (20, 1, 4, 6, {"right": 2}, ""),
            (10, 2, 20, 33, {"right": 0}, "sinks"), (8, 1, 16, 5, {"left": 300, "right": 0, "global": 500}, "")]
GROUPS = {"bias": 1, "slopes": 1, "sinks": 1, "segments": 2, "positions": 2, "prefix": 1}


def types_of(heads, groups, n, p, has):
    t4 = lambda h, inner: f"memref<?x?x{h}x{inner}xf32, strided<[?, ?, ?, 1], offset: ?>>"
    types = {"ins": [t4(heads, n), t4(groups, n), t4(groups, p)]}
    for name, count in GROUPS.items():
        if name in has or name == "positions" and "cache" in has:
            types[name] = [{"bias": "memref<?x1x1x?xf32>", "slopes": f"memref<{heads}xf32>",
                            "sinks": f"memref<{heads}xf32>", "segments": "memref<?x?xi32>",
                            "positions": "memref<?x?xi64>", "prefix": "memref<?xi64>"}[name]] * count
    return types | {"outs": [t4(heads, p), f"memref<?x?x{heads}xf32>"]}


def function(name, heads, groups, n, p, attributes, has):
    arguments, text = [], "ssm.attention " + " ".join(f"{a}({x:{'.6e' if isinstance(x, float) else ''}})" for a, x in attributes.items())
    for group, types in types_of(heads, groups, n, p, has).items():
        names = [f"%a{len(arguments) + i}" for i in range(len(types))]
        text += f" {group}({', '.join(names)} : {', '.join(types)})"
        arguments += [f"{a}: {t}" for a, t in zip(names, types)]
    return (f"func.func @{name}({', '.join(arguments)}) attributes {{llvm.emit_c_interface}} {{\n"
            f"  {text}\n  return\n}}\n")


lib = build("\n".join(function(f"f{i}", *v) for i, v in enumerate(variants)),
            ["ssm-lower-attention", "ssm-expand-math"], cpu)


def inputs(variant, batch, queries, keys):
    heads, groups, n, p, _, has = variant
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    given = {"q": strided(2 * f(batch, queries, heads, n)), "k": strided(f(batch, keys, groups, n)),
             "v": strided(f(batch, keys, groups, p))}
    if "bias" in has:
        given["bias"] = f(batch, 1, 1, keys)
        given["bias"][rng.random(given["bias"].shape) < 0.2] = -np.inf
    if "slopes" in has:
        given["slopes"] = (2.0 ** -np.arange(1, heads + 1)).astype(np.float32)
    if "sinks" in has:
        given["sinks"] = f(heads)
    if "segments" in has:
        given["segments"] = [np.sort(rng.integers(0, 3, (batch, e)).astype(np.int32)) for e in (queries, keys)]
    if "cache" in has:  # what a cache holds in each slot, some of them nothing
        of = np.array([rng.permutation(keys) for _ in range(batch)]).reshape(batch, keys).astype(np.int64)
        of[rng.random(of.shape) < 0.3] = -1
        given["positions"] = [np.tile(np.arange(queries) + keys // 2, (batch, 1)), of]
        given["k"][of < 0] = given["v"][of < 0] = np.nan
    if "prefix" in has:
        given["prefix"] = rng.integers(0, max(keys, 1), batch)
    return given


def unreadable_beyond(x, rows):
    """A copy of x, 1 x L x ..., of which pages behind the first rows cannot be read."""
    memory = mmap.mmap(-1, x.nbytes)
    copy = np.frombuffer(memory, x.dtype).reshape(x.shape)
    copy[...] = x
    first = -(-copy[:, :rows].nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(copy.ctypes.data + first), ctypes.c_size_t(x.nbytes - first), 0):
        sys.exit(os.strerror(ctypes.get_errno()))
    return copy


def run(i, given):
    q, v = given["q"], given["v"]
    y = strided(np.full((*q.shape[:3], v.shape[3]), np.nan, np.float32))
    lse = np.full(q.shape[:3], np.nan, np.float32)
    flat = [a for x in given.values() for a in (x if isinstance(x, list) else [x])]
    lib.call(f"f{i}", *flat, y, lse)
    return y, lse


def compare(where, found, want):
    check("y of " + where, found[0], want[0], 3e-6)
    none = np.isinf(want[1])
    if not np.array_equal(none, found[1] == -np.inf):
        sys.exit("lse of nothing, of " + where)
    check("lse of " + where, np.where(none, 0, found[1]), np.where(none, 0, want[1]), 3e-6)
    if not np.isnan(found[0].base[..., :2]).all() or not np.isnan(found[0].base[..., -3:]).all():
        sys.exit("wrote beyond the columns: " + where)


for (i, variant), (batch, queries, keys) in itertools.product(
        enumerate(variants), [(1, 1, 1), (2, 1, 150), (1, 150, 150), (2, 17, 70), (1, 97, 33),
                              (1, 3, 0), (1, 0, 3), (1, 260, 260), (1, 49, 300),
                              (1, 1, 0), (2, 1, 1030)]):  # several parts of the keys
    given = inputs(variant, batch, queries, keys)
    where = f"{variant} batch {batch}, {queries} queries, {keys} keys"
    compare(where, run(i, given), oracle(**given, **variant[4]))

# What a query does not see is not used, even by others in its block.
given = inputs(variants[0], 1, 100, 100)
want = oracle(**given, right=0)
given["k"][:, 40:], given["v"][:, 40:] = np.nan, np.inf
y, lse = run(0, given)
check("y before", y[:, :40], want[0][:, :40], 3e-6)
check("lse before", lse[:, :40], want[1][:, :40], 3e-6)

# Tiles of a cache that no query sees are not read: here a read ends the process.
cache = next(i for i, v in enumerate(variants) if v[-1] == "cache")
for queries in 1, 4:
    keys, seen = 1030, 70
    given = inputs(variants[cache], 1, queries, keys)
    given["positions"] = [np.arange(seen - queries, seen)[None], np.arange(keys)[None]]
    whole = {name: np.nan_to_num(given[name]) for name in "kv"}
    want = oracle(**given | whole, **variants[cache][4])
    for name in "kv":
        given[name] = unreadable_beyond(whole[name], 2 * 64)
    compare(f"a cache of which {seen} of {keys} keys are seen, {queries} queries", run(cache, given), want)

# Scores far apart: the maximum grows late, and by much.
given = inputs(variants[1], 1, 30, 200)
given["k"] *= np.linspace(0, 60, 200, dtype=np.float32)[:, None, None]
want = oracle(**given)
y, lse = run(1, given)
check("y of large scores", y, want[0], 2e-4)  # of scores of hundreds
check("lse of large scores", lse, want[1], 1e-6)
print("ok")
