"""Exports with one thing changed at random: whatever of them is raised, they are
right.

    tampered.py DIR FIRST-LAST [ssmc options]

One node, by the seed, scales or delays its result, or reads another value of
the same shape: a step of the recurrence, an input of a convolution, a gate. The
changed graph is compiled and compared with ONNX Runtime. Most changes keep a
mixer from being raised or make it another one.
"""
import pathlib
import random
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compiled import compile_model, peer_outputs, run_model
from raising import EXPECTED

EXPORTS = ("mamba/forward.dynamo", "mamba/forward.ts", "recurrent_gemma/forward.dynamo")


def tamper(model, seed):
    """Changes one float value that is no constant; says how."""
    pick, graph = random.Random(seed), model.graph
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred.value_info
              if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    constants = {o for n in graph.node if n.op_type in ("Constant", "ConstantOfShape") for o in n.output}
    made = {}  # values before each node, by shape
    places = []
    for i, node in enumerate(graph.node):
        for j, name in enumerate(node.input):
            others = made.get(tuple(shapes.get(name, ())), [])
            if name in shapes and name not in constants and len(others) > 1:
                places.append((i, j, list(others)))
        for name in node.output:
            if name in shapes and name not in constants:
                made.setdefault(tuple(shapes[name]), []).append(name)
    i, j, others = pick.choice(places)
    node, name = graph.node[i], graph.node[i].input[j]
    if pick.random() < 0.5:
        factor = numpy_helper.from_array(np.float32(pick.choice((0.5, 1.25, -1.0))), "tampered_factor")
        graph.initializer.append(factor)
        node.input[j] = "tampered"
        graph.node.insert(i, helper.make_node("Mul", [name, "tampered_factor"], ["tampered"], "tampering"))
        return f"{node.name} reads {name} scaled"
    # A value made shortly before: the step before, or another gate.
    other = pick.choice([o for o in others[-4:] if o != name] or others)
    node.input[j] = other
    return f"{node.name} reads {other} for {name}"


def main(folder, seeds, *options):
    first, last = map(int, seeds.split("-"))
    runs = failures = changed = kept = 0
    with tempfile.TemporaryDirectory() as work:
        for seed in range(first, last + 1):
            name = EXPORTS[seed % len(EXPORTS)]
            path = pathlib.Path(work) / "tampered.onnx"
            model = onnx.load(f"{folder}/{name}.onnx")
            onnx.save(model, path)
            before = peer_outputs(path)
            how = tamper(model, seed)
            onnx.save(model, path)
            stored = peer_outputs(path)
            changed += any(not np.allclose(stored[key], before[key], atol=1e-6) for key in stored)
            library, report = compile_model(path, path.parent, *options)
            kept += [entry["op"] for entry in report if entry["op"]] != EXPECTED[name]
            wrong = run_model(library, stored, path.parent)
            if wrong:
                failures += 1
                print(f"{name}, seed {seed}, {how}: {wrong}")
            runs += 1
    print(f"{runs} tampered graphs, {changed} changed, {kept} raised to something else, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
