"""Graphs whose values, names or types do not fit together."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from broken import case, FLOAT, good, info, model, node, run


@case(r"it has no graph")
def no_graph(folder):
    made = good()
    made.ClearField("graph")
    return made


@case(r"the graph is empty: it has no outputs")
def empty_graph(folder):
    return model([], inputs=(), outputs=())


@case(r"it imports no operator set")
def no_opset(folder):
    made = good()
    made.ClearField("opset_import")
    return made


@case(r"the model uses operator set 99 of ai.onnx; 7 to 28 are supported")
def unknown_opset(folder):
    made = good()
    made.opset_import[0].version = 99
    return made


@case(r"the model uses operator set 6 of ai.onnx; 7 to 28 are supported")
def old_opset(folder):
    made = good()
    made.opset_import[0].version = 6
    return made


@case(r"node 'layers.3/odd' \(somewhere.Odd, opset 0\): the model imports no operator set of domain 'somewhere'")
def domain_without_opset(folder):
    return model([node("Odd", ["x"], ["y"], "layers.3/odd", domain="somewhere")])


@case(r"node 'n' \(Add, opset 21\): its input 'w' is not defined")
def missing_initializer(folder):
    made = good()
    made.graph.ClearField("initializer")
    return made


@case(r"node '\?\[31mred' \(Neg, opset 21\): its input '\?\[2J' is not defined")
def name_that_speaks_to_the_terminal(folder):
    return model([node("Neg", ["\x1b[2J"], ["y"], "\x1b[31mred")])


@case(r"the graph's output 'y' is not defined")
def missing_output(folder):
    return model([node("Neg", ["x"], ["z"])])


@case(r"node '[ab]' \(Add, opset 21\): the node depends on its own result through a cycle of 2 nodes\n"
      r"  note: '[pq]' is on the cycle\n  note: '[pq]' is on the cycle")
def cyclic(folder):
    return model([node("Add", ["x", "q"], ["p"], "a"),
                  node("Add", ["x", "p"], ["q"], "b"),
                  node("Neg", ["q"], ["y"], "c")])


@case(r"node 'b' \(Neg, opset 21\): it reads 'p', which node 'a' computes only after it; "
      r"ONNX wants nodes in topological order: sort the graph or export the model again")
def unsorted(folder):
    return model([node("Neg", ["p"], ["y"], "b"), node("Neg", ["x"], ["p"], "a")])


@case(r"node 'b' \(Neg, opset 21\): its output 'y' is already an output of node 'a'")
def duplicate_output(folder):
    return model([node("Neg", ["x"], ["y"], "a"), node("Neg", ["x"], ["y"], "b")])


@case(r"input 'x' has a name that another value of the graph has")
def duplicate_input(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=("x", "x"))


@case(r"initialiser 'w' has a name that another value of the graph has")
def duplicate_initializer(folder):
    made = good()
    made.graph.initializer.append(made.graph.initializer[0])
    return made


@case(r"node 'n' \(Add, opset 21\): the node depends on its own result through a cycle of 1 nodes")
def own_input(folder):
    return model([node("Add", ["x", "y"], ["y"])])


@case(r"node 'n' \(Constant, opset 21\): output 'x' has a name that another value")
def output_named_as_input(folder):
    return model([node("Constant", [], ["x"], value_int=1)], outputs=("x",))


@case(r"the graph has two outputs named 'y'")
def duplicate_graph_output(folder):
    return model([node("Neg", ["x"], ["y"])], outputs=("y", "y"))


@case(r"node 'n' \(Add, opset 21\): the node has 1 inputs; the operator has 2")
def wrong_number_of_inputs(folder):
    return model([node("Add", ["x"], ["y"])])


@case(r"input 'x' has a negative extent in dimension 0")
def negative_extent(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=(info("x", (-1, 4)),))


@case(r"input 'x' has a negative extent in dimension 0")
def negative_named_extent(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=(info("x", ("-1", 4)),))


@case(r"input 'x' has more elements than any machine holds")
def overflowing_input(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=(info("x", (1 << 32, 1 << 32)),))


@case(r"input 'x' has 1000 dimensions; at most 32 are supported")
def huge_rank_of_input(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=(info("x", (1,) * 1000),))


@case(r"input 'x' has no shape")
def input_without_shape(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=(info("x", None),))


@case(r"input 'x' is not a tensor")
def input_is_a_sequence(folder):
    sequence = helper.make_tensor_sequence_value_info("x", FLOAT, (4,))
    return model([node("SequenceLength", ["x"], ["y"])], inputs=(sequence,))


@case(r"input 'x' has the element type 17 \(FLOAT8E4M3FN\), which is not supported")
def unsupported_type(folder):
    return model([node("Neg", ["x"], ["y"])],
                 inputs=(info("x", (4,), TensorProto.FLOAT8E4M3FN),))


@case(r"input 'x' has the element type 1234 \(a number that ONNX does not define\)")
def unknown_type(folder):
    return model([node("Neg", ["x"], ["y"])], inputs=(info("x", (4,), 1234),))


@case(r"node 'twice' \(Neg, opset 21\): output 'w' has a name that another value of the graph has")
def output_named_like_an_initialiser(folder):
    return model([node("Add", ["x", "w"], ["y"]), node("Neg", ["y"], ["w"], "twice")],
                 [numpy_helper.from_array(np.ones(4, np.float32), "w")])


run()
