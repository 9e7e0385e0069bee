"""Operators that are unknown, or used wrongly."""
import numpy as np
from onnx import helper, numpy_helper

from broken import case, info, model, node, run


@case(r"2 operators are not supported:\n"
      r"  operator +domain +opset +nodes +first node\n"
      r"  Odd +somewhere +1 +2 +'layers.0/odd'\n"
      r"  Swish +ai.onnx +21 +1 +'act' \(ONNX defines no such operator at this opset\)\n"
      r"  note: export the model without them")
def unknown_operators(folder):
    return model([node("Odd", ["x"], ["p"], "layers.0/odd", domain="somewhere"),
                  node("Odd", ["p"], ["q"], "layers.1/odd", domain="somewhere"),
                  node("Swish", ["q"], ["y"], "act")], others=["somewhere"])


@case(r"the axis is beyond the rank 1")
def name_of_two_lines(folder):
    """The message is one line, which says nothing to the terminal."""
    return model([node("Softmax", ["x"], ["y"], "first\nsecond", axis=3)])


@case(r"node 'a\?\[31mb' \(Softmax, opset 21\): .*the axis is beyond the rank 1")
def name_of_colour(folder):
    return model([node("Softmax", ["x"], ["y"], "a\x1b[31mb", axis=3)])


EMPTY = helper.make_graph([], "body", [], [])
FLOATS = np.ones
HUGE = 1 << 62

#: One node on x [2, 3, 4]: name, message, operator, constants after x, attributes.
NODES = [
    ("axis_of_softmax", "the axis is beyond the rank 3", "Softmax", [], {"axis": 3}),
    ("axis_of_sum", "an axis is beyond the rank 3", "ReduceSum", [[8]], {}),
    ("axis_of_cumsum", "the axis is beyond the rank 3", "CumSum", [9], {}),
    ("axis_of_norm", "the axis is beyond the rank 3", "LayerNormalization", [FLOATS(4)], {"axis": 7}),
    ("axis_of_concat", "has an axis beyond the rank of its inputs", "Concat", [], {"axis": 5}),
    ("ranks_of_concat", "has inputs of different ranks", "Concat", [FLOATS((2, 3))], {"axis": 0}),
    ("extents_of_concat", "has inputs of different extents 3 and 9 in axis 1", "Concat", [FLOATS((2, 9, 4))],
     {"axis": 2}),
    ("shapes_of_sum", r"shapes do not broadcast: \[2, 3, 4\] and \[5\]", "Add", [FLOATS(5)], {}),
    ("types_of_sum", "operands have different element types: f32 and i64", "Add", [[1]], {}),
    ("shapes_of_product", r"the extents to sum over differ: \[2, 3, 4\] and \[5, 6\]", "MatMul", [FLOATS((5, 6))], {}),
    ("ranks_of_gemm", r"operands must be matrices, have shapes \[2, 3, 4\] and \[4\]", "Gemm", [FLOATS(4)], {}),
    ("type_of_condition", "not defined for elements of type f32", "Not", [], {}),
    ("count_of_reshape", "cannot split its input evenly", "Reshape", [[5, -1]], {}),
    ("open_reshape", "leaves two extents open", "Reshape", [[-1, -1]], {}),
    ("negative_reshape", "has the negative extent -2", "Reshape", [[-2, 12]], {}),
    ("huge_reshape", r"node .n. ", "Reshape", [[HUGE, HUGE, -1]], {}),
    ("repeated_permutation", "has a permutation that does not fit its input of rank 3", "Transpose", [],
     {"perm": [0, 1, 1]}),
    ("short_permutation", "has a permutation that does not fit its input of rank 3", "Transpose", [], {"perm": [1, 0]}),
    ("squeezed_extent", "removes axis 0 of extent 2", "Squeeze", [[0]], {}),
    ("axes_of_squeeze", "has axes that do not fit its input", "Squeeze", [[7]], {}),
    ("repeated_axis", "has axes that do not fit its result", "Unsqueeze", [[0, 0]], {}),
    ("index_of_gather", "has index 5 outside of an extent of 3", "Gather", [[5]], {"axis": 1}),
    ("axis_of_gather", "needs integer indices and an axis of its data", "Gather", [[0]], {"axis": 4}),
    ("type_of_gather", "needs integer indices and an axis of its data", "Gather", [FLOATS(1)], {"axis": 1}),
    ("axis_of_slice", "has axes, bounds or steps that do not fit", "Slice", [[0], [1], [6]], {}),
    ("bounds_of_slice", "has axes, bounds or steps that do not fit", "Slice", [[0, 0], [1]], {}),
    ("step_of_slice", "has a step of zero", "Slice", [[0], [1], [1], [0]], {}),
    ("expanded_extent", r"shapes do not broadcast: \[2, 3, 4\] and \[5, 3, 4\]", "Expand", [[5, 3, 4]], {}),
    ("negative_expand", "has a negative extent in its target", "Expand", [[-5]], {}),
    ("huge_expand", r"node .n. ", "Expand", [[HUGE, HUGE, 2, 3, 4]], {}),
    ("count_of_tile", "has 2 repeats for an input of rank 3", "Tile", [[1, 1]], {}),
    ("negative_tile", "has a negative number of repeats", "Tile", [[1, 1, -2]], {}),
    ("count_of_pad", "has pads or axes that do not fit its input of rank 3", "Pad", [[1, 1]], {}),
    ("cutting_pad", "cuts more than there is", "Pad", [[-9, 0, 0, 0, 0, 0]], {}),
    ("mode_of_pad", "has the unknown mode 'mirror'", "Pad", [[1, 0, 0, 0, 0, 0]], {"mode": "mirror"}),
    ("huge_pad", r"node .n. ", "Pad", [[HUGE, HUGE, 0, HUGE, 0, 0]], {}),
    ("channels_of_conv", "the input has 3 channels, the weight is for 1 groups of 5", "Conv", [FLOATS((4, 5, 3))], {}),
    ("no_groups", "group must be positive", "Conv", [FLOATS((4, 3, 3))], {"group": 0}),
    ("pads_of_conv", "pads must not be negative, two per spatial dimension", "Conv", [FLOATS((4, 3, 3))], {"pads": [1]}),
    ("stride_of_conv", "strides must be positive, one per spatial dimension", "Conv", [FLOATS((4, 3, 3))],
     {"strides": [0]}),
    ("long_kernel", "the window is longer than the padded input", "Conv", [FLOATS((4, 3, 9))], {}),
    ("unknown_target_type", "cannot convert to the ONNX data type 99", "Cast", [], {"to": 99}),
    ("ranks_of_scatter", "needs integer indices and updates of the rank of its data", "ScatterElements",
     [[0], FLOATS((1, 1))], {}),
    ("body_of_scan", "has inputs, outputs, axes or a body that do not fit together", "Scan", [],
     {"body": EMPTY, "num_scan_inputs": 5}),
    ("condition_of_if", "needs a condition of one boolean", "If", [],
     {"then_branch": EMPTY, "else_branch": EMPTY}),
]


def register(name, expected, op, constants, attributes):
    def make(folder):
        values = [np.asarray(value, np.float32 if isinstance(value, np.ndarray) else np.int64) for value in constants]
        names = [f"c{i}" for i in range(len(values))]
        inputs = ["x", *(names or ["x"] * (op == "Concat"))]
        return model([node(op, inputs, ["y"], **attributes)],
                     [numpy_helper.from_array(value, name) for value, name in zip(values, names)],
                     inputs=(info("x", (2, 3, 4)),), outputs=(info("y", None),))
    make.__name__ = name
    case(expected)(make)


for entry in NODES:
    register(*entry)


@case("has branches that do not yield its outputs")
def branches_of_if(folder):
    return model([node("If", ["c"], ["y"], then_branch=EMPTY, else_branch=EMPTY)],
                 [numpy_helper.from_array(np.array([True]), "c")], outputs=(info("y", None),))


@case(r"splits an extent of 4 into parts of sum 2")
def sum_of_split(folder):
    return model([node("Split", ["x", "s"], ["y", "z"])], [numpy_helper.from_array(np.array([1, 1]), "s")],
                 outputs=("y", "z"))


@case(r"has a negative extent")
def negative_shape(folder):
    return model([node("ConstantOfShape", ["s"], ["y"])], [numpy_helper.from_array(np.array([-3]), "s")])


@case(r"has a step of zero")
def range_without_step(folder):
    return model([node("Range", ["a", "b", "d"], ["y"])],
                 [numpy_helper.from_array(np.array(v), n) for n, v in (("a", 0), ("b", 5), ("d", 0))])


run()
