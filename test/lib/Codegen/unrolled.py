"""Unrolled steps that nothing can raise: compiled, and compared with ONNX Runtime.

unrolled.py TMP
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper


def make(steps, size=16):
    """A gated recurrent network written out, step by step:

        h += (tanh(h W + x) - h) sigmoid(c h U)

    with another c in every step, so that the steps make no loop."""
    random = np.random.default_rng(0)
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        return output

    w = constant("w", (0.3 * random.normal(size=(size, size))).astype("f4"))
    u = constant("u", (0.3 * random.normal(size=(size, size))).astype("f4"))
    axis = constant("axis", np.array([1]))
    h, outputs = constant("h", np.zeros((1, size), "f4")), []
    for t in range(steps):
        x = node("Gather", ["x", constant(f"t{t}", np.array(t))], f"x{t}", axis=1)
        proposal = node("Tanh", [node("Add", [node("MatMul", [h, w], f"hw{t}"), x], f"a{t}")], f"p{t}")
        c = constant(f"c{t}", np.array(0.5 + 0.5 * random.random(), "f4"))
        gate = node("Sigmoid", [node("Mul", [node("MatMul", [h, u], f"hu{t}"), c], f"b{t}")], f"g{t}")
        step = node("Mul", [node("Sub", [proposal, h], f"d{t}"), gate], f"s{t}")
        h = node("Add", [h, step], f"h{t}")
        outputs.append(node("Unsqueeze", [h, axis], f"y{t}"))
    node("Concat", outputs, "y", axis=1)
    shape = [1, steps, size]
    graph = helper.make_graph(nodes, "steps", [helper.make_tensor_value_info("x", T.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", T.FLOAT, shape)], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def check(folder, steps, *options):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"steps{steps}.onnx"
    onnx.save(make(steps), path)
    library, report = compile_model(path, folder, *options)
    assert not any(entry["op"] for entry in report), report
    wrong = run_model(library, peer_outputs(path), folder)
    assert not wrong, f"{steps} steps {options}: {wrong}"


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
    from compiled import compile_model, peer_outputs, run_model
    check(pathlib.Path(sys.argv[1]), 200, "-O0")
    check(pathlib.Path(sys.argv[1]), 100, "-O2")
