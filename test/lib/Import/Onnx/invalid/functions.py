"""Model-local functions that call themselves, or are called wrongly."""
from onnx import helper

from broken import case, model, node, run


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


@case(r"node 'n' \(LeakyRelu, opset 21\): attribute 'alpha' must be a float")
def malformed_operator_with_definition(folder):
    """The function computes what the operator does: the node is one of it."""
    f = helper.make_function(
        "", "LeakyRelu", ["a"], ["b"],
        [node("Constant", [], ["c"], "c", value_float=0.01),
         node("Mul", ["a", "c"], ["p"], "p"), node("Max", ["a", "p"], ["b"], "b")],
        [helper.make_opsetid("", 21)], ["alpha"])
    return model([node("LeakyRelu", ["x"], ["y"], alpha="steep")], functions=[f])


run()
