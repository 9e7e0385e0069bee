"""Graphs of mixers in the closed and unrolled forms that exporters write.

A form is a function that writes the nodes of one mixer on its operands: values
of the kinds in OPERANDS, computed from an input x [batch, time, width] by
products with weights, or inputs of the graph themselves. What the mixer
computes stands in oracles.py, step by step.
"""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

HEADS, KEYS, VALUES, CHANNELS, WIDTH = 2, 4, 6, 6, 8
BATCH, TIME = 2, 24
RATE = 0.8  # of averages

FORMS = {}


class Form:
    def __init__(self, write, mixer, op, operands, options):
        self.write, self.mixer, self.op, self.operands, self.options = write, mixer, op, operands.split(), options


def form(mixer, op, operands, **options):
    def register(write):
        FORMS[write.__name__] = Form(write, mixer, op, operands, options)
        return write
    return register


#: Axes behind batch and time, and what is done to a sum of products to get one.
OPERANDS = {
    "u": ((CHANNELS,), None), "g": ((CHANNELS,), "decay"), "p": ((CHANNELS,), "positive"),
    "q": ((HEADS, KEYS), None), "k": ((HEADS, KEYS), None), "v": ((HEADS, VALUES), None),
    "q4": ((2 * HEADS, KEYS), None), "k1": ((1, KEYS), None), "v1": ((1, VALUES), None),
    "pq": ((HEADS, KEYS), "positive"), "pk": ((HEADS, KEYS), "positive"),
    "uk": ((HEADS, KEYS), "unit"), "uq": ((HEADS, KEYS), "unit"),
    "h": ((HEADS,), "decay"), "hk": ((HEADS, KEYS), "decay"), "b": ((HEADS,), "rate"),
    "h2": ((HEADS,), "decay"), "k2": ((HEADS, KEYS), None), "q2": ((HEADS, KEYS), None), "s": ((HEADS,), None),
    "g2": ((CHANNELS,), "decay"), "u2": ((CHANNELS,), None),
    "qm": ((HEADS, KEYS), None), "km": ((HEADS, KEYS), None),
}


def numbers(kind, x):
    """What OPERANDS says is done to a sum of products, in numpy."""
    softplus = np.log1p(np.exp(x))
    return {None: lambda: x, "decay": lambda: -0.3 * softplus, "positive": lambda: softplus + 0.1,
            "rate": lambda: 1 / (1 + np.exp(-x)),
            "unit": lambda: x / np.sqrt((x * x).sum(-1, keepdims=True))}[kind]()


class Writer:
    def __init__(self, batch, time, opset, heads_first):
        self.batch, self.time, self.opset, self.heads_first = batch, time, opset, heads_first
        self.nodes, self.weights, self.count = [], [], 0
        self.prefix = "operand"

    def __call__(self, op, *inputs, outputs=1, **attributes):
        inputs = [i if isinstance(i, str) else self.floats(i) if isinstance(i, float) else self.constant(i)
                  for i in inputs]
        names = [f"{op.lower()}_{self.count}_{i}" for i in range(outputs)]
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, names, name=f"{self.prefix}_{names[0]}", **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array):
        name = f"c{len(self.weights)}"
        array = np.asarray(array)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def floats(self, x):
        return self.constant(np.float32(x))

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def sum(self, x, *axes, keep=0):
        return self("ReduceSum", x, self.ints(*axes), keepdims=keep)

    def wide(self, x, *axes):
        return self("Unsqueeze", x, self.ints(*axes))

    def narrow(self, x, *axes):
        return self("Squeeze", x, self.ints(*axes))

    def shape(self, x, *extents):
        return self("Reshape", x, self.ints(*extents))

    def turn(self, x, *perm):
        return self("Transpose", x, perm=perm)

    def swap(self, x):
        """The last two axes of four."""
        return self.turn(x, 0, 1, 3, 2)

    def cut(self, x, start, end, axis, step=1):
        return self("Slice", x, self.ints(start), self.ints(end), self.ints(axis), self.ints(step))

    def token(self, x, t, axis):
        return self("Gather", x, self.constant(np.int64(t)), axis=axis)

    def cumsum(self, x, axis, **attributes):
        return self("CumSum", x, self.constant(np.int64(axis)), **attributes)

    def pad(self, x, front, back, axis, rank, value=0.0):
        pads = [0] * (2 * rank)
        pads[axis], pads[rank + axis] = front, back
        return self("Pad", x, self.ints(*pads), value)

    def mask(self, offset=0):
        """[time, time]: keys up to the query."""
        return np.tril(np.ones((self.time, self.time), bool), offset)


def weights_of(names):
    random = np.random.default_rng(11)
    return {name: random.normal(0, 0.5, (WIDTH, int(np.prod(OPERANDS[name][0])))).astype(np.float32)
            for name in names}


def project(w, name, weight):
    """An operand from x; of rank 4 with its heads in front of its tokens."""
    axes, kind = OPERANDS[name]
    y = w("MatMul", "x", weight)
    y = w.shape(y, 0, 0, *axes) if len(axes) > 1 else y
    if len(axes) > 1 or (w.heads_first and axes == (HEADS,)):
        y = w.turn(y, *((0, 2, 1, 3) if len(axes) > 1 else (0, 2, 1)))
    if kind in ("decay", "positive"):
        y = w("Softplus", y)
        y = w("Mul", y, -0.3) if kind == "decay" else w("Add", y, 0.1)
    elif kind == "rate":
        y = w("Sigmoid", y)
    elif kind == "unit":
        y = w("Div", y, w("ReduceL2", y, w.ints(-1), keepdims=1))
    return y


def length(name):
    """The traced one."""
    return FORMS[name].options.get("time", TIME)


def build(name, batch=BATCH, time=None, direct=False, free=False):
    """The model, whose input is x or, where `direct`, every operand. Where `free`, the extents of its inputs are
    symbols, and its nodes hold no number of them."""
    form, time = FORMS[name], time or length(name)
    w = Writer(None if free else batch, None if free else time, form.options.get("opset", 18), form.options.get("heads_first", True))
    if direct:
        operands = list(form.operands)
        inputs = operands
    else:
        operands = [project(w, n, w.constant(weight)) for n, weight in weights_of(form.operands).items()]
        inputs = ["x"]
    if free:
        batch, time = "B", "L"
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, extents(n, batch, time, w.heads_first)
                                            if direct else (batch, time, WIDTH)) for n in inputs]
    w.prefix = "node"
    y = form.write(w, *operands)
    w.nodes.append(helper.make_node("Identity", [y], ["y"], name="last"))
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(w.nodes, name, inputs, [out], w.weights)
    domains = [helper.make_opsetid("", w.opset)]
    return helper.make_model(graph, opset_imports=domains, ir_version=12 if w.opset > 21 else 10)


def extents(name, batch, time, heads_first):
    axes = OPERANDS[name][0]
    if len(axes) > 1:
        return batch, axes[0], time, axes[1]
    return (batch, axes[0], time) if axes == (HEADS,) and heads_first else (batch, time, axes[0])


def feed(name, batch, time, direct, seed=0):
    """Inputs by chance, and what the operands are: [batch, time, ...]."""
    random, form = np.random.default_rng(seed), FORMS[name]
    if not direct:
        x = random.normal(0, 1, (batch, time, WIDTH)).astype(np.float32)
        weights = weights_of(form.operands)
        operands = {n: numbers(OPERANDS[n][1], (x.astype(float) @ weights[n]).reshape(batch, time, *OPERANDS[n][0]))
                    for n in form.operands}
        return {"x": x}, operands
    heads_first, inputs, operands = form.options.get("heads_first", True), {}, {}
    for n in form.operands:
        axes, kind = OPERANDS[n]
        value = numbers(kind, random.normal(0, 1, (batch, time, *axes)))
        moves = len(axes) > 1 or (heads_first and axes == (HEADS,))
        inputs[n] = (np.swapaxes(value, 1, 2) if moves else value).astype(np.float32)
        operands[n] = value
    return inputs, operands


def decays_of_heads():
    return np.log(1 - 2.0 ** (-2 - np.arange(HEADS)))
