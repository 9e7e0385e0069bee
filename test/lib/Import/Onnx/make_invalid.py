"""Broken models, one for each way a file can be wrong.

usage: make_invalid.py FOLDER

Writes FOLDER/<case>.onnx and runs ssm-import on each. A case passes if the exit
code is 1, the diagnostic begins with the file's name and matches the case's
expression, and nothing but it is printed.
"""
import os
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
CASES = {}


def case(expected):
    """Registers a function that returns a model, or bytes, or None where it has
    written the model itself, besides other files of its case, into the folder
    it is given."""
    def register(make):
        CASES[make.__name__] = (make, expected)
        return make
    return register


def info(name, shape=(4,), element=FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def node(op, inputs, outputs, name="n", **attributes):
    return helper.make_node(op, inputs, outputs, name, **attributes)


def model(nodes, initializers=(), inputs=("x",), outputs=("y",), opset=21,
          functions=(), others=()):
    graph = helper.make_graph(
        nodes, "g", [i if not isinstance(i, str) else info(i) for i in inputs],
        [o if not isinstance(o, str) else info(o) for o in outputs],
        list(initializers))
    return helper.make_model(
        graph, functions=list(functions), ir_version=10,
        opset_imports=[helper.make_opsetid("", opset)]
        + [helper.make_opsetid(domain, 1) for domain in others])


def good():
    return model([node("Add", ["x", "w"], ["y"])],
                 [numpy_helper.from_array(np.ones(4, np.float32), "w")])


def with_tensor(change):
    """The good model, its initialiser changed."""
    made = good()
    change(made.graph.initializer[0])
    return made


# --- bytes -------------------------------------------------------------------

def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


@case(r"at byte \d+ a field claims \d+ bytes where \d+ are left: is the file truncated\?")
def truncated(folder):
    return good().SerializeToString()[:-20]


@case(r"not an ONNX model: the file is empty")
def empty_file(folder):
    return b""


@case(r"not an ONNX model")
def not_protobuf(folder):
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@case(r"not an ONNX model")
def text(folder):
    return b"import onnx\nprint('hello')\n" * 20


@case(r"not an ONNX model, or damaged: at byte 0 a field claims 10737418240 bytes where")
def claims_10_gigabytes(folder):
    return varint(7 << 3 | 2) + varint(10 << 30) + b"\0" * 1000


@case(r"initialiser 'w' has the type 'tensor<2684354560xf32>', which takes 10737418240 bytes, but 16 are given")
def tensor_claims_10_gigabytes(folder):
    return with_tensor(lambda w: w.dims.__setitem__(0, (10 << 30) // 4))


@case(r"subgraphs are nested deeper than 32 levels")
def nested_10000_deep(folder):
    graph = b""
    # A graph with a node with an attribute that is a graph, and so on.
    parts, length = [], 0
    for _ in range(10000):
        for number in (6, 5, 1):
            head = varint(number << 3 | 2) + varint(length)
            parts.append(head)
            length += len(head)
    graph = b"".join(reversed(parts))
    return field(7, graph)


@case(r"protobuf cannot parse it, or its types are nested too deep")
def types_nested_10000_deep(folder):
    # input { type { sequence_type { elem_type { sequence_type ...
    parts, length = [], 0
    for _ in range(10000):
        for number in (1, 4):
            head = varint(number << 3 | 2) + varint(length)
            parts.append(head)
            length += len(head)
    nested = b"".join(reversed(parts))
    return good().SerializeToString() + field(7, field(11, field(2, nested)))


# --- graph -------------------------------------------------------------------

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


# --- attributes --------------------------------------------------------------

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


# --- tensors -----------------------------------------------------------------

@case(r"initialiser 'w' has the type 'tensor<4xf32>', which takes 16 bytes, but 12 are given")
def raw_data_too_short(folder):
    return with_tensor(lambda w: setattr(w, "raw_data", w.raw_data[:12]))


@case(r"initialiser 'w' has the type 'tensor<5xf32>', which takes 20 bytes, but 16 are given")
def shape_mismatch(folder):
    return with_tensor(lambda w: w.dims.__setitem__(0, 5))


@case(r"initialiser 'w' has the type 'tensor<4xf32>', but 3 values are given")
def typed_data_too_short(folder):
    def change(w):
        w.ClearField("raw_data")
        w.float_data.extend([1, 2, 3])
    return with_tensor(change)


@case(r"initialiser 'w' has the type 'tensor<4xf32>', but 0 values are given")
def typed_data_in_wrong_field(folder):
    def change(w):
        w.ClearField("raw_data")
        w.int64_data.extend([1, 2, 3, 4])
    return with_tensor(change)


@case(r"initialiser 'w' has the negative extent -4")
def negative_tensor_extent(folder):
    return with_tensor(lambda w: w.dims.__setitem__(0, -4))


@case(r"initialiser 'w' has more elements than any machine holds")
def overflowing_product(folder):
    return with_tensor(lambda w: w.dims.extend([1 << 40, 1 << 40]))


@case(r"initialiser 'w' has 100000 dimensions; at most 32 are supported")
def huge_rank(folder):
    return with_tensor(lambda w: w.dims.extend([1] * 99999))


@case(r"initialiser 'w' has the element type 8 \(STRING\), which is not supported")
def string_tensor(folder):
    return with_tensor(lambda w: setattr(w, "data_type", TensorProto.STRING))


@case(r"initialiser 'w' has the element type 0 \(UNDEFINED\)")
def tensor_without_type(folder):
    return with_tensor(lambda w: w.ClearField("data_type"))


@case(r"initialiser 'w' is stored in segments")
def segmented_tensor(folder):
    return with_tensor(lambda w: setattr(w.segment, "end", 1))


@case(r"initialiser 's' is sparse")
def sparse_initializer(folder):
    made = good()
    sparse = made.graph.sparse_initializer.add()
    sparse.values.name = "s"
    return made


# --- external data -----------------------------------------------------------

def external(location=None, **entries):
    made = good()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    if location is not None:
        entries = {"location": location, **entries}
    for key, value in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return made


def write(folder, name, size=16):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"\0" * size)
    return path


def link(folder, make, target, name):
    path = os.path.join(folder, name)
    if os.path.lexists(path):
        os.remove(path)
    make(target, path)


@case(r"initialiser 'w': the external data '../outside.bin' leaves the model's folder through '..'")
def external_parent(folder):
    write(folder, "../outside.bin")
    return external("../outside.bin")


@case(r"'a/../../outside.bin' leaves the model's folder through '..'")
def external_hidden_parent(folder):
    write(folder, "a/x")
    return external("a/../../outside.bin")


@case(r"'/etc/passwd' is an absolute path")
def external_absolute(folder):
    return external("/etc/passwd")


@case(r"'link.bin' is or passes through a symbolic link, which is not followed")
def external_symlink(folder):
    link(folder, os.symlink, write(folder, "target.bin"), "link.bin")
    return external("link.bin")


@case(r"'linked/target.bin' is or passes through a symbolic link, which is not followed")
def external_linked_folder(folder):
    write(folder, "real/target.bin")
    link(folder, os.symlink, "real", "linked")
    return external("linked/target.bin")


@case(r"'hard.bin' has more than one hard link")
def external_hard_link(folder):
    link(folder, os.link, write(folder, "original.bin"), "hard.bin")
    return external("hard.bin")


@case(r"'missing.bin' cannot be opened; external data is looked for in the model's folder or in --external-data-dir: No such file")
def external_missing(folder):
    return external("missing.bin")


@case(r"'sub' is not a regular file")
def external_folder(folder):
    os.makedirs(os.path.join(folder, "sub"), exist_ok=True)
    return external("sub")


@case(r"'pipe' is not a regular file")
def external_pipe(folder):
    path = os.path.join(folder, "pipe")
    if not os.path.exists(path):
        os.mkfifo(path)
    return external("pipe")


@case(r"'data.bin' has 64 bytes, but 16 are claimed from offset 60")
def external_offset_beyond(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", offset=60)


@case(r"'data.bin' has 64 bytes, but 16 are claimed from offset 18446744073709551615")
def external_offset_overflow(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", offset=2**64 - 1)


@case(r"the external data's offset '-4' is not a number of bytes")
def external_negative_offset(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", offset=-4)


@case(r"which takes 16 bytes, but its external data has 12")
def external_wrong_length(folder):
    write(folder, "data.bin", 64)
    return external("data.bin", length=12)


@case(r"is external but has no location")
def external_without_location(folder):
    return external()


# --- functions ---------------------------------------------------------------

def function(name, nodes, inputs=("a",), outputs=("b",), attributes=()):
    return helper.make_function(
        "local", name, list(inputs), list(outputs), nodes,
        [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)],
        list(attributes))


def call(name, given="x", result="y", **attributes):
    return node(name, [given], [result], name.lower(), domain="local", **attributes)


@case(r"the model-local function 'local::F' is defined twice")
def duplicate_function(folder):
    f = function("F", [node("Neg", ["a"], ["b"])])
    return model([call("F")], functions=[f, f], others=["local"])


@case(r"the result 'b' is not defined")
def function_without_result(folder):
    f = function("F", [node("Neg", ["a"], ["c"])])
    return model([call("F")], functions=[f], others=["local"])


@case(r"the model-local function 'local::[FG]' calls itself")
def recursive_functions(folder):
    return model([call("F")], others=["local"], functions=[
        function("F", [call("G", "a", "b")]), function("G", [call("F", "a", "b")])])


@case(r"node 'f\d+' \(local.F\d+, opset 1\): with all model-local functions inlined the model has more than 1048576 nodes")
def exponential_functions(folder):
    functions = [function("F0", [node("Neg", ["a"], ["b"])])]
    for i in range(1, 50):
        functions.append(function(f"F{i}", [call(f"F{i - 1}", "a", "c"),
                                            call(f"F{i - 1}", "c", "b")]))
    return model([call("F49")], functions=functions, others=["local"])


@case(r"calls of model-local functions are nested deeper than 64 levels")
def deep_functions(folder):
    functions = [function("F0", [node("Neg", ["a"], ["b"])])]
    functions += [function(f"F{i}", [call(f"F{i - 1}", "a", "b")])
                  for i in range(1, 5000)]
    return model([call("F4999")], functions=functions, others=["local"])


@case(r"the call has 2 inputs and 1 outputs; its function has 1 and 1")
def call_with_too_many_inputs(folder):
    f = function("F", [node("Neg", ["a"], ["b"])])
    made = model([call("F")], functions=[f], others=["local"])
    made.graph.node[0].input.append("x")
    return made


@case(r"node 'f/n' \(Softmax, opset 21\): attribute 'axis' must be an integer")
def call_with_attribute_of_wrong_type(folder):
    inner = node("Softmax", ["a"], ["b"], axis=1)
    inner.attribute[0].ClearField("i")
    inner.attribute[0].ref_attr_name = "axis"
    f = function("F", [inner], attributes=["axis"])
    return model([call("F", axis="last")], functions=[f], others=["local"])


@case(r"node 'twice' \(Neg, opset 21\): output 'w' has a name that another value of the graph has")
def output_named_like_an_initialiser(folder):
    return model([node("Add", ["x", "w"], ["y"]), node("Neg", ["y"], ["w"], "twice")],
                 [numpy_helper.from_array(np.ones(4, np.float32), "w")])


@case(r"attribute 'then_branch' must be a graph")
def one_graph_for_two_branches(folder):
    branch = helper.make_graph([node("Neg", ["x"], ["b"])], "branch", [], [info("b")])
    made = model([helper.make_node("If", ["c"], ["y"], "n", then_branch=branch,
                                   _other=branch)],
                 inputs=("x", info("c", (), TensorProto.BOOL)))
    attribute = helper.make_attribute("else_branch", 1)
    made.graph.node[0].attribute.append(attribute)
    return made


@case(r"the model without its weights is larger than 2147483647 bytes")
def huge_text(folder):
    """A file of holes: nothing of it may be copied."""
    path = os.path.join(folder, "huge_text.onnx")
    size = (1 << 31) + 1
    with open(path, "wb") as file:
        file.write(b"\x12" + bytes([size >> 7 * i & 127 | (128 if i < 4 else 0)
                                    for i in range(5)]))  # producer_name
        file.truncate(file.tell() + size)
    return None


@case(r"node 'n' \(LeakyRelu, opset 21\): attribute 'alpha' must be a float")
def malformed_operator_with_definition(folder):
    """The function computes what the operator does: the node is one of it."""
    f = helper.make_function(
        "", "LeakyRelu", ["a"], ["b"],
        [node("Constant", [], ["c"], "c", value_float=0.01),
         node("Mul", ["a", "c"], ["p"], "p"), node("Max", ["a", "p"], ["b"], "b")],
        [helper.make_opsetid("", 21)], ["alpha"])
    return model([node("LeakyRelu", ["x"], ["y"], alpha="steep")], functions=[f])


# --- operators ---------------------------------------------------------------

@case(r"2 operators are not supported:\n"
      r"  operator +domain +opset +nodes +first node\n"
      r"  Odd +somewhere +1 +2 +'layers.0/odd'\n"
      r"  Swish +ai.onnx +21 +1 +'act' \(ONNX defines no such operator at this opset\)\n"
      r"  note: export the model without them")
def unknown_operators(folder):
    return model([node("Odd", ["x"], ["p"], "layers.0/odd", domain="somewhere"),
                  node("Odd", ["p"], ["q"], "layers.1/odd", domain="somewhere"),
                  node("Swish", ["q"], ["y"], "act")], others=["somewhere"])


def main(root):
    failures = 0
    for name, (make, expected) in CASES.items():
        folder = os.path.join(root, name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name + ".onnx")
        made = make(folder)
        if made is not None:
            with open(path, "wb") as file:
                file.write(made if isinstance(made, bytes)
                           else made.SerializeToString())
        # Relative, as users call it; from the folder, so that messages are short.
        done = subprocess.run(["ssm-import", "--supported", "--check", name + ".onnx"],
                              cwd=folder, capture_output=True, text=True,
                              errors="replace", timeout=60)
        pattern = re.escape(name) + r"\.onnx: (node '[^\n]*: )?[^\n]*" + expected
        ok = (done.returncode == 1 and done.stdout == ""
              and re.match(pattern, done.stderr))
        if not ok:
            failures += 1
            print(f"{name}: exit code {done.returncode}\n{done.stderr[:2000]}"
                  f"expected {expected}\n")
    path = os.path.join(root, "good.onnx")
    onnx.save(good(), path)
    failures += subprocess.run(["ssm-import", "--supported", "--check", path]).returncode
    print(f"{len(CASES)} broken models, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(sys.argv[1])
