"""Spellings that onnx-simplify exchanges, compiled, at numbers of every size:
compared with numpy in double precision.

    spellings.py TMP [ssmc options]
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compiled import compile_model, run_model

x = np.concatenate([np.linspace(-80, 80, 641), np.linspace(-1e-3, 1e-3, 7)]).astype(np.float32)
y = np.linspace(-3, 3, x.size).astype(np.float32)
exact = x.astype(np.float64)
logistic = 1 / (1 + np.exp(-exact))
softplus = np.logaddexp(0, exact)
WINDOWS = 1 + 2 * np.arange(4)[:, None] + np.arange(3)
EXPECTED = {"sigmoid": logistic, "silu": exact * logistic, "gate": y * logistic, "softplus": softplus,
            "guarded": softplus, "bounded": softplus, "rows": x[3:9], "other_rows": x[[3, 5, 4]],
            "windows": x[WINDOWS], "wide_windows": x[WINDOWS.T]}


def model():
    nodes, constants = [], []

    def constant(value):
        constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(constants)}"))
        return constants[-1].name

    def node(op, *inputs, output=None):
        output = output or f"t{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [output], f"node{len(nodes)}"))
        return output

    one, limit = constant(np.float32(1)), constant(np.float32(20))
    below = node("Add", node("Exp", node("Neg", "x")), one)
    node("Reciprocal", below, output="sigmoid")
    node("Div", "x", below, output="silu")
    node("Div", "y", below, output="gate")
    plain = node("Log", node("Add", one, node("Exp", "x")), output="softplus")
    large = node("Greater", "x", limit)
    node("Where", large, "x", plain, output="guarded")
    bounded = node("Log", node("Add", one, node("Exp", node("Min", "x", limit))))
    node("Where", large, "x", bounded, output="bounded")
    node("Gather", "x", constant(np.arange(3, 9)), output="rows")
    node("Gather", "x", constant(np.array([3, 5, 4])), output="other_rows")
    node("Gather", "x", constant(WINDOWS), output="windows")
    node("Gather", "x", constant(WINDOWS.T), output="wide_windows")
    info = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [info("x", x.size), info("y", x.size)],
                              [info(name, *value.shape) for name, value in EXPECTED.items()], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
path = folder / "spellings.onnx"
onnx.save(model(), path)
library, _ = compile_model(path, folder, *sys.argv[2:])
outputs = {"out:" + name: value.astype(np.float32) for name, value in EXPECTED.items()}
wrong = run_model(library, {"in:x": x, "in:y": y} | outputs, folder, "--atol=1e-6", "--rtol=1e-5")
sys.exit(wrong or 0)
