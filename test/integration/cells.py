"""Decoders of loops that no mixer is: cells of the standard, a Scan, and steps that
are written out. Prompts of different lengths, steps, and drafts of which some tokens
are accepted give what the reference evaluator of ONNX gives for each row alone.

    cells.py TMP
"""
import json
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

tmp = sys.argv[1]
os.makedirs(tmp, exist_ok=True)
path, lib, given, made = (os.path.join(tmp, name) for name in ("model.onnx", "model.so", "in.npz", "out.npz"))
rng = np.random.default_rng(7)
C, H, L = 6, 5, 12
normal = lambda *shape: rng.standard_normal(shape).astype(np.float32) * np.float32(0.5)
info = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def save(nodes, weights, dims):
    graph = helper.make_graph(nodes, "cell", [info("x", [*dims, C])], [info("y", [*dims, H])],
                              [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    onnx.save(model, path)
    return model


def begun():
    """An LSTM whose states before the first token are learned, the same for every row."""
    model = cell("LSTM", 4)
    graph = model.graph
    rows = {"h0": normal(1, 1, H), "c0": normal(1, 1, H)}
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in rows.items())
    graph.initializer.append(numpy_helper.from_array(np.array([H]), "width"))
    before = [helper.make_node("Shape", ["x"], ["batch"], start=0, end=1),
              helper.make_node("Concat", ["one", "batch", "width"], ["extents"], axis=0),
              *[helper.make_node("Expand", [name, "extents"], [name + "s"]) for name in rows]]
    graph.node[1].input.extend(["", "h0s", "c0s"])
    nodes = before + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)
    return model


def cell(op, gates, **attrs):
    nodes = [helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
             helper.make_node(op, ["xt", "W", "R", "B"], ["all"], hidden_size=H, **attrs),
             helper.make_node("Squeeze", ["all", "one"], ["yt"]), helper.make_node("Transpose", ["yt"], ["y"], perm=[1, 0, 2])]
    return save(nodes, {"W": normal(1, gates * H, C), "R": normal(1, gates * H, H), "B": normal(1, 2 * gates * H),
                        "one": np.array([1])}, ["B", "L"])


def step_nodes(x, before, after):
    """h = tanh(x W + h R) / (1 + h^2), in which no mixer is."""
    name = after + "_"
    return [helper.make_node("MatMul", [x, "W"], [name + "a"]), helper.make_node("MatMul", [before, "R"], [name + "b"]),
            helper.make_node("Add", [name + "a", name + "b"], [name + "c"]), helper.make_node("Tanh", [name + "c"], [name + "d"]),
            helper.make_node("Mul", [before, before], [name + "e"]), helper.make_node("Add", [name + "e", "unit"], [name + "f"]),
            helper.make_node("Div", [name + "d", name + "f"], [after])]


weights = {"W": normal(C, H), "R": normal(H, H), "unit": np.float32(1).reshape(1)}


def scan():
    body = helper.make_graph([*step_nodes("xt", "h", "next"), helper.make_node("Identity", ["next"], ["yt"])], "body",
                             [info("h", ["B", H]), info("xt", ["B", C])], [info("next", ["B", H]), info("yt", ["B", H])])
    nodes = [helper.make_node("Shape", ["x"], ["b"], start=0, end=1), helper.make_node("Concat", ["b", "h"], ["hs"], axis=0),
             helper.make_node("ConstantOfShape", ["hs"], ["h0"]),
             helper.make_node("Transpose", ["x"], ["xs"], perm=[1, 0, 2]),
             helper.make_node("Scan", ["h0", "xs"], ["last", "ys"], body=body, num_scan_inputs=1),
             helper.make_node("Transpose", ["ys"], ["y"], perm=[1, 0, 2])]
    return save(nodes, {**weights, "h": np.array([H])}, ["B", "L"])


def unrolled():
    nodes, rows = [], []
    for t in range(L):
        nodes += [helper.make_node("Gather", ["x", f"t{t}"], [f"x{t}"], axis=1),
                  *step_nodes(f"x{t}", f"h{t}", f"h{t + 1}"), helper.make_node("Unsqueeze", [f"h{t + 1}", "one"], [f"y{t}"])]
        rows.append(f"y{t}")
    nodes.append(helper.make_node("Concat", rows, ["y"], axis=1))
    return save(nodes, {**weights, "h0": np.zeros((2, H), np.float32), "one": np.array([1]),
                        **{f"t{t}": np.array(t) for t in range(L)}}, [2, L])


def run(entry, **inputs):
    np.savez(given, **inputs)
    subprocess.run(["ssm-run", lib, f"--entry={entry}", f"--input=@{given}", f"--output=@{made}"], check=True)
    with np.load(made) as outputs:
        return dict(outputs)


for what, make, options in (("lstm", lambda: cell("LSTM", 4), []), ("gru", lambda: cell("GRU", 3, linear_before_reset=1), []),
                            ("rnn", lambda: cell("RNN", 1), []), ("begun", begun, []), ("scan", scan, []),
                            ("unrolled", unrolled, ["--dim=x:0=B", "--dim=x:1=L"])):
    model = make()
    x = normal(2, L, C)
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    subprocess.run(["ssmc", path, "-o", lib, "--entry=prefill_lengths,step,verify", *options], check=True)
    about = subprocess.run(["ssm-run", lib, "--info", "--json"], check=True, capture_output=True, text=True).stdout
    state = {}
    for one in json.loads(about)["states"]:
        shape = [2, *one["dims"][1:]]
        row = one["initial"]
        state[one["name"]] = np.broadcast_to(np.reshape(row, shape[1:]) if isinstance(row, list) else row, shape).astype(np.float32)
    names = list(state)
    deviation, lengths = 0.0, np.array([2, 5])

    def compare(found, wanted):
        global deviation
        deviation = max(deviation, np.abs(found - wanted).max() if np.isfinite(found).all() else np.inf)

    padded = np.where(np.arange(6)[:, None] < lengths[:, None, None], x[:, :6], np.float32(np.nan))
    out = run("prefill_lengths", x=padded, lengths=lengths, **state)
    for row, length in enumerate(lengths):
        compare(out["y"][row, :length], expected[row, :length])
    state = {name: out[name] for name in names}
    counts = np.array([3, 0])
    draft = np.stack([x[row, at:at + 4] for row, at in enumerate(lengths)])
    draft = np.where(np.arange(4)[:, None] < counts[:, None, None], draft, 7)
    out = run("verify", x=draft, **state)
    brought = {name: value for name, value in out.items() if name.startswith("brought_")}
    state = run("accept", lengths=counts, **brought, **state)
    for t in range(2):
        at = lengths + counts + t
        out = run("step", x=x[[0, 1], at][:, None], **state)
        compare(out["y"][:, 0], expected[[0, 1], at])
        state = {name: out[name] for name in names}
    print(what, "largest deviation", deviation)
    assert deviation < 1e-5, what
