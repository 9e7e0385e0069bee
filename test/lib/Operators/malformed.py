"""Nodes that are not what their operator allows: the compiler says what is
wrong with which node, and does not crash.

    malformed.py [--sample N] [--filter REGEX]

Every mutation below is applied to the first node test of each operator of
operators.txt. A mutant is compiled; it may be accepted (some are still valid).
If not, the exit code is 1 and a message names the node or the value that is
wrong. Everything else is a fault.
"""
import argparse
import copy
import os
import re
import subprocess
import sys
import tempfile

import onnx
from onnx import helper

from node_tests import HERE, Lists, as_array, collect, usable
from onnx import numpy_helper

NAME = "the node"
AXES = (-9, 9, 2**40, -2**62)


def mutations(model):
    """Pairs of what was done and the model after it."""

    def mutate(what, change, *arguments):
        mutant = copy.deepcopy(model)
        change(mutant, mutant.graph.node[0], *arguments)
        return what, mutant

    node = model.graph.node[0]
    for i in range(len(node.input)):
        yield mutate(f"input {i} left out", lambda m, n: n.input.__setitem__(i, ""))
        yield mutate(f"inputs from {i} on left off", lambda m, n: n.input.__delitem__(slice(i, None)))
        yield mutate(f"input {i} given twice", lambda m, n: n.input.insert(i, n.input[i]))
        yield mutate(f"input {i} for all", lambda m, n: [n.input.__setitem__(k, n.input[i]) for k in range(len(n.input))])
    yield mutate("nine more inputs", lambda m, n: n.input.extend([n.input[0]] * 9 if n.input else [""] * 9))
    yield mutate("nine more outputs", lambda m, n: n.output.extend(f"more{i}" for i in range(9)))
    yield mutate("no output left", lambda m, n: n.output.__setitem__(0, ""))
    yield mutate("inputs reversed", lambda m, n: n.input.__setitem__(slice(None), list(n.input)[::-1]))
    for i, value in enumerate(model.graph.input):
        rank = len(value.type.tensor_type.shape.dim)

        def dims(m):
            return m.graph.input[i].type.tensor_type.shape.dim

        for d in range(rank):
            for extent in (0, 1, dims(model)[d].dim_value + 1):
                yield mutate(f"dimension {d} of input {i} is {extent}",
                             lambda m, n: setattr(dims(m)[d], "dim_value", extent))
        yield mutate(f"input {i} with one dimension more", lambda m, n: setattr(dims(m).add(), "dim_value", 3))
        if rank:
            yield mutate(f"input {i} with one dimension less", lambda m, n: dims(m).pop())
            yield mutate(f"input {i} is a scalar", lambda m, n: dims(m).__delitem__(slice(None)))
        for kind in (onnx.TensorProto.INT64, onnx.TensorProto.BOOL, onnx.TensorProto.FLOAT, onnx.TensorProto.STRING):
            yield mutate(f"input {i} of type {kind}",
                         lambda m, n: setattr(m.graph.input[i].type.tensor_type, "elem_type", kind))
    for i, tensor in enumerate(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        for what, value in (("far out", array * 0 + 77), ("negative", array * 0 - 5),
                            ("longer", array.repeat(2) if array.ndim else array.reshape(1, 1)),
                            ("empty", array.reshape(-1)[:0])):
            if array.dtype.kind in "iu" and not (what == "negative" and array.dtype.kind == "u"):
                yield mutate(f"constant {tensor.name} {what}", lambda m, n: m.graph.initializer[i].CopyFrom(
                    numpy_helper.from_array(value.astype(array.dtype), tensor.name)))
    for i, attribute in enumerate(node.attribute):
        def replace(m, n, value):
            del n.attribute[i]
            n.attribute.insert(i, helper.make_attribute(attribute.name, value))

        values = [1.5, "text", [1, 2], [2.5], ["a"], -7, 2**62,
                  helper.make_tensor("t", onnx.TensorProto.FLOAT, [0], [])]
        kind = attribute.type
        if kind == onnx.AttributeProto.INTS:
            values += [list(attribute.ints)[:-1] or [9], [-3] * len(attribute.ints), list(attribute.ints) + [1],
                       [2**62] * len(attribute.ints), [0] * len(attribute.ints)]
        for value in values:
            yield mutate(f"{attribute.name} = {str(value)[:20]!r}", replace, value)
        yield mutate(f"no {attribute.name}", lambda m, n: n.attribute.__delitem__(i))
    if not any(a.name == "axis" for a in node.attribute):
        for axis in AXES:
            yield mutate(f"axis = {axis}", lambda m, n: n.attribute.append(helper.make_attribute("axis", axis)))
    for axis in AXES:
        def set_axis(m, n):
            kept = [a for a in n.attribute if a.name != "axis"]
            del n.attribute[:]
            n.attribute.extend(kept + [helper.make_attribute("axis", axis)])

        yield mutate(f"axis {axis}", set_axis)


def valid_model(case, lists):
    """The test's model with its inputs that must be constant as constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    graph.node[0].name = NAME
    constant = {graph.node[0].input[i] for i in lists.constant[graph.node[0].op_type] if i < len(graph.node[0].input)}
    values, _ = case.data_sets[0]
    for info, value in zip(list(graph.input), values):
        if info.name in constant:
            graph.initializer.append(numpy_helper.from_array(as_array(value), info.name))
            graph.input.remove(info)
    return model


def fault(run, model):
    """None where the compiler behaved."""
    if run.returncode == 0:
        return None
    if run.returncode != 1:
        return f"exit code {run.returncode}: {run.stderr[-600:]}"
    names = {NAME, *model.graph.node[0].input, *model.graph.node[0].output}
    names.update(v.name for v in [*model.graph.input, *model.graph.output])
    inner = any(a.type == onnx.AttributeProto.GRAPH for a in model.graph.node[0].attribute)
    if not (inner and "node '" in run.stderr) and not any(
            f"'{name}'" in run.stderr or f'"{name}"' in run.stderr for name in names - {""}):
        return f"the message names nothing: {run.stderr[-600:]}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=1, help="every Nth mutant only")
    parser.add_argument("--filter", default="", help="node tests to start from")
    parser.add_argument("--keep", help="folder for the mutants that are faults")
    arguments = parser.parse_args()
    lists = Lists(os.path.join(HERE, "operators.txt"))
    seen, count, rejected, faults = set(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.onnx")
        for case in collect(lists.ops, arguments.filter):
            op = case.model.graph.node[0].op_type
            version = next(o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx"))
            if op in seen or case.name in lists.skipped or not usable(case) or version < 7:
                continue
            seen.add(op)
            for number, (what, model) in enumerate(mutations(valid_model(case, lists))):
                # Another offset per operator: a sample reaches every mutation.
                if (number + len(seen)) % arguments.sample:
                    continue
                onnx.save(model, path)
                run = subprocess.run(["ssmc", path, "-O0", "-o", os.path.join(folder, "m.so")],
                                     capture_output=True, text=True, cwd=folder)
                count += 1
                rejected += run.returncode == 1
                problem = fault(run, model)
                if problem:
                    faults += 1
                    print(f"FAULT {op}, {what}: {problem}", flush=True)
                    if arguments.keep:
                        onnx.save(model, os.path.join(arguments.keep, f"{op}-{number}.onnx"))
    print(f"{len(seen)} operators, {count} mutants, {rejected} rejected, {faults} faults")
    sys.exit(faults > 0 or not rejected)


main()
