"""Mixers on the tensor cores of sm_90a, on an emulated device (emulate.py), beside
numpy: at lengths that fill no tile, with all that the kernels take.

    hopper_cases.py attention|semiseparable|quasiseparable
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel_cases  # noqa: E402

rng = np.random.default_rng(11)
TOLERANCE = {"bf16": 1.2e-2, "f16": 2e-3}


def attention(kind, batch, queries, keys, heads, key_heads, columns, value_columns=None, left=None, right=0,
              softcap=None, slopes=False, sinks=False):
    case, value_columns = kernel_cases.Case(kind), value_columns or columns
    q = case.input("q", rng.standard_normal((batch, queries, heads, columns)))
    k = case.input("k", rng.standard_normal((batch, keys, key_heads, columns)))
    v = case.input("v", rng.standard_normal((batch, keys, key_heads, value_columns)))
    k, v = (x.repeat(heads // key_heads, 2) for x in (k, v))
    s = np.einsum("bqhc,bkhc->bhqk", q, k) / columns ** 0.5
    if softcap:
        s = softcap * np.tanh(s / softcap)
    ahead = np.arange(keys)[None] - np.arange(queries)[:, None] - (keys - queries)
    parts = ""
    if slopes:
        s = s - case.input("slopes", 0.1 * rng.random(heads), "f32")[:, None, None] * abs(ahead)
        parts += f" slopes({case.ref('slopes')})"
    is_seen = (ahead <= (np.inf if right is None else right)) & (-ahead <= (np.inf if left is None else left))
    s = np.where(is_seen, s, -np.inf)
    total = np.exp(s).sum(-1, keepdims=True)
    if sinks:
        total = total + np.exp(case.input("sinks", rng.standard_normal(heads), "f32"))[:, None, None]
        parts += f" sinks({case.ref('sinks')})"
    case.result("y", np.einsum("bhqk,bkhc->bqhc", np.exp(s) / total, v))
    case.result("lse", np.log(total[..., 0]).transpose(0, 2, 1), "f32")
    limits = "".join(f" {n}({x})" for n, x in (("softcap", softcap), ("left", left), ("right", right)) if x is not None)
    lse = case.outputs["lse"][2]
    case.run(f"ssm.attention{limits} ins({case.ref('q', 'k', 'v')}){parts} outs(%y, %lse : {{y}}, {lse})",
             f"attention {kind} {batch} {queries}x{keys} {heads}/{key_heads} {columns} {value_columns}{limits}{parts[:8]}",
             f"%lse = tensor.empty() : {lse}", TOLERANCE[kind], "ssm_attention")


def attentions():
    attention("bf16", 2, 37, 37, 2, 1, 64)
    attention("f16", 1, 150, 150, 1, 1, 128, left=40)
    attention("bf16", 1, 130, 130, 2, 2, 64, left=70, right=33)
    attention("bf16", 1, 20, 100, 1, 1, 256)
    attention("f16", 1, 140, 70, 2, 1, 80, right=None)
    attention("bf16", 1, 65, 65, 1, 1, 192, 128, softcap=20.0)
    attention("bf16", 1, 129, 129, 2, 2, 64, slopes=True)
    attention("f16", 1, 70, 70, 2, 2, 64, left=30, sinks=True)


def semiseparables():
    run = lambda *given, **options: kernel_cases.semiseparable(*given, **options, kernel="ssm_semiseparable")
    run("bf16", 1, 150, 4, 128, 64, key_heads=1, query_heads=1, tolerance=1.2e-2)
    run("f16", 2, 37, 1, 64, 64, decay="head", tolerance=2e-3)
    run("bf16", 1, 129, 2, 48, 80, key_heads=2, query_heads=1, decay=None, tolerance=1.2e-2)
    run("bf16", 1, 77, 2, 64, 64, reverse=True, resets=True, tolerance=1.2e-2)
    run("f16", 1, 700, 1, 128, 128, tolerance=2e-3)  # in segments
    run("f16", 1, 700, 1, 128, 64, tolerance=2e-3, scale="f32", skip="f16")
    run("bf16", 2, 75, 3, 64, 80, key_heads=1, query_heads=1, tolerance=1.2e-2, scale="bf16", skip="f32")
    run("f16", 1, 90, 2, 48, 64, decay=None, reverse=True, resets=True, tolerance=2e-3, scale="f32")


def quasiseparable(kind, batch, length, heads, key_heads, query_heads, keys, columns, decay=True, diagonal=True):
    case = kernel_cases.Case(kind)
    make = lambda name, n, c: case.input(name, 0.5 * rng.standard_normal((batch, length, n, c)))
    qf, kf, qb, kb = (make(name, n, keys) for name, n in
                      (("qf", query_heads), ("kf", key_heads), ("qb", query_heads), ("kb", key_heads)))
    v = make("v", heads, columns)
    parts, y = "", np.zeros(v.shape)
    if diagonal:
        y = v * case.input("d", rng.standard_normal((batch, length, heads)))[..., None]
        parts += f" diagonal({case.ref('d')})"
    gf, gb = np.zeros((2, batch, length, heads))
    if decay:
        gf, gb = (case.input(name, -0.5 * rng.random(gf.shape) ** 2, "f32") for name in ("gf", "gb"))
        parts += f" decay({case.ref('gf', 'gb')})"
    for q, k, g, order in ((qf, kf, gf, range(length)), (qb, kb, gb, reversed(range(length)))):
        q, k = q.repeat(heads // query_heads, 2), k.repeat(heads // key_heads, 2)
        S = np.zeros((batch, heads, keys, columns))
        for t in order:
            y[:, t] += np.einsum("bhn,bhnp->bhp", q[:, t], S)
            S = np.exp(g[:, t])[..., None, None] * S + k[:, t, ..., None] * v[:, t, :, None]
    case.result("y", y)
    case.run(f"ssm.quasiseparable ins({case.ref('qf', 'kf', 'qb', 'kb', 'v')}){parts} outs(%y : {{y}})",
             f"quasiseparable {kind} {batch} {length} {heads}/{key_heads}/{query_heads} {keys} {columns} {decay} {diagonal}",
             tolerance=TOLERANCE[kind], kernel="ssm_semiseparable")


def quasiseparables():
    quasiseparable("bf16", 1, 150, 2, 1, 1, 128, 64)
    quasiseparable("f16", 2, 37, 3, 3, 1, 48, 80, decay=False, diagonal=False)


if __name__ == "__main__":
    {"attention": attentions, "semiseparable": semiseparables, "quasiseparable": quasiseparables}[sys.argv[1]]()
    kernel_cases.check_all("sm_90a")
