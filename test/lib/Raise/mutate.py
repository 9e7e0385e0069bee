#!/usr/bin/env python3
"""Rewrites an ONNX graph into an equivalent one that looks different.

Names and the order of nodes become random, operands of commutative operators
swap, and spellings are exchanged for equal ones (spellings.py), each with a
probability of one half, by a seeded generator. Whatever raising recognises in
the original it must recognise in the result.

    mutate.py IN.onnx OUT.onnx --seed 7 [--only gather_as_slice]
"""
import argparse
import random

import numpy as np
import onnx
from onnx import helper, numpy_helper

import spellings


class Mutator:
    """The graph that is being rewritten, as the spellings see it."""

    def __init__(self, model, seed, only=None):
        self.random = random.Random(seed)
        self.model, self.graph, self.only = model, model.graph, only
        self.opset = next(o.version for o in model.opset_import if o.domain == "")
        self.count = 0
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self.types = {v.name: v.type.tensor_type
                      for v in [*inferred.value_info, *inferred.input, *inferred.output]}
        self.constants = {i.name: numpy_helper.to_array(i) for i in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.producers = {o: n for n in self.graph.node for o in n.output}
        self.uses = {}
        for node in self.graph.node:
            for name in node.input:
                self.uses[name] = self.uses.get(name, 0) + 1
        for value in self.graph.output:
            self.uses[value.name] = self.uses.get(value.name, 0) + 1

    # What a spelling asks.

    def chance(self):
        return self.random.random() < 0.5

    def shape(self, name):
        """Extents, or None where one of them is not a number."""
        if name in self.constants:
            return list(self.constants[name].shape)
        type = self.types.get(name)
        if type is None or not type.HasField("shape") or \
                any(not d.HasField("dim_value") for d in type.shape.dim):
            return None
        return [d.dim_value for d in type.shape.dim]

    def is_float(self, name):
        if name in self.constants:
            return self.constants[name].dtype == np.float32
        return name in self.types and self.types[name].elem_type == onnx.TensorProto.FLOAT

    def scalar(self, name):
        """The value of a constant of one element, or None."""
        value = self.constants.get(name)
        return value.reshape(())[()] if value is not None and value.size == 1 else None

    def integers(self, name):
        value = self.constants.get(name)
        return None if value is None else value.reshape(-1).tolist()

    def producer(self, name, op):
        """The node that makes `name` for one reader, if it is an `op`."""
        node = self.producers.get(name)
        return node if node is not None and node.op_type == op and self.uses[name] == 1 else None

    # What a spelling makes.

    def constant(self, array):
        self.count += 1
        name = f"constant_{self.count}"
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def floats(self, value):
        return self.constant(np.float32(value))

    def node(self, op, *inputs, output=None, **attributes):
        """Adds a node to the result of the rewrite; returns its output."""
        self.count += 1
        output = output or f"mutated_{self.count}"
        self.result.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def rewrite(self, node):
        """The nodes that replace `node`: itself where nothing applies."""
        candidates = [s for s in spellings.SPELLINGS.get(node.op_type, []) + spellings.SPELLINGS["*"]
                      if self.only in (None, s.__name__)]
        self.random.shuffle(candidates)
        for spelling in candidates if self.chance() else []:
            self.result = []
            if spelling(self, node):
                return self.result
        return [node]

    def rename(self):
        """Gives every node and inner value a random name."""
        keep = {v.name for v in self.graph.input} | {v.name for v in self.graph.output}
        names = {}

        def new(name):
            if not name or name in keep:
                return name
            return names.setdefault(name, f"v{self.random.getrandbits(48):012x}")

        for init in self.graph.initializer:
            init.name = new(init.name)
        for node in self.graph.node:
            node.name = f"n{self.random.getrandbits(48):012x}"
            node.input[:] = [new(n) for n in node.input]
            node.output[:] = [new(n) for n in node.output]

    def reorder(self, nodes):
        """Another order in which every node follows what it reads."""
        made = {o for n in nodes for o in n.output if o}
        waiting, readers, ready = {}, {}, []
        for i, node in enumerate(nodes):
            needs = {name for name in node.input if name in made}
            waiting[i] = len(needs)
            for name in needs:
                readers.setdefault(name, []).append(i)
            if not needs:
                ready.append(i)
        order = []
        while ready:
            i = ready.pop(self.random.randrange(len(ready)))
            order.append(nodes[i])
            for name in nodes[i].output:
                for reader in readers.get(name, ()):
                    waiting[reader] -= 1
                    if waiting[reader] == 0:
                        ready.append(reader)
        return order

    def run(self):
        del self.graph.value_info[:]
        nodes = [new for node in self.graph.node for new in self.rewrite(node)]
        del self.graph.node[:]
        self.graph.node.extend(self.reorder(nodes))
        self.rename()
        return self.model


def mutate(model, seed, only=None):
    """The mutated copy of `model`; subgraphs are not entered."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return Mutator(copy, seed, only).run()


def resize(model, unit, size):
    """A copy of the model in which every extent of k units has k times `size`: weights are cut, and numbers
    that are extents - targets of reshapes, sizes of splits, groups - follow. Where something else has such a
    number the result is no valid model."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    new = lambda n: n // unit * size if n > 0 and n % unit == 0 and n < 2**31 - 1 else n

    def cut(tensor):
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.int64 and array.size <= 8:
            array = np.array([new(int(n)) for n in array.ravel()], np.int64).reshape(array.shape)
        shape = [new(n) for n in array.shape]
        assert all(n <= m for n, m in zip(shape, array.shape)), "extents may only shrink"
        tensor.CopyFrom(numpy_helper.from_array(array[tuple(map(slice, shape))].copy(), tensor.name))

    for tensor in graph.initializer:
        cut(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                cut(attribute.t)
            elif attribute.name in ("group", "split"):
                attribute.i = new(attribute.i)
                attribute.ints[:] = map(new, attribute.ints)
    del graph.value_info[:]
    for value in [*graph.input, *graph.output]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_value"):
                dim.dim_value = new(dim.dim_value)
    return copy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one spelling of spellings.py")
    args = parser.parse_args()
    onnx.save(mutate(onnx.load(args.input), args.seed, args.only), args.output)
