"""Graphs with free length of which a part bounds positions: attention whose mask
or bias is almost that of ssm.attention, tables that are cut to the length, data
that is shifted far. What the check's first lengths do not reach is not believed.

    limits.py masks TMP    bounds by operators
    limits.py tables TMP   tables of positions, and shifts of data
    limits.py caches TMP   attention behind a cache of `past` tokens
    limits.py traced TMP   tables in graphs of 24 tokens, whose length is freed,
                           and of graphs that are continued

Each is compared with ONNX Runtime at lengths on both sides of its bound. Where the graph
ends, what is raised ends the run.
"""
import pathlib
import re
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from compiled import compile_model, peer_outputs, run_model

H, D = 2, 8
HIDDEN = np.float32(-np.inf)


class Graph:
    """Nodes over x [batch, length, H D]."""

    def __init__(self, batch=2, length="L"):
        self.nodes, self.constants, self.shape = [], {}, [batch, length, H * D]
        self.inputs, self.outputs = {"x": self.shape}, {}
        self.random = np.random.default_rng(1)

    def constant(self, value, dtype=None):
        value = np.asarray(value)
        kind = {"i": np.int64, "f": np.float32}.get(value.dtype.kind, value.dtype)
        name = f"c{len(self.constants)}"
        self.constants[name] = value.astype(dtype or kind)
        return name

    def __call__(self, op, *inputs, **attrs):
        """A node; what is no name is a constant."""
        inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{len(self.nodes)}", **attrs))
        return name

    def length(self):
        length = self.shape[1]
        return self("Slice", self("Shape", "x"), [1], [2]) if isinstance(length, str) else self.constant([length])

    def positions(self):
        """Of queries and of keys."""
        tokens = self("Range", 0, self("Squeeze", self.length()), 1)
        return self("Unsqueeze", tokens, [1]), self("Unsqueeze", tokens, [0])

    def project(self, x="x"):
        weight = self.random.normal(size=(H * D, H * D)).astype(np.float32) / 4
        return self("Transpose", self("Reshape", self("MatMul", x, weight), [0, 0, H, D]), perm=[0, 2, 1, 3])

    def mix(self, weigh, x="x", beside=False):
        """What `weigh` makes of scores, times values, and x `beside` it."""
        q, k, v = (self.project(x) for _ in range(3))
        scores = self("MatMul", q, self("Transpose", k, perm=[0, 1, 3, 2]))
        y = self("MatMul", weigh(self("Mul", scores, np.float32(D ** -0.5))), v)
        y = self("Reshape", self("Transpose", y, perm=[0, 2, 1, 3]), [0, 0, H * D])
        return self.model(self("Add", x, y) if beside else y)

    def model(self, y):
        self.nodes.append(helper.make_node("Identity", [y], ["y"]))
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()]
            for values in (self.inputs, {"y": self.shape, **self.outputs}))
        graph = helper.make_graph(
            self.nodes, "g", inputs, outputs,
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def attention(see=None, bias=None, hidden=HIDDEN, epsilon=0.0, **shape):
    """Causal attention; `see` gives which of the earlier tokens are seen, `bias` what is taken from scores,
    of the distance."""
    g = Graph(**shape)

    def weigh(scores):
        row, column = g.positions()
        seen = g("GreaterOrEqual", row, column)
        if bias:
            distance = g("Cast", g("Max", g("Sub", row, column), 0), to=TensorProto.FLOAT)
            scores = g("Sub", scores, bias(g, distance))
        if see:
            seen = g("And", seen, see(g, row, column))
        scores = g("Add", scores, g("Where", seen, np.float32(0), np.float32(hidden)))
        if not epsilon:
            return g("Softmax", scores, axis=-1)
        weights = g("Exp", scores)
        total = g("ReduceSum", weights, [-1], keepdims=1)
        return g("Div", weights, g("Add", total, np.float32(epsilon)))

    return g.mix(weigh)


def window(size):
    return lambda g, row, column: g("Less", g("Sub", row, column), size)


def equal(of):
    """Queries see keys of which `of` is the same."""
    return lambda g, row, column: g("Equal", of(g, row), of(g, column))


def scaled(g, position, size):
    """No distance is so near to the bound that rounding decides."""
    return g("Mul", g("Cast", position, to=TensorProto.FLOAT), np.float32(1 / (size - 0.5)))


def scaled_window(size):
    return lambda g, row, column: g("Less", g("Sub", scaled(g, row, size), scaled(g, column, size)), np.float32(1))


def wrapped(to):
    def see(g, row, column):
        row, column = (g("Cast", g("Cast", p, to=to), to=TensorProto.INT32) for p in (row, column))
        return g("GreaterOrEqual", row, column)
    return see


def blocks(far):
    """So many blocks of 8 tokens are seen."""
    return lambda g, row, column: g("Less", g("Sub", g("Div", row, 8), g("Div", column, 8)), far)


def slope(g, distance):
    return g("Mul", distance, np.float32(0.05))


ATTENTION, LINEAR = ["ssm.attention"], ["ssm.semiseparable"]
# Where what positions give goes on, nothing longer is compared.
GOES_ON, ENDS = "32, 272]", "does not go on"
BEYOND = [30, 90, 300]
MASKS = {
    "causal": (attention(), ATTENTION, "", [30, 90]),
    "a window of 8": (attention(window(8)), ATTENTION, "", [30, 90]),
    # Of a site, which is read at more keys.
    "a window of 40": (attention(window(40)), ATTENTION, "", [30, 90]),
    "a window of 40 for each head": (attention(window(np.full((H, 1, 1), 40))), ATTENTION, "", [30, 90]),
    "a window of 6 blocks": (attention(blocks(6)), [], "deviates", [30, 90]),
    "blocks of 40": (attention(equal(lambda g, p: g("Div", p, 40))), [], "deviates", [30, 90]),
    "a window of 4096": (attention(window(4096)), [], "it compares positions with 4096", [30]),
    "a mask of -1e9": (attention(hidden=-1e9), ATTENTION, "", [30]),
    "a mask of -1000": (attention(hidden=-1000.0), [], "", [30]),
    "a mask of -1000, many inputs": (attention(hidden=-1000.0, batch=700, length=8), [], "", []),
    "a sum and 1e-12": (attention(epsilon=1e-12), [], "", [30]),
    "a window of 40 as 1/40": (attention(scaled_window(40)), [], "deviates", BEYOND),
    "a window of 200 as 1/200": (attention(scaled_window(200)), [], "deviates", BEYOND),
    "blocks of 200 as 1/200": (attention(equal(lambda g, p: g("Floor", scaled(g, p, 200)))), [], "deviates", BEYOND),
    "positions of 8 bits": (attention(wrapped(TensorProto.INT8)), [], "deviates", BEYOND),
    "positions of 8 bits without sign": (attention(wrapped(TensorProto.UINT8)), [], "deviates", BEYOND),
    "positions of 16 bits": (attention(wrapped(TensorProto.INT16)), [], "it compares positions with 32768", [30]),
    "blocks of 64 by bits": (attention(equal(lambda g, p: g("BitwiseAnd", p, ~63))), [], "deviates", BEYOND),
    "blocks of 512 by bits": (attention(equal(lambda g, p: g("BitwiseAnd", p, ~511))), [], "deviates", [300, 600]),
    "a slope": (attention(bias=slope), ATTENTION, GOES_ON, BEYOND),
    "a slope beyond 40": (attention(bias=lambda g, d: g("Relu", g("Sub", d, np.float32(40)))), [], "deviates", BEYOND),
    "a slope beyond 60, in an attribute":
        (attention(bias=lambda g, d: g("Shrink", slope(g, d), lambd=3.0, bias=0.0)), [], "deviates", BEYOND),
    "a slope beyond 300, in an attribute":
        (attention(bias=lambda g, d: g("ThresholdedRelu", d, alpha=300.0)), [], "deviates", [90, 350]),
    "a slope that ends at 500":
        (attention(bias=lambda g, d: g("HardSigmoid", slope(g, d), alpha=-0.1, beta=2.5)), [], "deviates", [300, 560]),
}


def sloped():
    """A slope for each head that falls with the key's position, in one table with the mask."""
    g = Graph()

    def weigh(scores):
        row, column = g.positions()
        slopes = g("Mul", g("Cast", column, to=TensorProto.FLOAT), np.array([0.1, 0.02])[:, None, None])
        table = g("Where", g("GreaterOrEqual", row, column), slopes, HIDDEN)
        return g("Softmax", g("Add", scores, table), axis=-1)

    return g.mix(weigh)


def decaying():
    """Linear attention with a decay for each head, in a table of its powers."""
    g = Graph()

    def weigh(scores):
        row, column = g.positions()
        distance = g("Cast", g("Max", g("Sub", row, column), 0), to=TensorProto.FLOAT)
        powers = g("Pow", np.array([0.97, 0.9])[:, None, None], distance)
        return g("Mul", scores, g("Where", g("GreaterOrEqual", row, column), powers, np.float32(0)))

    return g.mix(weigh)


def band(size, width, beside=False, **shape):
    """Attention with a table of who sees whom, of `size` positions."""
    g = Graph(**shape)

    def weigh(scores):
        distance = np.arange(size)[:, None] - np.arange(size)
        table = g.constant(((distance >= 0) & (distance < width))[None, None])
        length = g.length()
        for axis in (2, 3):
            table = g("Slice", table, [0], length, [axis])
        return g("Softmax", g("Where", table, scores, HIDDEN), axis=-1)

    return g.mix(weigh, beside=beside)


def cached(width, size=None, length=1):
    """Attention behind a cache, to `width` keys: by a table of `size` positions, or by numbers alone."""
    g = Graph(length=length)
    q, k, v = (g.project() for _ in range(3))
    for name in "kv":
        g.inputs["past_" + name] = [2, H, "past", D]
    k, v = g("Concat", "past_k", k, axis=2), g("Concat", "past_v", v, axis=2)
    g.outputs = {name: [2, H, "all", D] for name in (k, v)}
    keys, queries = (g("Slice", g("Shape", value), [2], [3]) for value in (k, q))
    first = g("Sub", keys, queries)
    if size:
        distance = np.arange(size)[:, None] - np.arange(size)
        rows = g("Slice", ((distance >= 0) & (distance < width))[None, None], first, keys, [2])
        seen = g("Slice", rows, [0], keys, [3])
    else:
        column = g("Range", 0, g("Squeeze", keys), 1)
        row = g("Unsqueeze", g("Slice", column, first, keys), [1])
        seen = g("And", g("GreaterOrEqual", row, column), scaled_window(width)(g, row, column))
    scores = g("Mul", g("MatMul", q, g("Transpose", k, perm=[0, 1, 3, 2])), np.float32(D ** -0.5))
    y = g("MatMul", g("Softmax", g("Where", seen, scores, HIDDEN), axis=-1), v)
    return g.model(g("Reshape", g("Transpose", y, perm=[0, 2, 1, 3]), [0, 0, H * D]))


def weighted(size, start, gathers):
    """Linear attention with a table of the weight of each token, which is another from `start` on."""
    g = Graph()

    def weigh(scores):
        weights = np.where(np.arange(size) < start, 0.5, 0.25)
        row, column = g.positions()
        own = g("Gather", weights, g("Squeeze", column, [0])) if gathers else g("Slice", weights, [0], g.length())
        causal = g("GreaterOrEqual", row, column)
        return g("Mul", scores, g("Where", causal, g("Unsqueeze", own, [0]), np.float32(0)))

    return g.mix(weigh)


def long_taps(reach):
    """A convolution of few taps that are far apart."""
    g = Graph()
    taps = np.zeros((H * D, 1, reach + 1))
    taps[:, :, [0, -2, -1]] = 1
    y = g("Conv", g("Transpose", "x", perm=[0, 2, 1]), taps, pads=[reach, 0], group=H * D)
    return g.model(g("Transpose", y, perm=[0, 2, 1]))


def in_chunks(chunk, more, width):
    """A window, in a graph that takes lengths only that fill chunks with `more` tokens."""
    g = Graph()
    first = g.random.normal(size=(2, more, H * D)).astype(np.float32)
    x = g("Reshape", g("Concat", first, "x", axis=1), [2, -1, chunk, H * D])
    x = g("Reshape", g("Tanh", x), [2, -1, H * D])
    x = g("Add", g("Slice", x, [more], [2 ** 62], [1]), "x")

    def weigh(scores):
        row, column = g.positions()
        seen = g("And", g("GreaterOrEqual", row, column), window(width)(g, row, column))
        return g("Softmax", g("Where", seen, scores, HIDDEN), axis=-1)

    return g.mix(weigh, x)


TABLES = {
    "slopes of keys": (sloped(), ATTENTION, GOES_ON, BEYOND),
    "powers of decays": (decaying(), LINEAR, GOES_ON, BEYOND),
    "all of 40": (band(40, 40), ATTENTION, "at most 40 tokens", [30, 40]),
    "32 of 40": (band(40, 32), ATTENTION, "at most 40 tokens", [30, 40]),
    "all of 1024": (band(1024, 1024), ATTENTION, "at most 1024 tokens", [30, 700]),
    # Nothing says of the extents of what is mixed that they are those of x.
    "all of 1024, a residual": (band(1024, 1024, beside=True), ATTENTION, "at most 1024 tokens", [30, 700]),
    "40 of 1024": (band(1024, 40), ATTENTION, "at most 1024 tokens", [30, 700]),
    "256 of 1024": (band(1024, 256), ATTENTION, "at most 1024 tokens", [30, 700]),
    "300 of 1024": (band(1024, 300), [], "deviates", [30, 700]),
    "3000 of 4096": (band(4096, 3000), [], "it compares positions with 4096", [30]),
    "equal weights": (weighted(1024, 1024, False), LINEAR, "at most 1024 tokens", [30, 700]),
    "other weights from 36 on": (weighted(40, 36, False), [], "deviates", [30, 40]),
    "other weights from 400 on": (weighted(1024, 400, False), [], "deviates", [30, 700]),
    "equal weights that are looked up": (weighted(40, 40, True), LINEAR, "at most 40 tokens", [30, 40]),
    "other weights that are looked up": (weighted(40, 36, True), [], "deviates", [30, 40]),
    "taps 100 tokens apart": (long_taps(100), [], "deviates", [30, 120]),
    "taps 300 tokens apart": (long_taps(300), [], "deviates", [30, 350]),
    "101 of all, in chunks": (in_chunks(12, 8, 101), [], "deviates", [16, 136]),
}


LAST = [{"past": 20}, {"past": 60}, {"past": 300}]
SOME = [{"past": past, "L": length} for past, length in ((20, 3), (300, 8), (20, 300))]
CACHES = {
    "all of 1024": (cached(1024, 1024), ATTENTION, "at most 1024 tokens", LAST),
    "40 of 1024": (cached(40, 1024), ATTENTION, "at most 1024 tokens", LAST),
    "300 of 1024": (cached(300, 1024), [], "deviates", LAST + [{"past": 500}]),
    "all of 64": (cached(64, 64), ATTENTION, "at most 64 tokens", LAST[:2]),
    "50 of 64": (cached(50, 64), ATTENTION, "at most 64 tokens", LAST[:2]),
    "a window of 200": (cached(200), [], "deviates", LAST),
    "40 of 1024, some queries": (cached(40, 1024, "L"), ATTENTION, "at most 1024 tokens", SOME),
    "a window of 200, some queries": (cached(200, None, "L"), [], "deviates", SOME),
}

# Size and width of a table. What is freed is compared with the same graph of a free length; what is kept
# cannot be freed.
TRACED = {(1024, 1024): True, (1024, 8): True, (1024, 40): False, (60, 60): True, (60, 8): True, (60, 40): False}


def check(name, path, work, expected, said, lengths, peer, *options):
    library, report = compile_model(path, work, "-O0", *options)
    found = [site["op"] for site in report if site["op"]]
    assert found == expected, f"{name}: is raised to {found}: {report}"
    assert said in str(report), f"{name}: does not say '{said}': {report}"
    for extents in lengths:
        extents = extents if isinstance(extents, dict) else {"L": extents}
        differs = run_model(library, peer_outputs(peer, **extents), work, "--rtol=1e-3")
        assert not differs, f"{name}: at {extents}: {differs}"
    # A graph that ends is not continued.
    end = re.match("at most ([0-9]+) tokens", said)
    if end:
        outputs = feed_beyond(peer, int(end[1]), lengths[0])
        differs = run_model(library, outputs, work)
        assert "tokens, as tables of the model end there: found" in differs, f"{name}: beyond its end: {differs}"


def feed_beyond(peer, end, extents):
    """What the graph has no outputs for, one token behind its end."""
    session = onnxruntime.InferenceSession(str(peer), providers=["CPUExecutionProvider"])
    if isinstance(extents, dict):
        extents = {**extents, "past": end + 1 - extents.get("L", 1)}
    else:
        extents = {"L": end + 1}
    return {"in:" + info.name: np.zeros([extents.get(d, d) for d in info.shape], np.float32)
            for info in session.get_inputs()}


def check_freed(name, path, work, peer, raised):
    try:
        check(name, path, work, ATTENTION, "", [24, 60], peer, "--dim", "x:1=L")
        assert raised, f"{name}: is freed"
    except RuntimeError as error:
        assert not raised and "--dim x:1=L cannot be met" in str(error), f"{name}: {error}"


def check_continued(work):
    """The end of the graph is that of a sequence, whatever the calls it is given in."""
    path = work / "continued.onnx"
    onnx.save(weighted(40, 40, True), path)
    library, _ = compile_model(path, work, "--entry=prefill")
    for before, fits in ((35, True), (36, False)):
        feed = {"in:x": np.zeros([2, 5, H * D], np.float32), "in:position": np.array([0, before]),
                "in:semiseparable_0": np.zeros([2, H, D, D], np.float32)}
        said = run_model(library, feed, work, "--entry=prefill")
        assert fits or "longer than the 40 tokens" in said, f"{before} tokens and 5 more: {said}"
        assert not (fits and said), f"{before} tokens and 5 more: {said}"


def main():
    work = pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    path, peer = work / "model.onnx", work / "peer.onnx"
    if sys.argv[1] == "traced":
        for (size, width), raised in TRACED.items():
            onnx.save(band(size, width, length=24), path)
            onnx.save(band(size, width), peer)
            name = f"{width} of {size}"
            if not raised:
                check(name, path, work, [], ENDS, [], path)
            check_freed(name, path, work, peer, raised)
        return check_continued(work)
    for name, case in {"masks": MASKS, "tables": TABLES, "caches": CACHES}[sys.argv[1]].items():
        onnx.save(case[0], path)
        check(name, path, work, *case[1:], path)


main()
