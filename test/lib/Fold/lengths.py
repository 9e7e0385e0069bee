"""A graph that stores what it computed from 24 positions, at other lengths.

    lengths.py TMP [ssmc options]

A mark on the first token, a rotary embedding, an offset of half the position,
attention in a band, its logits falling with the distance, numbers, cosines and sines of the
positions counted from the last token back, the sequence reversed by the lengths of its rows, ones of the traced size, the last four tokens as a state, the largest token
repeated for every token, and means and a deviation written as sums and numbers:
compared with numpy at lengths from 1 to 500, freed and fixed.
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LENGTH, WIDTH = 24, 8
FREQUENCY = (1 / 1e7 ** (np.arange(0, WIDTH, 2) / WIDTH)).astype(np.float32)
#: Cosines and sines are longer than one, as where a context was stretched. The slowest column of
#: the cosines is one throughout 24 positions: only the sines show that it turns.
LONGER = np.float32(1.25)


def angles(positions):
    return np.concatenate([positions[:, None] * FREQUENCY] * 2, 1).astype(np.float32)


def distances(length):
    """How far tokens are from those before them, which see nothing of them."""
    distance = np.arange(length)[:, None] - np.arange(length)
    return distance, np.where(distance < 0, np.float32(-1e9), -np.float32(0.25) * distance).astype(np.float32)


def attend(x):
    distance, bias = distances(x.shape[1])
    logits = np.where((distance >= 0) & (distance < 7), x @ x.transpose(0, 2, 1), -1e9) + bias
    weights = np.exp(logits - logits.max(2, keepdims=True))
    return (weights / weights.sum(2, keepdims=True)) @ x


def oracle(x):
    positions = np.arange(x.shape[1], dtype=np.float32)
    marked = x * (positions > 0)[:, None]
    turned = np.concatenate([-x[..., WIDTH // 2:], x[..., :WIDTH // 2]], 2)
    y = marked * LONGER * np.cos(angles(positions)) + turned * LONGER * np.sin(angles(positions))
    padded = np.concatenate([np.zeros((len(x), 4, WIDTH)), x], 1)
    back = positions[::-1]
    return {"ahead": x * (back * np.float32(-0.25))[:, None], "behind": x + (back + 1)[:, None] * 2,
            "mirrored": (x * np.cos(angles(back)) + turned * np.sin(angles(back))).astype(np.float32),
            "reversed": x[:, ::-1],
            "y": (y + positions[:, None] * 0.5 + 4).astype(np.float32),
            "state": padded[:, -4:].transpose(0, 2, 1).astype(np.float32),
            "attended": attend(x.astype(np.float64)).astype(np.float32),
            "below": x - np.tanh(x.max(1, keepdims=True)) ** 2, "mean": x.mean(1), "before": x.mean(1)[:, 2:6], "square": x.mean(1) ** 2,
            "all": x.mean((1, 2)), "deviation": np.sqrt((x * x).sum(1)) / np.sqrt(np.float32(x.shape[1]))}


def model():
    nodes, constants = [], []

    def constant(value):
        constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(constants)}"))
        return constants[-1].name

    def node(op, *inputs, output=None, **attributes):
        output = output or f"t{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [output], f"node_{len(nodes)}", **attributes))
        return output

    positions = np.arange(LENGTH, dtype=np.float32)
    ints = lambda *values: constant(np.array(values))
    marked = node("Mul", "x", constant((positions > 0).astype(np.float32).reshape(1, LENGTH, 1)))
    right = node("Slice", "x", ints(WIDTH // 2), ints(WIDTH), ints(2))
    left = node("Slice", "x", ints(0), ints(WIDTH // 2), ints(2))
    turned = node("Concat", node("Neg", right), left, axis=2)
    y = node("Add", node("Mul", marked, constant(LONGER * np.cos(angles(positions)))),
             node("Mul", turned, constant(LONGER * np.sin(angles(positions)))))
    y = node("Add", y, constant((positions * 0.5 + 3).reshape(LENGTH, 1)))
    node("Add", y, constant(np.ones((2, LENGTH, 1), np.float32)), output="y")
    node("Pad", node("Transpose", "x", perm=[0, 2, 1]), ints(0, 0, 4 - LENGTH, 0, 0, 0), output="state")
    distance, bias = distances(LENGTH)
    band = constant(np.repeat(((distance >= 0) & (distance < 7))[None], 2, 0))
    logits = node("Where", band, node("MatMul", "x", node("Transpose", "x", perm=[0, 2, 1])),
                  constant(np.float32(-1e9)))
    node("MatMul", node("Softmax", node("Add", logits, constant(bias[None])), axis=2), "x", output="attended")
    top = node("Tanh", node("ReduceMax", "x", axes=[1]))
    repeated = node("Mul", node("Expand", top, ints(2, LENGTH, WIDTH)), node("Tile", top, ints(1, LENGTH, 1)))
    node("Sub", "x", repeated, output="below")
    total = node("ReduceSum", "x", ints(1), keepdims=0)
    node("Mul", total, constant(np.float32(1 / LENGTH)), output="mean")
    node("Div", node("Mul", total, total), constant(np.float32(LENGTH ** 2)), output="square")
    channels = node("ReduceSum", "x", ints(2), keepdims=0)
    node("Div", node("ReduceSum", channels, ints(1), keepdims=0), constant(np.float32(LENGTH * WIDTH)), output="all")
    scaled = node("Mul", node("Neg", "x"), constant(np.full((1, LENGTH, 1), -1 / LENGTH, np.float32)))
    node("Slice", node("ReduceSum", scaled, ints(1), keepdims=0), ints(2), ints(6), ints(1), output="before")
    squares = node("ReduceSum", node("Mul", "x", "x"), ints(1), keepdims=0)
    node("Div", node("Sqrt", squares), constant(np.float32(np.sqrt(LENGTH))), output="deviation")
    back = positions[::-1]
    node("Mul", "x", constant((back * np.float32(-0.25)).reshape(LENGTH, 1)), output="ahead")
    node("Add", "x", constant(((back + 1) * 2).reshape(1, LENGTH, 1)), output="behind")
    node("Add", node("Mul", "x", constant(np.cos(angles(back)))),
         node("Mul", turned, constant(np.sin(angles(back))[None])), output="mirrored")
    node("ReverseSequence", "x", ints(LENGTH, LENGTH), output="reversed", batch_axis=0, time_axis=1)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
             (("x", [2, LENGTH, WIDTH]), ("ahead", [2, LENGTH, WIDTH]), ("behind", [2, LENGTH, WIDTH]),
              ("mirrored", [2, LENGTH, WIDTH]), ("reversed", [2, LENGTH, WIDTH]), ("y", [2, LENGTH, WIDTH]), ("state", [2, WIDTH, 4]),
              ("below", [2, LENGTH, WIDTH]), ("attended", [2, LENGTH, WIDTH]),
              ("mean", [2, WIDTH]), ("before", [2, 4]), ("square", [2, WIDTH]), ("all", [2]),
              ("deviation", [2, WIDTH]))]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(folder, *options):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    path, library, feed = folder / "tables.onnx", folder / "tables.so", folder / "feed.npz"
    onnx.save(model(), path)
    random = np.random.default_rng(0)

    def compile_for(batch, length):
        subprocess.run(["ssmc", path, "-o", library, f"--dim=x:0={batch}", f"--dim=x:1={length}", *options],
                       check=True)

    def run(batch, length):
        x = random.normal(size=(batch, length, WIDTH)).astype(np.float32)
        np.savez(feed, x=x, **oracle(x))
        print(f"batch {batch}, length {length}: ", end="", flush=True)
        subprocess.run(["ssm-run", library, "--input", f"@{feed}", "--expect", f"@{feed}", "--atol=1e-4"], check=True)

    compile_for("B", "L")
    for length in (1, 2, 7, 24, 100, 500):
        run(3, length)
    for length in (2, 24, 40):
        compile_for(5, length)
        run(5, length)


main(*sys.argv[1:])
