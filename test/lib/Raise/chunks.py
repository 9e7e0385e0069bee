"""Linear attention with decay in chunks, of a length that the graph leaves free.

    chunks.py TMP

A length need not be a multiple of the chunks, or must be; how many chunks there
are follows from it. What is wrong between chunks shows beyond the first.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compiled import compile_model, peer_outputs, run_model

H, D = 2, 4


def attention(chunk, pads=True, skip=False, single=False, wrong=None):
    """y = S^T q + `skip` d x, S = exp(g) S + k v^T over chunks of `chunk` tokens; the skip is added
    before the padding is cut off. A graph that was traced with a `single` chunk is none with more."""
    nodes, constants = [], {}

    def constant(value, dtype=np.int64):
        name = f"c{len(constants)}"
        constants[name] = np.asarray(value, dtype)
        return name

    def node(op, *inputs, **attrs):
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(op, list(inputs), [name], name=f"{op}_{len(nodes)}", **attrs))
        return name

    rng = np.random.default_rng(1)
    length = node("Slice", node("Shape", "x"), constant([1]), constant([2]))
    size = constant([chunk])
    missing = node("Mod", node("Sub", size, node("Mod", length, size)), size)
    count = node("Div", node("Add", length, missing), size) if pads else constant([-1])
    if single:
        count = constant([1])
    batch = node("Slice", node("Shape", "x"), constant([0]), constant([1]))

    def cut(value, *rest):
        if pads:
            amounts = [constant([0])] * (2 * (2 + len(rest)))
            amounts[2 + len(rest) + 1] = missing
            value = node("Pad", value, node("Concat", *amounts, axis=0))
        return node("Reshape", value, node("Concat", batch, count, size, constant(rest), axis=0))

    def project(*rest):
        weight = constant(rng.normal(size=(H * D, np.prod(rest))) / 4, np.float32)
        return node("Reshape", node("MatMul", "x", weight), constant([0, 0, *rest]))

    q, k, v = (cut(project(H, D), H, D) for _ in range(3))
    g = cut(node("Neg", node("Softplus", project(H))), H)
    part = node("CumSum", g, constant(2))  # [b, c, i, h]
    total = node("ReduceSum", g, constant([2]), keepdims=0)  # [b, c, h]
    # Within chunks.
    ones = constant(np.tril(np.ones((chunk, chunk)))[None, None, :, :, None], np.float32)
    fall = node("Sub", node("Unsqueeze", part, constant([3])), node("Unsqueeze", part, constant([2])))
    fall = node("Mul", node("Exp", node("Mul", fall, ones)), ones)  # [b, c, i, j, h]
    scores = node("Mul", node("Einsum", q, k, equation="bcihd,bcjhd->bcijh"), fall)
    inside = node("Einsum", scores, v, equation="bcijh,bcjhd->bcihd")
    # Between them.
    left = node("Exp", node("Sub", node("Unsqueeze", total, constant([2])), part))
    states = node("Einsum", node("Mul", k, node("Unsqueeze", left, constant([4]))), v,
                  equation="bcjhd,bcjhe->bchde")
    sums = node("CumSum", total, constant(1))
    before = sums if wrong == "decay" else node("Sub", sums, total)
    chunks = node("Squeeze", node("Slice", node("Shape", sums), constant([1]), constant([2])))
    numbers = node("Range", constant(0), chunks, constant(1))
    earlier = node("Cast", node("Less", node("Unsqueeze", numbers, constant([0])),
                                node("Unsqueeze", numbers, constant([1]))), to=TensorProto.FLOAT)
    earlier = node("Unsqueeze", earlier, constant([0, 3]))  # [1, z, c, 1]
    fall = node("Sub", node("Unsqueeze", before, constant([2])), node("Unsqueeze", sums, constant([1])))
    fall = node("Mul", node("Exp", node("Mul", fall, earlier)), earlier)  # [b, z, c, h]
    start = node("Einsum", fall, states, equation="bzch,bchde->bzhde")
    outside = node("Einsum", node("Mul", q, node("Unsqueeze", node("Exp", part), constant([4]))), start,
                   equation="bcihd,bchde->bcihe")
    y = node("Add", inside, outside)
    y = node("Reshape", y, node("Concat", batch, constant([-1, H * D]), axis=0))
    if skip:
        amounts = node("Concat", *[constant([0])] * 4, missing, constant([0]), axis=0)
        y = node("Add", y, node("Mul", constant(rng.normal(size=H * D), np.float32), node("Pad", "x", amounts)))
    if pads:
        y = node("Slice", y, constant([0]), length, constant([1]))
    shape = ["B", "L", H * D]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(y, TensorProto.FLOAT, shape)],
                              [numpy_helper.from_array(a, n) for n, a in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


#: Name, options, whether it is raised, lengths at which it is run.
CASES = (
    ("chunks of 8", dict(chunk=8), True, (1, 7, 8, 40)),
    ("chunks of 64", dict(chunk=64), True, (1, 63, 65, 200)),
    ("chunks of 64 and a skip", dict(chunk=64, skip=True), True, (1, 63, 65, 200)),
    ("a single chunk of 64", dict(chunk=64, single=True), True, (1, 40, 64)),
    ("whole chunks of 8", dict(chunk=8, pads=False), True, (8, 40)),
    ("whole chunks of 64", dict(chunk=64, pads=False), True, (64, 192)),
    ("chunks of 64 that decay wrongly", dict(chunk=64, wrong="decay"), False, (63, 200)),
    ("whole chunks of 64 that decay wrongly", dict(chunk=64, pads=False, wrong="decay"), False, (64, 192)),
)


def main():
    work = pathlib.Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    for name, options, raised, lengths in CASES:
        path = work / "model.onnx"
        onnx.save(attention(**options), path)
        library, report = compile_model(path, work)
        found = [site["op"] for site in report if site["op"]]
        assert found == ["ssm.semiseparable"] * raised, f"{name}: is raised to {found}: {report}"
        for length in lengths:
            wrong = run_model(library, peer_outputs(path, seed=length, B=2, L=length), work)
            assert not wrong, f"{name}, {length} tokens: {wrong}"


main()
