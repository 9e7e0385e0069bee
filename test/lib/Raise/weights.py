"""Two layers h += (a - 1) h + u + w h^3 that differ in w only: a scan where w is
zero, and where it is so small that only very large values show it, none. The
verdict on the first must not serve for the second.

weights.py TMP
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

STEPS, CHANNELS = 12, 80  # more than 64 elements are a weight


def layer(number, w, nodes, constants, source):
    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value), f"{name}_{number}"))
        return f"{name}_{number}"

    def node(op, inputs, name, **attributes):
        nodes.append(helper.make_node(op, inputs, [f"{name}_{number}"], f"{name}_{number}", **attributes))
        return f"{name}_{number}"

    random = np.random.default_rng(number)
    # Products with a weight bound a layer.
    matrices = [(random.normal(size=(CHANNELS, CHANNELS)) / 9).astype("f4") for _ in range(2)]
    u = node("MatMul", [source, constant("wu", matrices[0])], "u")
    a = node("Sigmoid", [node("MatMul", [source, constant("wa", matrices[1])], "z")], "a")
    cubic = constant("w", np.full((1, CHANNELS), w, "f4"))
    axis = constant("axis", np.array([1]))
    h, pieces = constant("start", np.zeros((1, CHANNELS), "f4")), []
    for t in range(STEPS):
        at = constant(f"t{t}", np.array(t))
        decayed = node("Mul", [node("Gather", [a, at], f"a{t}", axis=1), h], f"ah{t}")
        driven = node("Add", [decayed, node("Gather", [u, at], f"u{t}", axis=1)], f"d{t}")
        cube = node("Mul", [node("Mul", [h, h], f"hh{t}"), h], f"hhh{t}")
        h = node("Add", [driven, node("Mul", [cube, cubic], f"c{t}")], f"h{t}")
        pieces.append(node("Unsqueeze", [h, axis], f"y{t}"))
    return node("Concat", pieces, "y", axis=1)


def raised(folder, weights):
    """What the two layers became."""
    nodes, constants, value = [], [], "x"
    for number, w in enumerate(weights):
        value = layer(number, w, nodes, constants, value)
    shape = [1, STEPS, CHANNELS]
    graph = helper.make_graph(nodes, "layers", [helper.make_tensor_value_info("x", T.FLOAT, shape)],
                              [helper.make_tensor_value_info(value, T.FLOAT, shape)], constants)
    path, report = folder / "layers.onnx", folder / "layers.json"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    subprocess.run(["ssmc", str(path), "-o", str(folder / "layers.so"), "-O0", f"--report={report}"], check=True)
    return [entry["op"] for entry in json.loads(report.read_text())["raise"]]


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for weights, expected in [((0, 0), ["ssm.scan", "ssm.scan"]), ((0, 1e-14), ["ssm.scan", ""]),
                          ((1e-14, 0), ["", "ssm.scan"])]:
    found = raised(folder, weights)
    assert found == expected, f"w = {weights}: {found}, not {expected}"
