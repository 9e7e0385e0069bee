#!/usr/bin/env python3
"""Rewrites an ONNX graph into an equivalent one that looks different.

Names become random, operands of commutative operators swap, and spellings are
exchanged for equal ones, each with probability one half, by a seeded generator.
Whatever raising recognises in the original it must recognise in the result.

    mutate.py IN.onnx OUT.onnx --seed 7
"""
import argparse
import random

import numpy as np
import onnx
from onnx import helper, numpy_helper

COMMUTATIVE = {"Add", "Mul", "Max", "Min", "Sum"}


class Mutator:
    def __init__(self, model, seed):
        self.random = random.Random(seed)
        self.model = model
        self.graph = model.graph
        self.opset = next(o.version for o in model.opset_import if o.domain == "")
        self.count = 0
        self.constants = {i.name: i for i in self.graph.initializer}

    def fresh(self):
        self.count += 1
        return f"mutated_{self.count}"

    def chance(self):
        return self.random.random() < 0.5

    def constant(self, array):
        name = self.fresh()
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def scalar(self, name):
        """The value of a constant of one element, or None."""
        init = self.constants.get(name)
        if init is None or int(np.prod(init.dims)) != 1:
            return None
        return numpy_helper.to_array(init).reshape(())[()]

    def rewrite(self, node):
        """The nodes that replace `node`: itself where nothing applies."""
        op, inputs, outputs = node.op_type, list(node.input), list(node.output)
        make = helper.make_node
        if not self.chance():
            return [node]
        if op in COMMUTATIVE and len(inputs) == 2:
            node.input[0], node.input[1] = inputs[1], inputs[0]
            return [node]
        if op == "Sub" and len(inputs) == 2:
            negated = self.fresh()
            return [make("Neg", [inputs[1]], [negated]), make("Add", [inputs[0], negated], outputs)]
        if op == "Neg":
            return [make("Mul", [inputs[0], self.constant(np.float32(-1))], outputs)] \
                if self.is_float(inputs[0]) else [node]
        if op == "Reciprocal":
            return [make("Div", [self.constant(np.float32(1)), inputs[0]], outputs)]
        if op == "Sigmoid":
            # 1 / (1 + e^-x)
            a, b, c = self.fresh(), self.fresh(), self.fresh()
            return [make("Neg", [inputs[0]], [a]), make("Exp", [a], [b]),
                    make("Add", [b, self.constant(np.float32(1))], [c]),
                    make("Reciprocal", [c], outputs)]
        if op == "Pow" and self.scalar(inputs[1]) == 2:
            return [make("Mul", [inputs[0], inputs[0]], outputs)]
        if op == "Gather" and self.scalar(inputs[1]) is not None and \
                not self.constants[inputs[1]].dims and inputs[0] not in self.constants:
            return self.gather_as_slice(node)
        if op in ("Mul", "Add", "Exp", "MatMul"):
            name = self.fresh()
            replaced = onnx.NodeProto()
            replaced.CopyFrom(node)
            replaced.output[0] = name
            return [replaced, make("Identity", [name], outputs)]
        return [node]

    def is_float(self, name):
        """True unless the value is known to be an integer."""
        info = self.types.get(name)
        return info in (None, onnx.TensorProto.FLOAT) and name not in self.integers

    def gather_as_slice(self, node):
        """Gather(x, k) of one index as Squeeze(Slice(x, k, k+1))."""
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        index = int(self.scalar(node.input[1]))
        if index < 0 or self.opset < 13:
            return [node]
        ints = lambda value: self.constant(np.array([value], np.int64))
        piece = self.fresh()
        return [helper.make_node("Slice", [node.input[0], ints(index), ints(index + 1), ints(axis)], [piece]),
                helper.make_node("Squeeze", [piece, ints(axis)], list(node.output))]

    def rename(self):
        """Gives every node and inner value a random name."""
        keep = {v.name for v in self.graph.input} | {v.name for v in self.graph.output}
        names = {}

        def new(name):
            if not name or name in keep:
                return name
            if name not in names:
                names[name] = f"v{self.random.getrandbits(48):012x}"
            return names[name]

        for init in self.graph.initializer:
            init.name = new(init.name)
        for node in self.graph.node:
            node.name = f"n{self.random.getrandbits(48):012x}"
            node.input[:] = [new(n) for n in node.input]
            node.output[:] = [new(n) for n in node.output]

    def run(self):
        self.types = {v.name: v.type.tensor_type.elem_type
                      for v in list(self.graph.value_info) + list(self.graph.input)}
        self.integers = {o for n in self.graph.node for o in n.output
                         if n.op_type in ("Shape", "Size", "ArgMax", "Range")}
        del self.graph.value_info[:]
        nodes = [new for node in self.graph.node for new in self.rewrite(node)]
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        self.rename()
        return self.model


def mutate(model, seed):
    """The mutated copy of `model`; graphs with subgraphs are only renamed in part."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return Mutator(copy, seed).run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    onnx.save(mutate(onnx.load(args.input), args.seed), args.output)
