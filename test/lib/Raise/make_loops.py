"""Graphs of unrolled recurrences, as an exporter writes them, with random weights.

Each is a function of x [batch, time, width] (and of further inputs where named)
and is built from one step function.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Writer:
    def __init__(self, batch, time, width, seed):
        self.batch, self.time, self.width = batch, time, width
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def constant(self, array):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, scale=0.4):
        return self.constant(self.random.normal(0, scale, shape).astype(np.float32))

    def __call__(self, op, *inputs, outputs=1, **attributes):
        names = [f"{op.lower()}_{self.count}_{i}" for i in range(outputs)]
        self.count += 1
        self.nodes.append(helper.make_node(op, list(inputs), names, name=f"node_{names[0]}", **attributes))
        return names[0] if outputs == 1 else names

    def token(self, value, t):
        """Either way of cutting a token out of a sequence."""
        return self("Gather", value, self.constant(np.int64(t)), axis=1)

    def join(self, tokens):
        axis = self.constant(np.array([1], np.int64))
        return self("Concat", *[self("Unsqueeze", token, axis) for token in tokens], axis=1)

    def zeros(self, *shape):
        return self.constant(np.zeros(shape, np.float32))

    def finish(self, y, inputs):
        infos = [helper.make_tensor_value_info(name, *(type or [TensorProto.FLOAT]), shape)
                 for name, shape, *type in inputs]
        self.nodes.append(helper.make_node("Identity", [y], ["y"]))
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "loop", infos, [out], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def elman(w):
    """h = tanh(x W + h U + b)"""
    wx, wh, b = w.weight(w.width, w.width), w.weight(w.width, w.width), w.weight(w.width)
    h, hs = w.zeros(w.batch, w.width), []
    for t in range(w.time):
        inner = w("Add", w("MatMul", w.token("x", t), wx), w("MatMul", h, wh))
        h = w("Tanh", w("Add", inner, b))
        hs.append(h)
    return w.join(hs), []


def lstm(w):
    """Two states, gates from one product."""
    wx, wh, b = w.weight(w.width, 4 * w.width), w.weight(w.width, 4 * w.width), w.weight(4 * w.width)
    xs = w("Add", w("MatMul", "x", wx), b)
    h, c, hs = w.zeros(w.batch, w.width), w.zeros(w.batch, w.width), []
    for t in range(w.time):
        gates = w("Add", w.token(xs, t), w("MatMul", h, wh))
        i, f, g, o = w("Split", gates, outputs=4, axis=1)
        c = w("Add", w("Mul", w("Sigmoid", f), c), w("Mul", w("Sigmoid", i), w("Tanh", g)))
        h = w("Mul", w("Sigmoid", o), w("Tanh", c))
        hs.append(h)
    return w.join(hs), []


def backward(w):
    """From the last token to the first."""
    wx, wh = w.weight(w.width, w.width), w.weight(w.width, w.width)
    h, hs = w.zeros(w.batch, w.width), []
    for t in reversed(range(w.time)):
        h = w("Tanh", w("Add", w("MatMul", w.token("x", t), wx), w("MatMul", h, wh)))
        hs.append(h)
    return w.join(hs[::-1]), []


def average(w):
    """h = a h + x with constant decays: no token decides them."""
    a = w.constant(w.random.uniform(0.3, 0.95, w.width).astype(np.float32))
    h, hs = w.zeros(w.batch, w.width), []
    for t in range(w.time):
        h = w("Add", w("Mul", h, a), w.token("x", t))
        hs.append(h)
    return w.join(hs), []


def nudged(w):
    """A near miss: one step decays a thousandth less."""
    h, hs = w.zeros(w.batch, w.width), []
    decays = w.random.uniform(0.3, 0.95, w.width)
    for t in range(w.time):
        a = w.constant((decays * (1.001 if t == 5 else 1)).astype(np.float32))
        h = w("Add", w("Mul", h, a), w.token("x", t))
        hs.append(h)
    return w.join(hs), []


def sums(w):
    """h = h + x"""
    h, hs = w.zeros(w.batch, w.width), []
    for t in range(w.time):
        h = w("Add", h, w.token("x", t))
        hs.append(h)
    return w.join(hs), []


def states(w, decay, read=True, count=4, inside=False):
    """h = decay(dt) h + dt B x, y = sum C h, of `count` states for each channel."""
    dt = w("Softplus", w("MatMul", "x", w.weight(w.width, w.width)))
    b, c = (w("MatMul", "x", w.weight(w.width, count)) for _ in range(2))
    last, before = w.constant(np.array([-1], np.int64)), w.constant(np.array([-2], np.int64))
    drive = w("Mul", w("Mul", w("Unsqueeze", dt, last), w("Unsqueeze", b, before)), w("Unsqueeze", "x", last))
    a = None if inside else decay(w, dt)
    h, ys = w.zeros(w.batch, w.width, count), []
    for t in range(w.time):
        at = decay(w, w.token(dt, t)) if inside else w.token(a, t)
        if inside:
            u = w("Mul", w("Unsqueeze", w("Mul", w.token(dt, t), w.token("x", t)), last),
                  w("Unsqueeze", w.token(b, t), before))
        else:
            u = w.token(drive, t)
        h = w("Add", w("Mul", h, at), u)
        y = h
        if read:
            y = w("Squeeze", w("MatMul", h, w("Unsqueeze", w.token(c, t), last)), last)
        ys.append(y)
    return w.join(ys), []


def each(w, dt, count=4):
    """exp(dt A) with A for each channel and state."""
    rate = w.constant(-np.abs(w.random.normal(1, 0.5, (w.width, count))).astype(np.float32))
    return w("Exp", w("Mul", w("Unsqueeze", dt, w.constant(np.array([-1], np.int64))), rate))


def shared(w, dt):
    """exp(dt A) with one A for all states of a channel."""
    rate = w.constant(-np.abs(w.random.normal(1, 0.5, w.width)).astype(np.float32))
    return w("Unsqueeze", w("Exp", w("Mul", dt, rate)), w.constant(np.array([-1], np.int64)))


class Once:
    """A decay whose weights are made once, for all steps."""

    def __init__(self, decay):
        self.decay, self.rate = decay, None

    def __call__(self, w, dt):
        if self.rate is None:
            state = w.random.bit_generator.state
            self.rate = state
        w.random.bit_generator.state = self.rate
        return self.decay(w, dt)


def selective(w):
    return states(w, each)


def scalar(w):
    return states(w, shared)


def unread(w):
    return states(w, each, read=False)


def inside(w):
    return states(w, Once(each), inside=True)


def odd(w):
    """A near miss: step 5 has another weight."""
    wx, wh, other = (w.weight(w.width, w.width) for _ in range(3))
    h, hs = w.zeros(w.batch, w.width), []
    for t in range(w.time):
        h = w("Tanh", w("Add", w("MatMul", w.token("x", t), wx), w("MatMul", h, other if t == 5 else wh)))
        hs.append(h)
    return w.join(hs), []


def skipping(w):
    """A near miss: a step reads the state of two steps before."""
    wh = w.weight(w.width, w.width)
    before, h, hs = w.zeros(w.batch, w.width), w.zeros(w.batch, w.width), []
    for t in range(w.time):
        state = before if t == 6 else h
        before, h = h, w("Tanh", w("Add", w.token("x", t), w("MatMul", state, wh)))
        hs.append(h)
    return w.join(hs), []


def bounded(w, first=1e30):
    """States are bounded by what no input reaches; the first one by `first`, or not at all."""
    wh = w.weight(w.width, w.width)
    h, hs = w.zeros(w.batch, w.width), []
    for t in range(w.time):
        h = w("Add", w.token("x", t), w("MatMul", h, wh))
        if first or t:
            h = w("Clip", h, "", w.constant(np.float32(1e30 if t else first)))
        h = w("Tanh", h)
        hs.append(h)
    return w.join(hs), []


def unbounded(w):
    """A near miss: the first step has another bound."""
    return bounded(w, first=1e25)


def released(w):
    """A near miss: the first step has no bound."""
    return bounded(w, first=None)


def filtered(w, where=lambda t: True):
    """Tokens beyond what no input of the check reaches are left out."""
    wh, h, hs = w.weight(w.width, w.width), w.zeros(w.batch, w.width), []
    for t in range(w.time):
        x = w.token("x", t)
        if where(t):
            x = w("Where", w("Less", x, w.constant(np.float32(1e20))), x, w.constant(np.float32(0)))
        h = w("Tanh", w("Add", x, w("MatMul", h, wh)))
        hs.append(h)
    return w.join(hs), []


def unfiltered(w):
    """A near miss: the first token is taken in whatever it is."""
    return filtered(w, where=lambda t: t > 0)


def prefiltered(w):
    """A near miss: every token but the first one is."""
    return filtered(w, where=lambda t: t == 0)


def given(w):
    """h = a h + x of two inputs, from a third one on, gated by a fourth one after the loop."""
    h, hs = "h", []
    for t in range(w.time):
        h = w("Add", w("Mul", w.token("a", t), h), w.token("x", t))
        hs.append(h)
    whole = [w.batch, w.time, w.width]
    return w("Mul", w.join(hs), "z"), [("z", whole), ("h", [w.batch, w.width]), ("a", whole)]


def masked(w, power=lambda t: 1):
    """Tokens are taken in as often as an integer says."""
    wx, h, hs = w.weight(w.width, w.width), w.zeros(w.batch, w.width), []
    last = w.constant(np.array([-1], np.int64))
    for t in range(w.time):
        count = mask = w.token("m", t)
        for _ in range(power(t) - 1):
            count = w("Mul", count, mask)
        factor = w("Unsqueeze", w("Cast", count, to=TensorProto.FLOAT), last)
        h = w("Tanh", w("Add", w("MatMul", h, wx), w("Mul", factor, w.token("x", t))))
        hs.append(h)
    return w.join(hs), [("m", [w.batch, w.time], TensorProto.INT64)]


def squared(w):
    """A near miss: one step squares that integer, which of a mask is the mask."""
    return masked(w, power=lambda t: 2 if t == 5 else 1)


def complex_parts(w, other=None):
    """An LRU in real numbers: both parts of the states are gathered, each by itself, and read out. One part of step
    `other` is another one."""
    radius, angle = w.random.uniform(0.5, 0.95, w.width), w.random.uniform(0, 1.5, w.width)
    cos, sin = (w.constant((radius * f(angle)).astype(np.float32)) for f in (np.cos, np.sin))
    into, out = ([w.weight(w.width, w.width) for _ in range(2)] for _ in range(2))
    re, im, res, ims = w.zeros(w.batch, w.width), w.zeros(w.batch, w.width), [], []
    for t in range(w.time):
        x = w.token("x", t)
        turned = w("Sub", w("Mul", cos, re), w("Mul", sin, im)), w("Add", w("Mul", sin, re), w("Mul", cos, im))
        re, im = (w("Add", state, w("MatMul", x, weight)) for state, weight in zip(turned, into))
        res.append(re)
        ims.append(w("Neg", im) if t == other else im)
    return w("Sub", w("MatMul", w.join(res), out[0]), w("MatMul", w.join(ims), out[1])), []


def complex_odd(w):
    """A near miss."""
    return complex_parts(w, other=6)


def followed(w):
    """What a loop gathers is mixed and read, with its pieces, by another one: the two are not gathered as one. A
    step of each is another one, so that both stay."""
    source, pieces = "x", [w.token("x", t) for t in range(w.time)]
    for other in (4, 5):
        wh, h, hs = w.weight(w.width, w.width), w.zeros(w.batch, w.width), []
        for t in range(w.time):
            h = w("Tanh", w("Add", w("Add", w.token(source, t), pieces[t]), w("MatMul", h, wh)))
            hs.append(w("Neg", h) if t == other else h)
        pieces, source = hs, w("MatMul", w.join(hs), w.weight(w.width, w.width))
    return source, []


def learned(w):
    """h = a h + x from weights on, which are stored once for all rows."""
    h, hs = w.weight(1, w.width), []
    for t in range(w.time):
        h = w("Add", w("Mul", w.token("a", t), h), w.token("x", t))
        hs.append(h)
    whole = [w.batch, w.time, w.width]
    return w.join(hs), [("a", whole), ("x", whole)]


def learned_elman(w):
    """h = tanh(x + h U) from weights on, which are stored once for all rows."""
    wh, h, hs = w.weight(w.width, w.width), w.weight(1, w.width), []
    for t in range(w.time):
        h = w("Tanh", w("Add", w.token("x", t), w("MatMul", h, wh)))
        hs.append(h)
    return w.join(hs), []


def leading(w):
    """The same where time is the first axis."""
    h, hs = w.zeros(w.batch, w.width), []
    axis = w.constant(np.array([0], np.int64))
    for t in range(w.time):
        at, xt = (w("Gather", name, w.constant(np.int64(t)), axis=0) for name in ("a", "x"))
        h = w("Add", w("Mul", at, h), xt)
        hs.append(w("Unsqueeze", h, axis))
    whole = [w.time, w.batch, w.width]
    return w("Concat", *hs, axis=0), [("a", whole), ("x", whole)]


def alone(w):
    """Of one row: there is no batch."""
    h, hs = w.zeros(w.width), []
    axis = w.constant(np.array([0], np.int64))
    for t in range(w.time):
        at, xt = (w("Gather", name, w.constant(np.int64(t)), axis=0) for name in ("a", "x"))
        h = w("Add", w("Mul", at, h), xt)
        hs.append(w("Unsqueeze", h, axis))
    return w("Concat", *hs, axis=0), [("a", [w.time, w.width]), ("x", [w.time, w.width])]


def build(name, batch=2, time=12, width=8, seed=0):
    w = Writer(batch, time, width, seed)
    y, inputs = globals()[name](w)
    if "x" not in [name for name, *_ in inputs]:
        inputs = [("x", [batch, time, width])] + inputs
    return w.finish(y, inputs)
