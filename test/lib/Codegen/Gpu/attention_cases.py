"""Attention of a few queries on an emulated device (emulate.py), beside the dense
formula: with all that the op takes, at numbers of keys that cut them into segments.

    attention_cases.py [sm_80]
"""
import os
import pathlib
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "dialects/ssm/numeric"))
import kernel_cases  # noqa: E402
from cases_attention import attention as dense  # noqa: E402

rng = np.random.default_rng(11)
TOLERANCE = {"f32": 1e-5, "bf16": 1.2e-2, "f16": 2e-3}


def attention(kind, batch, queries, keys, heads, key_heads, columns, value_columns=None, has="", bias=None, beside=0, **limits):
    """`has` names operands of random contents; `bias` gives the extents of that
    operand that are 1. Keys and values are columns of tensors that have some more
    `beside` them."""
    case, value_columns = kernel_cases.Case(kind), value_columns or columns
    given, parts = {}, ""
    k = case.input("k", rng.standard_normal((batch, keys, key_heads, columns + beside)))[..., :columns]
    v = case.input("v", rng.standard_normal((batch, keys, key_heads, value_columns + beside)))[..., :value_columns]
    q = case.input("q", rng.standard_normal((batch, queries, heads, columns)))

    def part(name, count):
        shape, kept = (f"{batch}{by}{keys}{by}{key_heads}{by}{count}" for by in (", ", "x"))
        return f"tensor<{kept}x{kind}>", f"%part_{name} = tensor.extract_slice %{name}[0, 0, 0, 0] [{shape}] " \
            f"[1, 1, 1, 1] : {case.type(name)} to tensor<{kept}x{kind}>\n"

    (k_type, slice_k), (v_type, slice_v) = part("k", columns), part("v", value_columns)

    def operand(name, array, type=None):
        nonlocal parts
        if type:
            given[name] = case.input(name, array, type)
            parts += f" {name}({case.ref(name)})"
            return
        pair = name.endswith("s")
        arrays, names = (array, [name[0] + "q", name[0] + "k"]) if pair else ([array], [name])
        for one, label in zip(arrays, names):
            case.inputs[label] = (one, {4: "i32", 8: "i64"}[one.itemsize])
        given[name] = array
        parts += f" {name}({case.ref(*names)})"

    if bias is not None:
        shape = [1 if d in bias else n for d, n in enumerate((batch, heads, queries, keys))]
        operand("bias", np.where(rng.random(shape) < 0.2, -np.inf, rng.standard_normal(shape)), "f32")
    if "slopes" in has:
        operand("slopes", 0.1 * rng.random(heads), "f32")
    if "sinks" in has:
        operand("sinks", rng.standard_normal(heads) - 2, "f32")
    if "segments" in has:
        operand("segments", [rng.integers(0, 2, (batch, n)).astype(np.int32) for n in (queries, keys)])
    if "positions" in has:
        at = keys + np.arange(batch * queries).reshape(batch, queries)
        of = np.stack([rng.permutation(np.arange(keys) - 2).clip(-1) for _ in range(batch)])
        operand("positions", [at.astype(np.int64), of.astype(np.int64)])
    if "prefix" in has:
        operand("prefix", rng.integers(0, keys + 1, batch).astype(np.int32))
    y, lse = dense(q, k, v, **given, **{{"global": "first"}.get(n, n): x for n, x in limits.items()})
    case.result("y", y)
    case.result("lse", lse, "f32")
    said = "".join(f" {n}({limits[n]})" for n in ("scale", "softcap", "left", "right", "global") if n in limits)
    lse = case.outputs["lse"][2]
    case.run(f"ssm.attention{said} ins(%q, %part_k, %part_v : {case.type('q')}, {k_type}, {v_type}){parts} outs(%y, %lse : {{y}}, {lse})",
             f"attention {kind} {batch} {queries}x{keys} {heads}/{key_heads} {columns} {value_columns}{said} {has} {bias} {beside}",
             f"{slice_k}{slice_v}%lse = tensor.empty() : {lse}", TOLERANCE[kind], "" if columns > 512 else "ssm_kernel_ssm_attention")


if __name__ == "__main__":
    attention("bf16", 2, 1, 40, 4, 1, 64, right=0)
    attention("f32", 1, 1, 700, 2, 1, 128, right=0)  # in segments
    attention("f16", 1, 3, 261, 2, 2, 80, right=0, left=150)
    attention("bf16", 1, 16, 9, 1, 1, 256, softcap=20.0, scale=0.3)
    attention("f32", 1, 5, 5, 2, 1, 33, 7, right=0, has="slopes sinks")
    attention("f32", 2, 2, 300, 2, 2, 32, 48, bias=(1,), has="segments")
    attention("bf16", 1, 4, 300, 4, 2, 64, 128, has="positions prefix sinks", left=100, right=0)
    attention("f32", 1, 3, 280, 1, 1, 6, 130, bias=(0, 2), has="slopes segments positions", left=20, **{"global": 30})
    attention("f16", 1, 2, 1, 1, 1, 2, 1, bias=(0, 1, 2, 3))
    attention("f32", 1, 2, 40, 2, 1, 65, right=0, beside=63)  # rows begin at 16 bytes, and have odd ends
    attention("bf16", 1, 1, 21, 1, 1, 64, 130, right=0, beside=126)
    attention("f32", 2, 1, 3, 1, 1, 520, 12, right=0)  # left to loops
    kernel_cases.check_all(*sys.argv[1:] or ["sm_80"])
