#!/usr/bin/env python3
"""Writes an unrolled Mamba as an exporter would, of any size, spelled by chance.

    make_mamba.py OUT.onnx --batch 2 --length 24 --inner 64 --seed 3

Extents may coincide (length = inner = batch): raising must not go by size.
The spelling (layout of the states, how a step is cut out, how the output is
read and gathered) is drawn from the seed. The first layer may be another than
the right one: variants.py has near misses.
"""
import argparse
import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

class Graph:
    """Collects nodes and constants; `node` returns the name of its output."""

    def __init__(self):
        self.nodes, self.initializers, self.count = [], [], 0
        self.outputs = []  # (name, shape) of outputs beside the logits

    def name(self):
        self.count += 1
        return f"t{self.count}"

    def constant(self, value, dtype=np.float32):
        name = self.name()
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def split(self, x, *sizes):
        """The parts of the last axis."""
        names = [self.name() for _ in sizes]
        self.nodes.append(helper.make_node("Split", [x, self.ints(*sizes)], names, axis=-1))
        return names

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


class Steps:
    """The parts of the steps of one layer; each call writes the nodes anew."""

    def __init__(self, g, a, pick, z):
        self.g, self.pick, self.z = g, pick, z
        self.batch, self.length, self.inner, self.state = a.batch, a.length, a.inner, a.state
        self.time_major = pick.random() < 0.5  # exp(dt A) as [B, L, D, N], else [B, D, L, N]
        self.axis = 1 if self.time_major else 2

    def discretise(self, dt, b, u, decays):
        g = self.g
        order = lambda v: v if self.time_major else g.node("Transpose", v, perm=[0, 2, 1])
        dt4, u4 = (g.node("Unsqueeze", order(v), g.ints(3)) for v in (dt, u))
        b4 = g.node("Unsqueeze", b, g.ints(2 if self.time_major else 1))
        decays = np.expand_dims(decays, (0, 1) if self.time_major else (0, 2))
        self.decays = g.node("Exp", g.node("Mul", dt4, g.constant(decays)))
        self.drives = g.node("Mul", g.node("Mul", dt4, b4), u4) if self.pick.random() < 0.5 else \
            g.node("Mul", g.node("Mul", u4, dt4), b4)

    def decay(self, t):
        return step_slice(self.g, self.decays, t, self.axis, self.pick)

    def drive(self, t):
        return step_slice(self.g, self.drives, t, self.axis, self.pick)

    def update(self, h, t, source):
        """The state after step t, which takes in token `source`."""
        return self.g.node("Add", self.g.node("Mul", self.decay(t), h), self.drive(source))

    def read(self, h, t):
        g, c = self.g, step_slice(self.g, self.c, t, 1, self.pick)
        if self.matmul:
            return g.node("Squeeze", g.node("MatMul", h, g.node("Unsqueeze", c, g.ints(2))), g.ints(2))
        return g.node("ReduceSum", g.node("Mul", h, g.node("Unsqueeze", c, g.ints(1))), g.ints(2), keepdims=0)


class Layer:
    """One Mamba mixer on x [B, L, D_model], in parts that variants override."""
    raised = ["ssm.short_conv", "ssm.selective_scan"]
    initial, first_tap, options = 0.0, 0, {}

    def decays(self, s):
        return -np.arange(1, s.state + 1) * np.full((s.inner, 1), 0.1)

    def step(self, g, s, h, t):
        return s.update(h, t, t)

    def chain(self, g, s):
        """The outputs of the steps, each [B, D]."""
        h, outputs = s.zero, []
        for t in range(s.length):
            h = self.step(g, s, h, t)
            outputs.append(s.read(h, t))
        return outputs

    def activate(self, g, s, u):
        return silu(g, u, s.pick)

    def skip(self, g, s, y, u):
        return g.node("Add", y, g.node("Mul", u, s.weight(s.inner)))

    def gate(self, g, s, y, z):
        return g.node("Mul", y, silu(g, z, s.pick))

    def build(self, g, x, a, weight, pick):
        inner, state, rank, length, batch = a.inner, a.state, a.rank, a.length, a.batch
        u, z = g.split(g.node("MatMul", x, weight(a.hidden, 2 * inner)), inner, inner)
        s = Steps(g, a, pick, z)
        s.weight = weight
        u = g.node("Transpose", u, perm=[0, 2, 1])
        u = g.node("Conv", u, weight(inner, 1, 4), weight(inner), group=inner, kernel_shape=[4], pads=[3, 3])
        u = g.node("Slice", u, g.ints(self.first_tap), g.ints(self.first_tap + length), g.ints(2))
        u = g.node("Transpose", self.activate(g, s, u), perm=[0, 2, 1])
        low, b, s.c = g.split(g.node("MatMul", u, weight(inner, rank + 2 * state)), rank, state, state)
        dt = g.node("Softplus", g.node("Add", g.node("MatMul", low, weight(rank, inner)), weight(inner)))
        s.discretise(dt, b, u, self.decays(s))
        s.matmul = pick.random() < 0.5
        s.zero = g.constant(np.full((batch, inner, state), self.initial))
        y = g.node("Concat", *[g.node("Unsqueeze", y, g.ints(1)) for y in self.chain(g, s)], axis=1)
        y = self.gate(g, s, self.skip(g, s, y, u), z)
        return g.node("MatMul", y, weight(inner, a.hidden))


def build(a, *layers):
    """The model; its first layers are of the classes `layers`."""
    pick, numbers = random.Random(a.seed), np.random.default_rng(a.seed)
    g = Graph()
    weight = lambda *shape: g.constant(numbers.normal(0, 1 / np.sqrt(shape[-2] if len(shape) > 1 else 1), shape))
    x = g.node("Gather", weight(a.vocabulary, a.hidden), "input_ids", axis=0)
    for layer in range(a.layers):
        norm = rms_norm(g, x, g.constant(np.ones(a.hidden)))
        x = g.node("Add", x, (layers[layer] if layer < len(layers) else Layer)().build(g, norm, a, weight, pick))
    g.nodes.append(helper.make_node("MatMul", [x, weight(a.hidden, a.vocabulary)], ["logits"], "head"))
    shape = [a.batch, a.length]
    graph = helper.make_graph(
        g.nodes, "mamba", [helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, extents)
         for name, extents in [("logits", shape + [a.vocabulary]), *g.outputs]], g.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output")
    for name, value in dict(layers=2, batch=2, length=24, hidden=16, inner=32, state=8,
                            rank=4, vocabulary=64, seed=0).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args(argv)


if __name__ == "__main__":
    options = arguments()
    onnx.save(build(options), options.output)
