"""Attention with free length whose mask, bias or sum is almost that of
ssm.attention: what the check's first lengths do not reach is not believed.

    limits.py TMP
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

H, D = 2, 8


def attention(window=None, block=None, far=None, hidden=-np.inf, epsilon=0.0, batch=2, length="L"):
    """Causal attention over heads of x, with a window or in blocks of tokens."""
    nodes, constants = [], {}

    def constant(name, value):
        constants[name] = np.asarray(value)
        return name

    def node(op, *inputs, **attrs):
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(op, list(inputs), [name], name=f"{op}_{len(nodes)}", **attrs))
        return name

    rng = np.random.default_rng(1)
    heads = constant("heads", np.array([0, 0, H, D]))

    def project(name):
        weight = constant(name, rng.normal(size=(H * D, H * D)).astype(np.float32) / 4)
        return node("Transpose", node("Reshape", node("MatMul", "x", weight), heads), perm=[0, 2, 1, 3])

    q, k, v = map(project, "qkv")
    scale = constant("scale", np.float32(D ** -0.5))
    scores = node("Mul", node("MatMul", q, node("Transpose", k, perm=[0, 1, 3, 2])), scale)
    extent = node("Squeeze", node("Slice", node("Shape", "x"), constant("one", [1]), constant("two", [2])))
    tokens = node("Range", constant("zero", 0), extent, constant("step", 1))
    row, column = (node("Unsqueeze", tokens, constant(f"axis{a}", [a])) for a in (1, 0))
    distance = node("Sub", row, column)
    seen = node("GreaterOrEqual", distance, "zero")
    if window is not None:
        seen = node("And", seen, node("Less", distance, constant("window", window)))
    if block:
        size = constant("block", block)
        seen = node("And", seen, node("Equal", node("Div", row, size), node("Div", column, size)))
    if far:  # so many blocks of 8
        eight = constant("eight", 8)
        blocks = node("Sub", node("Div", row, eight), node("Div", column, eight))
        seen = node("And", seen, node("Less", blocks, constant("far", far)))
    mask = node("Where", seen, constant("nothing", np.float32(0)), constant("hidden", np.float32(hidden)))
    scores = node("Add", scores, mask)
    if epsilon:
        weights = node("Exp", scores)
        total = node("ReduceSum", weights, constant("last", [-1]), keepdims=1)
        weights = node("Div", weights, node("Add", total, constant("epsilon", np.float32(epsilon))))
    else:
        weights = node("Softmax", scores, axis=-1)
    y = node("Reshape", node("Transpose", node("MatMul", weights, v), perm=[0, 2, 1, 3]),
             constant("flat", [0, 0, H * D]))
    shape = [batch, length, H * D]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(a.astype(np.int64) if a.dtype.kind == "i" else a, n) for n, a in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


CASES = {
    "causal": ({}, ["ssm.attention"], None),
    "a window of 8": (dict(window=8), ["ssm.attention"], None),
    "a window of 40": (dict(window=40), [], "deviates"),
    "a window of 40 for each head": (dict(window=np.full((H, 1, 1), 40)), [], "deviates"),
    "a window of 6 blocks": (dict(far=6), [], "deviates"),
    "blocks of 40": (dict(block=40), [], "deviates"),
    "a window of 4096": (dict(window=4096), [], "it compares positions with 4096"),
    "a mask of -1e9": (dict(hidden=-1e9), ["ssm.attention"], None),
    "a mask of -1000": (dict(hidden=-1000.0), [], None),
    "a mask of -1000, many inputs": (dict(hidden=-1000.0, batch=700, length=8), [], None),
    "a sum and 1e-12": (dict(epsilon=1e-12), [], None),
}


def main():
    work = pathlib.Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    for name, (options, expected, reason) in CASES.items():
        path, report = work / "model.onnx", work / "report.json"
        onnx.save(attention(**options), path)
        done = subprocess.run(["ssmc", path, "--emit=ssm", "-o", work / "out.mlir", f"--report={report}"],
                              capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        text = report.read_text()
        found = [site["op"] for site in json.loads(text)["raise"] if site["op"]]
        assert found == expected, f"{name}: is raised to {found}: {text}"
        assert not reason or reason in text, f"{name}: does not say '{reason}': {text}"


main()
