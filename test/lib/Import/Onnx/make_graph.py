"""Writes the model that graph.test describes."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F = TensorProto.FLOAT


def info(name, shape):
    return helper.make_tensor_value_info(name, F, shape)


then_graph = helper.make_graph(
    [helper.make_node("Neg", ["c"], ["negated"], "negate")],
    "then", [], [info("negated", None)])
else_graph = helper.make_graph(
    [], "else", [], [info("seven", [])],
    [numpy_helper.from_array(np.float32(7), "seven")])
nodes = [
    helper.make_node("Mul", ["x", "w"], ["m"], "mul"),
    helper.make_node("Constant", [], ["top"], "top", value_float=6.0),
    helper.make_node("Clip", ["m", "", "top"], ["c"], "clip"),
    helper.make_node("Constant", [], ["yes"], "yes", value=numpy_helper.from_array(np.array(True))),
    helper.make_node("If", ["yes"], ["i"], "if", then_branch=then_graph, else_branch=else_graph),
    helper.make_node("scale", ["i"], ["y"], "call", domain="local", alpha=3.0),
]
leaky = helper.make_node("LeakyRelu", ["a"], ["r"], "leaky")
reference = leaky.attribute.add()
reference.name, reference.ref_attr_name = "alpha", "alpha"
reference.type = onnx.AttributeProto.FLOAT
scale = helper.make_function(
    "local", "scale", ["a"], ["r"], [leaky], [helper.make_opsetid("", 21)],
    ["beta"], [helper.make_attribute("alpha", 2.0)])
graph = helper.make_graph(
    nodes, "g",
    [info("x", ["batch", "seq", 4]), info("past", ["past + 2*seq", "24"]),
     info("free", ["past", None]), info("odd", ["opaque*other", "(seq + 1)//2 - past", "seq*past", "seq%4",
                  "Max(1, seq)", "99999999*99999999*seq", " seq ", "((((7"])],
    [info("y", ["batch", "seq", 4]), info("big", [512])],
    [numpy_helper.from_array(np.arange(1, 5, dtype=np.float32), "w"),
     numpy_helper.from_array(np.arange(512, dtype=np.float32), "big")])
model = helper.make_model(
    graph, functions=[scale],
    opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("local", 1)])
onnx.save(model, sys.argv[1])
