"""Nodes with wrong attributes."""
from onnx import TensorProto, helper

from broken import case, info, model, node, run


@case(r"node 'n' \(Softmax, opset 21\): attribute 'axis' must be an integer")
def attribute_of_wrong_type(folder):
    return model([node("Softmax", ["x"], ["y"], axis="last")])


@case(r"node 'n' \(Softmax, opset 21\): attribute 'axis' has no type, or one that ONNX does not define")
def attribute_of_unknown_type(folder):
    made = model([node("Softmax", ["x"], ["y"], axis=1)])
    made.graph.node[0].attribute[0].ClearField("type")
    return made


@case(r"node 'n' \(Softmax, opset 21\): the operator has no attribute 'axle'")
def unknown_attribute(folder):
    return model([node("Softmax", ["x"], ["y"], axle=1)])


@case(r"node 'n' \(Concat, opset 21\): the attribute 'axis' is missing")
def missing_attribute(folder):
    return model([node("Concat", ["x"], ["y"])])


@case(r"node 'n' \(Softmax, opset 21\): attribute 'axis' is given twice")
def duplicate_attribute(folder):
    made = model([node("Softmax", ["x"], ["y"], axis=1)])
    made.graph.node[0].attribute.append(made.graph.node[0].attribute[0])
    return made


@case(r"node 'n' \(Softmax, opset 21\): a subgraph is given for an attribute that is not a graph")
def graph_as_integer(folder):
    graph = helper.make_graph([], "s", [], [info("x")])
    return model([node("Softmax", ["x"], ["y"], axis=graph)])


@case(r"node 'n' \(If, opset 21\): attribute 'else_branch' must be a graph")
def integer_as_graph(folder):
    return model([node("If", ["x"], ["y"], then_branch=0, else_branch=0)])


@case(r"node 'n' \(If, opset 21\): output of the subgraph 'z' is not defined")
def subgraph_without_value(folder):
    graph = helper.make_graph([], "s", [], [info("z")])
    return model([node("If", ["x"], ["y"], then_branch=graph, else_branch=graph)])


@case(r"node 'n' \(Softmax, opset 21\): attribute 'axis' refers to an attribute of a function, but")
def reference_outside_function(folder):
    made = model([node("Softmax", ["x"], ["y"], axis=1)])
    made.graph.node[0].attribute[0].ref_attr_name = "axis"
    return made


@case(r"node 'n' \(Constant, opset 21\): a Constant has exactly one attribute, not 2")
def constant_with_two_values(folder):
    return model([node("Constant", [], ["y"], value_int=1, value_float=1.0)])


@case(r"attribute 'then_branch' must be a graph")
def one_graph_for_two_branches(folder):
    branch = helper.make_graph([node("Neg", ["x"], ["b"])], "branch", [], [info("b")])
    made = model([helper.make_node("If", ["c"], ["y"], "n", then_branch=branch, _other=branch)],
                 inputs=("x", info("c", (), TensorProto.BOOL)))
    made.graph.node[0].attribute.append(helper.make_attribute("else_branch", 1))
    return made


run()
