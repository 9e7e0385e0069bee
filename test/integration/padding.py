"""Rows of different lengths in one call: whatever stands behind the end of a row, NaN
or what becomes NaN on the way, the row is as if it ran alone. And drafts: whatever
tokens are not accepted.

    padding.py TMP
"""
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

tmp = sys.argv[1]
os.makedirs(tmp, exist_ok=True)
model, lib, given, made = (os.path.join(tmp, name) for name in ("model.onnx", "model.so", "in.npz", "out.npz"))
C = 8

# u = x / |x|, which has no value at zero; its sums, and attention to
# everything before.
nodes = [helper.make_node("ReduceL2", ["x", "last"], ["size"]), helper.make_node("Div", ["x", "size"], ["u"]),
         helper.make_node("CumSum", ["u", "time"], ["sums"]),
         *(helper.make_node("MatMul", ["u", f"W{name}"], [name]) for name in "qkv"),
         *(helper.make_node("Reshape", [name, "split"], [name + "s"]) for name in "qkv"),
         *(helper.make_node("Transpose", [name + "s"], [name + "h"], perm=[0, 2, 1, 3]) for name in "qkv"),
         helper.make_node("Attention", ["qh", "kh", "vh"], ["seenh"], is_causal=1),
         helper.make_node("Transpose", ["seenh"], ["seens"], perm=[0, 2, 1, 3]),
         helper.make_node("Reshape", ["seens", "merge"], ["seen"]),
         helper.make_node("Add", ["sums", "seen"], ["y"])]
info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", "L", C])
constant = lambda name, array: onnx.numpy_helper.from_array(np.array(array), name)
rng = np.random.default_rng(3)
weights = {name: rng.standard_normal((C, C)).astype(np.float32) for name in "qkv"}
graph = helper.make_graph(nodes, "padded", [info("x")], [info("y")], [constant("last", [-1]), constant("time", 1),
                          constant("split", [0, 0, 2, C // 2]), constant("merge", [0, 0, C]),
                          *(constant(f"W{name}", weight) for name, weight in weights.items())])
onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 23)]), model)
subprocess.run(["ssmc", model, "-o", lib, "--max-length=16", "--entry=prefill_lengths,step,verify"], check=True)


def oracle(x):
    u = x.astype(np.float64) / np.linalg.norm(x, axis=-1, keepdims=True)
    q, k, v = ((u @ weights[name]).reshape(len(u), 2, C // 2) for name in "qkv")
    scores = np.einsum("qhc,khc->hqk", q, k) / np.sqrt(C // 2)
    scores = np.where(np.tril(np.ones(scores.shape[1:], bool)), scores, -np.inf)
    parts = np.exp(scores - scores.max(-1, keepdims=True))
    seen = np.einsum("hqk,khc->qhc", parts / parts.sum(-1, keepdims=True), v)
    return u.cumsum(0) + seen.reshape(x.shape)


def run(entry, **inputs):
    np.savez(given, **inputs)
    subprocess.run(["ssm-run", lib, f"--entry={entry}", f"--input=@{given}", f"--output=@{made}"], check=True)
    with np.load(made) as outputs:
        return dict(outputs)


x = rng.standard_normal((2, 12, C)).astype(np.float32)
expected = np.stack([oracle(row) for row in x])
names = {"position": np.zeros(2, np.int64), "scan_0": np.zeros((2, C), np.float32),
         **{f"attention_0_{what}": np.zeros((2, 16, 2, C // 2), np.float32) for what in ("keys", "values")}}
deviation = 0.0


def compare(found, wanted):
    global deviation
    assert np.isfinite(found).all()
    deviation = max(deviation, np.abs(found - wanted).max())


for padding in (np.nan, np.inf, 0.0):
    lengths = np.array([3, 7])
    padded = np.where(np.arange(8)[:, None] < lengths[:, None, None], x[:, :8], np.float32(padding))
    out = run("prefill_lengths", x=padded, lengths=lengths, **names)
    for row, length in enumerate(lengths):
        compare(out["y"][row, :length], expected[row, :length])
    state = {name: out[name] for name in names}
    out = run("step", x=x[[0, 1], lengths][:, None], **state)
    compare(out["y"][:, 0], expected[[0, 1], lengths])
    # Of four drafted tokens rows accept one and two.
    counts = np.array([1, 2])
    draft = np.stack([x[row, at:at + 4] for row, at in enumerate(lengths)])
    draft = np.where(np.arange(4)[:, None] < counts[:, None, None], draft, np.float32(padding))
    out = run("verify", x=draft, **state)
    brought = {name: value for name, value in out.items() if name.startswith("brought_")}
    state = run("accept", lengths=counts, **brought, **state)
    out = run("step", x=x[[0, 1], lengths + counts][:, None], **state)
    compare(out["y"][:, 0], expected[[0, 1], lengths + counts])
print("largest deviation", deviation)
assert deviation < 1e-5
