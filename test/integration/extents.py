"""Extents that the data decides: random graphs in which they meet others.

Where ONNX's reference refuses the data, the run must end with a status, a
message and no access outside of any buffer; where it accepts them, the numbers
must be right. A meeting with 1, which broadcasts, may be refused, too.

extents.py GUARDED TMP COUNT [SEED]
"""
import os
import struct
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

guarded, tmp, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
os.makedirs(tmp, exist_ok=True)


class Graph:
    def __init__(self, rng):
        self.rng, self.nodes, self.constants = rng, [], []
        self.used = set()

    def constant(self, value, dtype="i8"):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def node(self, op, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    # Vectors of floats; the length of most is known only when the model runs.
    def vector(self):
        zero = self.constant([0])
        return self.pick([
            lambda: self.node("Slice", "x", zero, "n"),
            lambda: self.node("Slice", "x", "n", self.constant([2**31])),
            lambda: self.node("Slice", "x", "m", "n"),
            lambda: self.node("Cast", self.node("Range", self.constant(0), self.node("Squeeze", "n"), self.constant(1)),
                              to=T.FLOAT),
            lambda: self.node("Expand", self.constant([1.5], "f4"), "n"),
            lambda: self.node("Pad", "z", self.node("Concat", zero, "n", axis=0)),
            lambda: self.node("Cast", self.node("ConstantOfShape", "n"), to=T.FLOAT),
            lambda: self.node("Slice", "x", zero, "m"),
            lambda: "x",
            lambda: "z",
            lambda: self.constant([1, -2, 3], "f4"),
            lambda: self.node("Concat", "z", self.node("Slice", "x", zero, "n"), axis=0),
        ])()

    def column(self, v):
        return self.node("Unsqueeze", v, self.constant([1]))

    def row(self, v):
        return self.node("Unsqueeze", v, self.constant([0]))

    def body(self, value, name, kind=T.FLOAT):
        """A graph that yields `value`, made of the nodes since."""
        return helper.make_graph(self.nodes[self.mark:], name, [], [helper.make_tensor_value_info(value, kind, None)])

    def meeting(self, u, v):
        return self.pick([
            lambda: self.node(self.pick(["Add", "Sub", "Mul", "Max", "Min"]), u, v),
            lambda: self.node("Sum", u, v, u),
            lambda: self.node("Where", self.node("Greater", u, self.constant(0, "f4")), u, v),
            lambda: self.node("MatMul", u, v),
            lambda: self.node("MatMul", self.column(u), self.row(v)),
            lambda: self.node("MatMul", self.row(u), self.column(v)),
            lambda: self.node("Gemm", self.row(u), self.column(v), self.constant([1], "f4")),
            lambda: self.node("Gemm", self.column(u), self.row(u), v),
            lambda: self.node("Concat", self.row(u), self.row(v), axis=0),
            lambda: self.node("Concat", self.column(u), self.column(v), axis=1),
            lambda: self.node("Gather", u, self.node("Cast", v, to=T.INT64)),
            lambda: self.node("GatherElements", self.column(u), self.column(self.node("Cast", v, to=T.INT64))),
            lambda: self.node("GatherElements", self.column(u), self.column(self.node("Cast", v, to=T.INT64)), axis=1),
            lambda: self.node("ScatterElements", u, self.node("Cast", v, to=T.INT64), v),
            lambda: self.node("ScatterElements", u, self.node("Mul", self.constant([0]), self.node("Shape", v)), v),
            lambda: self.node("ScatterElements", "x", self.node("Mul", self.constant(0), self.node("Cast", u, to=T.INT64)),
                              v),
            lambda: self.node("ScatterND", u, self.constant([[0], [1]]), v),
            lambda: self.node("Reshape", u, self.node("Shape", v)),
            lambda: self.node("Reshape", self.node("Concat", u, v, axis=0), self.constant([2, -1])),
            lambda: self.node("Expand", u, self.node("Shape", v)),
            lambda: self.node("Slice", u, self.constant([0]), self.node("Shape", v)),
            lambda: self.node("LayerNormalization", self.row(u), v),
            lambda: self.node("LayerNormalization", self.row(u), u, v),
            lambda: self.node("PRelu", u, v),
            lambda: self.node("CumSum", self.node("Add", u, v), self.constant(0)),
            lambda: self.node("Softmax", self.node("Mul", self.row(u), v)),
            lambda: self.node("Conv", self.row(self.row(u)), self.constant([[[1, 2]]], "f4")),
            lambda: self.scan(u, v),
            lambda: self.branch(u, v),
            lambda: self.loop(u, v),
        ])()

    def scan(self, u, v):
        body = helper.make_graph(
            [helper.make_node("Add", ["h", "a"], ["ha"], name="in_scan"), helper.make_node("Mul", ["ha", "b"], ["hb"]),
             helper.make_node("Identity", ["hb"], ["y"])], "body",
            [helper.make_tensor_value_info(k, T.FLOAT, []) for k in "hab"],
            [helper.make_tensor_value_info(k, T.FLOAT, []) for k in ("hb", "y")])
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node("Scan", [self.constant(0.5, "f4"), u, v], [name + "h", name], name=name,
                                           body=body, num_scan_inputs=2))
        return name

    def branch(self, u, v):
        then = helper.make_graph([helper.make_node("Add", [u, v], ["then_y"], name="then_add")], "then", [],
                                 [helper.make_tensor_value_info("then_y", T.FLOAT, None)])
        other = helper.make_graph([helper.make_node("Identity", [u], ["else_y"])], "else", [],
                                  [helper.make_tensor_value_info("else_y", T.FLOAT, None)])
        condition = self.node("Greater", self.node("Squeeze", "n"), self.constant(4))
        return self.node("If", condition, then_branch=then, else_branch=other)

    def loop(self, u, v):
        body = helper.make_graph(
            [helper.make_node("Add", ["carried", v], ["sum"], name="in_loop"),
             helper.make_node("Identity", ["go"], ["go_on"])], "body",
            [helper.make_tensor_value_info("i", T.INT64, []), helper.make_tensor_value_info("go", T.BOOL, []),
             helper.make_tensor_value_info("carried", T.FLOAT, None)],
            [helper.make_tensor_value_info("go_on", T.BOOL, []), helper.make_tensor_value_info("sum", T.FLOAT, None)])
        return self.node("Loop", self.node("Squeeze", "m"), self.constant(True, "?"), u, body=body)


def make(seed):
    graph = Graph(np.random.default_rng(seed))
    value = graph.meeting(graph.vector(), graph.vector())
    if graph.rng.random() < 0.4:
        flat = graph.node("Reshape", value, graph.constant([-1]))
        value = graph.meeting(*graph.pick([(flat, graph.vector()), (graph.vector(), flat)]))
    total = graph.node("ReduceSum", value, keepdims=0)
    # What meets nothing else than an input has its extent.
    last = graph.node("Add", total, "z")
    infos = [helper.make_tensor_value_info("x", T.FLOAT, ["N"]), helper.make_tensor_value_info("z", T.FLOAT, ["K"]),
             helper.make_tensor_value_info("n", T.INT64, [1]), helper.make_tensor_value_info("m", T.INT64, [1])]
    outputs = [helper.make_tensor_value_info(total, T.FLOAT, None), helper.make_tensor_value_info(last, T.FLOAT, None)]
    onnx_graph = helper.make_graph(graph.nodes, "g", infos, outputs, graph.constants)
    return helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def feeds(rng):
    for _ in range(6):
        yield dict(x=rng.integers(-4, 5, rng.integers(1, 8)).astype("f4"),
                   z=rng.integers(-2, 3, rng.integers(1, 6)).astype("f4"),
                   n=np.array([rng.integers(0, 8)], "i8"), m=np.array([rng.integers(0, 4)], "i8"))
    yield dict(x=np.ones(5, "f4"), z=np.ones(4, "f4"), n=np.array([4], "i8"), m=np.array([0], "i8"))
    yield dict(x=np.ones(3000, "f4"), z=np.ones(5000, "f4"), n=np.array([2**40 if rng.random() < 0.2 else 2000], "i8"),
               m=np.array([1], "i8"))


def run(lib, calls):
    data = b"".join(struct.pack(f"<{1 + value.ndim}q", value.ndim, *value.shape) + value.tobytes()
                    for call in calls for value in call.values())
    with open(os.path.join(tmp, "calls"), "wb") as file:
        file.write(data)
    done = subprocess.run([guarded, lib], input=data, capture_output=True)
    assert done.returncode == 0, (seed, level, ops, done)
    text = done.stdout
    for call in calls:
        code, length = struct.unpack_from("<2q", text)
        message, text = text[16:16 + length].decode(), text[16 + length:]
        outputs = None
        if code == 0:
            size = 4 * (1 + call["z"].size)
            outputs, text = np.frombuffer(text[:size], "f4"), text[size:]
        yield code, message, outputs


statistics = dict(right=0, refused=0, not_compiled=0)
for seed in range(first, first + count):
    model = make(seed)
    path = os.path.join(tmp, "m.onnx")
    onnx.save(model, path)
    reference = ReferenceEvaluator(model)
    calls = list(feeds(np.random.default_rng(seed)))
    ops = [node.op_type for node in model.graph.node]
    for level in ("-O0", "-O2"):
        lib = os.path.join(tmp, "m.so")
        compiled = subprocess.run(["ssmc", path, level, "-o", lib], capture_output=True, text=True)
        if compiled.returncode != 0:
            assert compiled.returncode == 1, (seed, ops, compiled.stderr)
            statistics["not_compiled"] += 1
            if "-v" in sys.argv:
                print(seed, ops, compiled.stderr.strip())
            break
        for call, (code, message, outputs) in zip(calls, run(lib, calls)):
            where = (seed, level, ops, {k: v if v.size < 10 else v.shape for k, v in call.items()}, code, message)
            expected, refusal = None, "not asked"
            if call["n"][0] < 2**20:
                try:
                    with np.errstate(all="ignore"):
                        expected = np.concatenate([np.ravel(value) for value in reference.run(None, call)])
                except Exception as error:  # whatever numpy raises
                    refusal = repr(error)
            if expected is None and (refusal == "not asked" or "not supported" in refusal):
                continue
            if code == 0:
                # Indices may be smaller than their data, and more than 32: the reference says no.
                if expected is None and ("Except for dimension" in refusal or
                                         "IndexError" in refusal and "GatherElements" in ops and call["x"].size > 32):
                    continue
                assert expected is not None, ("the reference refuses it", refusal, where)
                assert np.allclose(outputs, expected, 1e-4, 1e-4, equal_nan=True), (where, outputs[:4], expected[:4])
                statistics["right"] += 1
            else:
                assert message and code in (2, 3, 7), where
                ones = any(value.size == 1 or (value.dtype == "i8" and value[0] < 2) for value in call.values())
                assert expected is None or ones, ("the reference accepts it", where)
                statistics["refused"] += 1
print(statistics)
assert min(statistics["right"], statistics["refused"]) > count / 2, statistics
assert statistics["not_compiled"] < count, statistics
