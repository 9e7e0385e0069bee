"""Errors planted into exported graphs, of every kind that a wrong mixer has: whatever of them is raised computes what
ONNX Runtime does.

    plants.py DIR FIRST-LAST    ... by seeds: each takes the next graph and the next kind of error

The raised graph is evaluated in double precision, beside ONNX Runtime's outputs for the feed that is stored with the
graph.
"""
import concurrent.futures
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

GRAPHS = ("mamba2/forward.dynamo", "qwen3_next/forward.dynamo", "xlstm/forward.ts", "recurrent_gemma/forward.dynamo_dyn",
          "mobius_qwen3_5/model", "mamba/forward.dynamo_dyn", "qwen3_next/generation.decode", "mamba2/forward.dynamo_dyn",
          "mobius_mamba2/model", "recurrent_gemma/forward.dynamo", "mamba/generation.prefill", "xlstm/forward.dynamo",
          "qwen3_next/generation.prefill", "mamba/forward.ts")
#: Their tokens at the traced length.
TIME = 24
PASSES = "onnx-inline-functions,onnx-infer-shapes,onnx-fold,onnx-simplify,ssm-raise"
FLOAT = onnx.TensorProto.FLOAT


class Graph:
    def __init__(self, model):
        self.graph = model.graph
        shape = lambda v: tuple(d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim)
        try:
            inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
        except Exception:
            inferred = model.graph.value_info
        self.floats = {v.name: shape(v) for v in inferred if v.type.tensor_type.elem_type == FLOAT}
        self.constants = {c.name: c for c in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = node.attribute[0].t
                self.floats.pop(node.output[0], None)

    def places(self, fits=lambda name: True):
        """Inputs of nodes that are floats from data."""
        return [(i, j) for i, node in enumerate(self.graph.node) for j, name in enumerate(node.input)
                if name in self.floats and fits(name)]

    def insert(self, place, op, *operands, **attributes):
        """`op` of the value at `place` in its stead."""
        i, j = place
        node = self.graph.node[i]
        self.graph.node.insert(i, helper.make_node(op, [node.input[j], *operands], ["planted"], "planting", **attributes))
        self.graph.node[i + 1].input[j] = "planted"

    def constant(self, array):
        self.graph.initializer.append(numpy_helper.from_array(array, "planted_constant"))
        return "planted_constant"


def sign(graph, pick):
    graph.insert(pick.choice(graph.places()), "Mul", graph.constant(np.float32(-1)))


def scale(graph, pick):
    graph.insert(pick.choice(graph.places()), "Mul", graph.constant(np.float32(1.01)))


def delay(graph, pick):
    """A sequence, moved by one token."""
    place = pick.choice(graph.places(lambda name: TIME in graph.floats[name]))
    name = graph.graph.node[place[0]].input[place[1]]
    order = graph.constant(np.roll(np.arange(TIME), 1))
    graph.insert(place, "Gather", order, axis=graph.floats[name].index(TIME))


def drop(graph, pick):
    """A skip, a gate or a bias less."""
    nodes = [n for n in graph.graph.node if n.op_type in ("Add", "Mul") and
             graph.floats.get(n.input[0], 0) == graph.floats.get(n.output[0], 1)]
    node = pick.choice(nodes)
    node.op_type = "Identity"
    del node.input[1]


def swap(graph, pick):
    """Another value of the same shape, made before: the key for the query, the state of another step."""
    made, places = {}, []
    for i, node in enumerate(graph.graph.node):
        for j, name in enumerate(node.input):
            others = [o for o in made.get(graph.floats.get(name), [])[-4:] if o != name and o not in node.input]
            if others:
                places.append((i, j, others))
        for name in node.output:
            if name in graph.floats:
                made.setdefault(graph.floats[name], []).append(name)
    i, j, others = pick.choice(places)
    graph.graph.node[i].input[j] = pick.choice(others)


def bound(graph, pick):
    """A number that tokens are cut at or positions are compared with: a window, a chunk."""
    readers = ("Slice", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Sub", "Add", "Gather", "Trilu", "Pad", "Range")
    found = [(n, j) for n in graph.graph.node if n.op_type in readers for j, name in enumerate(n.input)
             if name in graph.constants and graph.constants[name].data_type == onnx.TensorProto.INT64]
    node, j = pick.choice(found)
    array = numpy_helper.to_array(graph.constants[node.input[j]]).copy()
    at = pick.randrange(array.size)
    array.flat[at] += 1 if array.flat[at] < 0 else pick.choice((-1, 1))  # the ends of what has no bound stay numbers
    node.input[j] = graph.constant(array)


def table(graph, pick):
    """A mask or a table of positions, moved by one."""
    tables = [(n, j) for n in graph.graph.node for j, name in enumerate(n.input)
              if name in graph.constants and len(graph.constants[name].dims) > 1 and
              (TIME in graph.constants[name].dims or 8 in graph.constants[name].dims)]
    node, j = pick.choice(tables)
    array = numpy_helper.to_array(graph.constants[node.input[j]])
    node.input[j] = graph.constant(np.roll(array, pick.choice((-1, 1)), axis=pick.randrange(array.ndim)))


KINDS = (sign, swap, drop, bound, delay, table, scale)


def feed_of(path):
    for name in (path.stem + ".npz", "decode.npz" if path.stem == "model" else "forward.npz"):
        if (path.parent / name).exists():
            archive = np.load(path.parent / name)
            names = {i.name for i in onnx.load(path).graph.input}
            fed = {k.removeprefix("in:"): archive[k] for k in archive.files}
            return {k: v for k, v in fed.items() if k in names}


def outputs(path, feed):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return {o.name: y for o, y in zip(session.get_outputs(), session.run(None, feed))}


def evaluate(path, fed, found):
    """What is wrong with the raised graph of `path`."""
    archive = path.with_suffix(".npz")
    np.savez(archive, **{f"in:{k}": v for k, v in fed.items()}, **{f"out:{k}": v for k, v in found.items()})
    arguments = [part for k in fed for part in ("--input", f"{k}=@{archive}:in:{k}")]
    arguments += [part for k in found for part in ("--expect", f"{k}=@{archive}:out:{k}")]
    size = max(np.abs(y).max() for y in found.values())
    done = subprocess.run(["ssm-eval", path, f"--passes={PASSES}", *arguments, "--rtol=1e-3", f"--atol={1e-3 * size}"],
                          capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def plant(folder, seed, work):
    """What is wrong; None where nothing was planted, or no model is left."""
    name = GRAPHS[seed % len(GRAPHS)]
    kind = KINDS[(seed + seed // len(GRAPHS)) % len(KINDS)]
    source, path = pathlib.Path(folder) / f"{name}.onnx", work / "planted.onnx"
    model, pick, fed = onnx.load(source), random.Random(seed), feed_of(source)
    try:
        kind(Graph(model), pick)
        onnx.save(model, path)
        found = outputs(path, fed)
    except Exception:
        return None  # nothing of that kind, or no model any more
    found = {k: y for k, y in found.items() if y.dtype == np.float32}
    if not all(np.isfinite(y).all() for y in found.values()):
        return None
    wrong = evaluate(path, fed, found)
    return f"{name}, {kind.__name__} by {seed}: {wrong}" if wrong else ""


def main(folder, seeds):
    first, last = map(int, seeds.split("-"))
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(2) as pool:
        def one(seed):
            own = pathlib.Path(work) / str(seed)
            own.mkdir()
            return plant(folder, seed, own)
        results = list(pool.map(one, range(first, last + 1)))
    planted = [text for text in results if text is not None]
    wrong = [text for text in planted if text]
    print(*wrong, f"{len(planted)} errors planted, {len(wrong)} failures", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
