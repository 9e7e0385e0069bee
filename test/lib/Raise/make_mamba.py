#!/usr/bin/env python3
"""Writes an unrolled Mamba as an exporter would, of any size, spelled by chance.

    make_mamba.py OUT.onnx --batch 2 --length 24 --inner 64 --seed 3
    make_mamba.py OUT.onnx --flaw future      # one that must not be raised

Extents may coincide (length = inner = batch): raising must not go by size.
The spelling (layout of the states, how a step is cut out, how the output is
read and gathered) is drawn from the seed. --flaw makes a near miss in the first
layer:

    constant  one step multiplies its state by another constant
    future    one step reads the input of the next token
    crossing  two halves of the batch exchange their states at one step
    gate      the gate is applied to one token only
"""
import argparse
import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLAWS = ("constant", "future", "crossing", "gate")


class Graph:
    """Collects nodes and constants; `node` returns the name of its output."""

    def __init__(self):
        self.nodes, self.initializers, self.count = [], [], 0

    def name(self):
        self.count += 1
        return f"t{self.count}"

    def constant(self, value, dtype=np.float32):
        name = self.name()
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values):
        return self.constant(values, np.int64)

    def node(self, op, *inputs, **attributes):
        name = self.name()
        self.nodes.append(helper.make_node(op, list(inputs), [name], f"node{len(self.nodes)}", **attributes))
        return name


def rms_norm(g, x, weight):
    mean = g.node("ReduceMean", g.node("Pow", x, g.constant(2.0)), axes=[-1], keepdims=1)
    scale = g.node("Reciprocal", g.node("Sqrt", g.node("Add", mean, g.constant(1e-5))))
    return g.node("Mul", weight, g.node("Mul", x, scale))


def silu(g, x, pick):
    gate = g.node("Sigmoid", x)
    return g.node("Mul", x, gate) if pick.random() < 0.5 else g.node("Mul", gate, x)


def step_slice(g, x, t, axis, pick):
    """x[..., t, ...] without that axis."""
    if pick.random() < 0.5:
        return g.node("Gather", x, g.constant(t, np.int64), axis=axis)
    piece = g.node("Slice", x, g.ints(t), g.ints(t + 1), g.ints(axis))
    return g.node("Squeeze", piece, g.ints(axis))


def mixer(g, x, a, weight, pick, flaw):
    """One Mamba mixer on x [B, L, D_model], B x L x D inside."""
    inner, state, rank, length, batch = a.inner, a.state, a.rank, a.length, a.batch
    time_major = pick.random() < 0.5  # exp(dt A) as [B, L, D, N], else [B, D, L, N]
    projected = g.node("MatMul", x, weight(a.hidden, 2 * inner))
    split = helper.make_node("Split", [projected, g.ints(inner, inner)], [g.name(), g.name()], axis=-1)
    g.nodes.append(split)
    u, z = split.output
    u = g.node("Transpose", u, perm=[0, 2, 1])
    u = g.node("Conv", u, weight(inner, 1, 4), weight(inner), group=inner, kernel_shape=[4], pads=[3, 3])
    u = g.node("Slice", u, g.ints(0), g.ints(length), g.ints(2))
    u = g.node("Transpose", silu(g, u, pick), perm=[0, 2, 1])
    projected = g.node("MatMul", u, weight(inner, rank + 2 * state))
    split = helper.make_node("Split", [projected, g.ints(rank, state, state)],
                             [g.name(), g.name(), g.name()], axis=-1)
    g.nodes.append(split)
    low, b, c = split.output
    dt = g.node("Softplus", g.node("Add", g.node("MatMul", low, weight(rank, inner)), weight(inner)))

    A = -np.arange(1, state + 1) * np.full((inner, 1), 0.1)
    axis = 1 if time_major else 2
    order = lambda v: v if time_major else g.node("Transpose", v, perm=[0, 2, 1])
    dt4, u4 = (g.node("Unsqueeze", order(v), g.ints(3)) for v in (dt, u))
    b4 = g.node("Unsqueeze", b, g.ints(2 if time_major else 1))
    A4 = A.reshape((1, 1, inner, state) if time_major else (1, inner, 1, state))
    decay = g.node("Exp", g.node("Mul", dt4, g.constant(A4)))
    drive = g.node("Mul", g.node("Mul", dt4, b4), u4) if pick.random() < 0.5 else \
        g.node("Mul", g.node("Mul", u4, dt4), b4)

    read = pick.random() < 0.5
    h = g.constant(np.zeros((batch, inner, state)))
    outputs = []
    for t in range(length):
        source = t + 1 if flaw == "future" and t == length // 2 else t
        h = g.node("Mul", step_slice(g, decay, t, axis, pick), h)
        if flaw == "constant" and t == length // 2:
            h = g.node("Mul", h, g.constant(0.5))
        h = g.node("Add", h, step_slice(g, drive, source, axis, pick))
        if flaw == "crossing" and t == length // 2:
            half = batch // 2
            top = g.node("Slice", h, g.ints(half), g.ints(batch), g.ints(0))
            bottom = g.node("Slice", h, g.ints(0), g.ints(half), g.ints(0))
            h = g.node("Concat", top, bottom, axis=0)
        ct = step_slice(g, c, t, 1, pick)
        if read:
            y = g.node("Squeeze", g.node("MatMul", h, g.node("Unsqueeze", ct, g.ints(2))), g.ints(2))
        else:
            y = g.node("ReduceSum", g.node("Mul", h, g.node("Unsqueeze", ct, g.ints(1))), g.ints(2), keepdims=0)
        outputs.append(g.node("Unsqueeze", y, g.ints(1)))
    y = g.node("Concat", *outputs, axis=1)
    y = g.node("Add", y, g.node("Mul", u, weight(inner)))
    if flaw == "gate":
        mask = np.zeros((1, length, 1), bool)
        mask[0, length // 2] = True
        y = g.node("Where", g.constant(mask, bool), g.node("Mul", y, silu(g, z, pick)), y)
    else:
        y = g.node("Mul", y, silu(g, z, pick))
    return g.node("MatMul", y, weight(inner, a.hidden))


def build(a):
    pick, numbers = random.Random(a.seed), np.random.default_rng(a.seed)
    g = Graph()
    weight = lambda *shape: g.constant(numbers.normal(0, 1 / np.sqrt(shape[-2] if len(shape) > 1 else 1), shape))
    x = g.node("Gather", weight(a.vocabulary, a.hidden), "input_ids", axis=0)
    for layer in range(a.layers):
        norm = rms_norm(g, x, g.constant(np.ones(a.hidden)))
        x = g.node("Add", x, mixer(g, norm, a, weight, pick, a.flaw if layer == 0 else None))
    g.nodes.append(helper.make_node("MatMul", [x, weight(a.hidden, a.vocabulary)], ["logits"], "head"))
    shape = [a.batch, a.length]
    graph = helper.make_graph(
        g.nodes, "mamba", [helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape + [a.vocabulary])], g.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output")
    for name, value in dict(layers=2, batch=2, length=24, hidden=16, inner=32, state=8,
                            rank=4, vocabulary=64, seed=0).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--flaw", choices=FLAWS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    options = arguments()
    onnx.save(build(options), options.output)
