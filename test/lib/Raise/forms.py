"""Graphs of mixers in the closed and unrolled forms that exporters write.

A form is a function that writes the nodes of one mixer on its operands: values
of the kinds in OPERANDS, computed from an input x [batch, time, width] by
products with weights, or inputs of the graph themselves. What the mixer
computes stands in oracles.py, step by step.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEADS, KEYS, VALUES, CHANNELS, WIDTH = 2, 4, 6, 6, 8
BATCH, TIME = 2, 24

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


def build(name, batch=BATCH, time=TIME, direct=False, free=False):
    """The model, whose input is x or, where `direct`, every operand. Where `free`, the extents of its inputs are
    symbols, and its nodes hold no number of them."""
    form = FORMS[name]
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


# --- Elementwise scans: h = exp(g) h + u --------------------------------------

SCAN = ("scan", "ssm.scan", "g u")


@form(*SCAN)
def two_cumsums(w, g, u):
    total = w.cumsum(g, 1)
    return w("Mul", w("Exp", total), w.cumsum(w("Mul", w("Exp", w("Neg", total)), u), 1))


@form(*SCAN)
def quotient_cumsums(w, g, u):
    grown = w("Exp", w.cumsum(g, 1))
    return w("Mul", w.cumsum(w("Div", u, grown), 1), grown)


@form("epsilon_scan", "ssm.scan", "g u")
def epsilon_cumsums(w, g, u):
    grown = w("Exp", w.cumsum(g, 1))
    return w("Mul", w.cumsum(w("Div", u, w("Add", grown, 1e-12)), 1), grown)


@form(*SCAN, opset=26)
def cumulative_product(w, g, u):
    grown = w("CumProd", w("Exp", g), w.constant(np.int64(1)))
    return w("Mul", w.cumsum(w("Div", u, grown), 1), grown)


@form(*SCAN)
def hillis_steele(w, g, u):
    a, step = w("Exp", g), 1
    while step < w.time:
        shift = lambda x, value: w.pad(w.cut(x, 0, w.time - step, 1), step, 0, 1, 3, value)
        u = w("Add", u, w("Mul", a, shift(u, 0.0)))
        a = w("Mul", a, shift(a, 1.0))
        step *= 2
    return u


@form(*SCAN)
def hillis_steele_concat(w, g, u):
    """What is not shifted is kept as it is."""
    a, step = w("Exp", g), 1
    while step < w.time:
        head = lambda x: w.cut(x, 0, w.time - step, 1)
        tail = lambda x: w.cut(x, step, w.time, 1)
        first = lambda x: w.cut(x, 0, step, 1)
        u = w("Concat", first(u), w("Add", tail(u), w("Mul", tail(a), head(u))), axis=1)
        a = w("Concat", first(a), w("Mul", tail(a), head(a)), axis=1)
        step *= 2
    return u


@form(*SCAN)
def recursive_scan(w, g, u):
    """Pairs, a scan of the pairs, and what stands between: torch's and JAX's associative_scan."""
    def combine(x, y):
        return w("Mul", x[0], y[0]), w("Add", w("Mul", y[0], x[1]), y[1])

    def interleave(x, y, n):
        """x first; the shorter one is padded."""
        m = n // 2
        y = y if n % 2 == 0 else w.pad(y, 0, 1, 1, 3)
        both = w("Concat", w.wide(x, 2), w.wide(y, 2), axis=2)
        both = w.shape(both, w.batch, -1, CHANNELS)
        return both if n % 2 == 0 else w.cut(both, 0, 2 * m + 1, 1)

    def scan(elements, n):
        if n < 2:
            return elements
        even = [w.cut(e, 0, n - 1, 1, 2) for e in elements]
        odd = [w.cut(e, 1, n, 1, 2) for e in elements]
        reduced = scan(combine(even, odd), n // 2)
        rest = [w.cut(e, 2, n, 1, 2) for e in elements]
        before = [w.cut(e, 0, -1, 1) for e in reduced] if n % 2 == 0 else reduced
        rest = combine(before, rest) if n > 2 else None
        firsts = [w.cut(e, 0, 1, 1) for e in elements]
        evens = firsts if rest is None else [w("Concat", f, r, axis=1) for f, r in zip(firsts, rest)]
        return [interleave(e, o, n) for e, o in zip(evens, reduced)]

    return scan((w("Exp", g), u), w.time)[1]


@form(*SCAN)
def blelloch(w, g, u):
    """Up and down a tree, over a power of two."""
    size = 1
    while size < w.time:
        size *= 2
    a = w.pad(w("Exp", g), 0, size - w.time, 1, 3, 1.0)
    x = w.pad(u, 0, size - w.time, 1, 3)
    levels, n = [], size
    while n > 1:
        pair = lambda v: w.shape(v, w.batch, n // 2, 2, CHANNELS)
        left = [w.token(pair(v), 0, 2) for v in (a, x)]
        right = [w.token(pair(v), 1, 2) for v in (a, x)]
        levels.append(left)
        a, x = w("Mul", left[0], right[0]), w("Add", w("Mul", right[0], left[1]), right[1])
        n //= 2
    before = w.constant(np.zeros((w.batch, 1, CHANNELS), np.float32))
    for left in reversed(levels):
        after = w("Add", w("Mul", left[0], before), left[1])
        n *= 2
        before = w.shape(w("Concat", w.wide(before, 2), w.wide(after, 2), axis=2), w.batch, n, CHANNELS)
    before = w.cut(before, 0, w.time, 1)
    return w("Add", w("Mul", w("Exp", g), before), u)


@form(*SCAN)
def decay_matrix(w, g, u):
    """Every pair of tokens in each channel."""
    total = w.cumsum(g, 1)
    pairs = w("Sub", w.wide(total, 2), w.wide(total, 1))
    pairs = w("Where", w.mask()[None, :, :, None], pairs, float("-inf"))
    return w.sum(w("Mul", w("Exp", pairs), w.wide(u, 1)), 2)


@form("positive_scan", "ssm.scan", "g p")
def log_space(w, g, p):
    """exp(A + log(sum exp(log u - A)))"""
    total = w.cumsum(g, 1)
    logs = w("Sub", w("Log", p), total)
    most = w("ReduceMax", logs, w.ints(1), keepdims=1)
    sums = w("Add", w("Log", w.cumsum(w("Exp", w("Sub", logs, most)), 1)), most)
    return w("Exp", w("Add", total, sums))


@form(*SCAN)
def unrolled(w, g, u):
    h, hs, a = None, [], w("Exp", g)
    for t in range(w.time):
        x = w.token(u, t, 1)
        h = x if h is None else w("Add", w("Mul", w.token(a, t, 1), h), x)
        hs.append(w.wide(h, 1))
    return w("Concat", *hs, axis=1)


# --- Both directions ----------------------------------------------------------

def flipped_slice(w, x):
    return w.cut(x, -1, -2**31, 1, -1)


def flipped_gather(w, x):
    return w("Gather", x, np.arange(w.time - 1, -1, -1), axis=1)


def flipped_sequence(w, x):
    return w("ReverseSequence", x, np.full(w.batch, w.time, np.int64), batch_axis=0, time_axis=1)


BACK = ("reverse_scan", "ssm.scan", "g u")


@form(*BACK)
def flip_by_slice(w, g, u):
    return flipped_slice(w, two_cumsums(w, flipped_slice(w, g), flipped_slice(w, u)))


@form(*BACK)
def flip_by_gather(w, g, u):
    return flipped_gather(w, two_cumsums(w, flipped_gather(w, g), flipped_gather(w, u)))


@form(*BACK)
def flip_by_sequence(w, g, u):
    return flipped_sequence(w, hillis_steele(w, flipped_sequence(w, g), flipped_sequence(w, u)))


@form("both_sum", ["ssm.scan", "ssm.scan"], "g u g2 u2")
def both_directions_sum(w, g, u, g2, u2):
    return w("Add", two_cumsums(w, g, u), flip_by_slice(w, g2, u2))


@form("both_concat", ["ssm.scan", "ssm.scan"], "g u g2 u2")
def both_directions_concat(w, g, u, g2, u2):
    return w("Concat", two_cumsums(w, g, u), flip_by_slice(w, g2, u2), axis=2)


@form("both_shared", ["ssm.scan", "ssm.scan"], "g u")
def both_directions_shared(w, g, u):
    return w("Add", two_cumsums(w, g, u), flip_by_slice(w, g, u))


def segment_matrix(w, h):
    """exp of the sums of h [batch, head, time] between two tokens."""
    total = w.cumsum(h, 2)
    pairs = w("Sub", w.wide(total, 3), w.wide(total, 2))
    return w("Exp", w("Where", w.mask(), pairs, float("-inf")))


@form("quasiseparable", "ssm.quasiseparable", "q k v h q2 k2 h2 s")
def hydra(w, q, k, v, h, q2, k2, h2, s):
    """Both directions, each shifted by a token, and a diagonal."""
    flip = lambda x: w.cut(x, -1, -2**31, 2, -1)
    shift = lambda y: w.pad(w.cut(y, 0, w.time - 1, 2), 1, 0, 2, 4)

    def one(q, k, v, h):
        return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), segment_matrix(w, h)), v)
    forward = shift(one(q, k, v, h))
    backward = flip(shift(one(flip(q2), flip(k2), flip(v), flip(h2))))
    return w("Add", w("Add", forward, backward), w("Mul", w.wide(s, 3), v))


# --- Averages -----------------------------------------------------------------

RATE = 0.8


@form("average", "ssm.scan", "u")
def average_matrix(w, u):
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    matrix = np.where(lags >= 0, 0.2 * RATE ** np.maximum(lags, 0), 0)
    return w("MatMul", w.constant(matrix.astype(np.float32)), u)


@form("average", "ssm.scan", "u")
def average_convolution(w, u):
    kernel = np.tile(0.2 * RATE ** np.arange(w.time)[::-1], (CHANNELS, 1, 1)).astype(np.float32)
    y = w("Conv", w.turn(u, 0, 2, 1), kernel, group=CHANNELS, pads=[w.time - 1, 0])
    return w.turn(y, 0, 2, 1)


@form("prefix_mean", "ssm.scan", "u")
def prefix_mean(w, u):
    counts = np.arange(1, w.time + 1, dtype=np.float32)[None, :, None]
    return w("Div", w.cumsum(u, 1), counts)


@form("prefix_mean", "ssm.scan", "u")
def prefix_mean_matrix(w, u):
    return w("MatMul", (w.mask() / np.arange(1, w.time + 1)[:, None]).astype(np.float32), u)


@form("prefix_mean", "ssm.scan", "u")
def prefix_mean_triangle(w, u):
    ones = w("Trilu", np.ones((w.time, w.time), np.float32), upper=0)
    return w("MatMul", w("Div", ones, w("ReduceSum", ones, w.ints(1), keepdims=1)), u)


# --- Linear attention: S = exp(g) S + k v^T, y = q S ---------------------------

@form("linear", "ssm.semiseparable", "q k v")
def linear_masked(w, q, k, v):
    return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), w.mask().astype(np.float32)), v)


@form("linear", "ssm.semiseparable", "q k v")
def linear_triangle(w, q, k, v):
    return w("MatMul", w("Trilu", w("MatMul", q, w.swap(k)), upper=0), v)


@form("linear", "ssm.semiseparable", "q k v")
def linear_states(w, q, k, v):
    """All states by one cumulative sum."""
    states = w.cumsum(w("Mul", w.wide(k, 4), w.wide(v, 3)), 2)
    return w.sum(w("Mul", w.wide(q, 4), states), 3)


@form("linear", "ssm.semiseparable", "q k v")
def linear_einsum(w, q, k, v):
    states = w.cumsum(w("Einsum", k, v, equation="bhtn,bhtp->bhtnp"), 2)
    return w("Einsum", q, states, equation="bhtn,bhtnp->bhtp")


@form("normalised", ["ssm.semiseparable", "ssm.scan"], "pq pk v")
def normalised_states(w, q, k, v):
    y, norm = linear_states(w, q, k, v), w.sum(w("Mul", q, w.cumsum(k, 2)), 3, keep=1)
    return w("Div", y, norm)


@form("normalised", ["ssm.semiseparable"], "pq pk v")
def normalised_masked(w, q, k, v):
    scores = w("Trilu", w("MatMul", q, w.swap(k)), upper=0)
    return w("MatMul", w("Div", scores, w.sum(scores, 3, keep=1)), v)


@form("normalised_epsilon", ["ssm.semiseparable"], "pq pk v")
def normalised_epsilon(w, q, k, v):
    scores = w("Trilu", w("MatMul", q, w.swap(k)), upper=0)
    return w("Div", w("MatMul", scores, v), w("Add", w.sum(scores, 3, keep=1), 1e-3))


def decays_of_heads():
    return np.log(1 - 2.0 ** (-2 - np.arange(HEADS)))


@form("retention", "ssm.semiseparable", "q k v")
def retention(w, q, k, v):
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    decay = np.where(lags >= 0, np.exp(decays_of_heads()[:, None, None] * np.maximum(lags, 0)), 0)
    return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), decay.astype(np.float32)), v)


@form("retention", "ssm.semiseparable", "q k v")
def lightning(w, q, k, v):
    """Blocks of 8: within a block by scores, between blocks by a state."""
    rate, block, state, ys = decays_of_heads()[:, None, None], 8, None, []
    at = np.arange(block)
    inside = np.where(at[:, None] >= at, np.exp(rate * np.maximum(at[:, None] - at, 0)), 0).astype(np.float32)
    for t in range(0, w.time, block):
        qs, ks, vs = (w.cut(x, t, t + block, 2) for x in (q, k, v))
        y = w("MatMul", w("Mul", w("MatMul", qs, w.swap(ks)), inside), vs)
        fades = np.exp(rate * (at[:, None] + 1)).astype(np.float32)
        rest = np.exp(rate * (block - 1 - at[:, None])).astype(np.float32)
        own = w("MatMul", w.swap(w("Mul", ks, rest)), vs)
        if state is not None:
            y = w("Add", y, w("MatMul", w("Mul", qs, fades), state))
            own = w("Add", w("Mul", state, np.exp(rate * block).astype(np.float32)), own)
        state = own
        ys.append(y)
    return w("Concat", *ys, axis=2)


SSD = ("ssd", "ssm.semiseparable", "q k v h")


@form(*SSD)
def ssd_masked(w, q, k, v, h):
    return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), segment_matrix(w, h)), v)


@form(*SSD)
def ssd_segment_sum(w, q, k, v, h):
    """The segment sums by a masked cumulative sum."""
    rows = w("Expand", w.wide(h, 3), w.ints(w.batch, HEADS, w.time, w.time))
    sums = w.cumsum(w("Where", w.mask(-1), rows, 0.0), 2)
    decay = w("Exp", w("Where", w.mask(), sums, float("-inf")))
    return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), decay), v)


@form(*SSD)
def ssd_sums(w, q, k, v, h):
    """Products as sums along an axis."""
    scores = w.sum(w("Mul", w.wide(q, 3), w.wide(k, 2)), 4)
    weights = w("Mul", scores, segment_matrix(w, h))
    return w.sum(w("Mul", w.wide(weights, 4), w.wide(v, 2)), 3)


@form(*SSD)
def ssd_two_cumsums(w, q, k, v, h):
    total = w.wide(w.cumsum(h, 2), 3)
    grown, shrunk = w("Mul", q, w("Exp", total)), w("Mul", k, w("Exp", w("Neg", total)))
    return w("MatMul", w("Trilu", w("MatMul", grown, w.swap(shrunk)), upper=0), v)


@form("gla", "ssm.semiseparable", "q k v hk")
def gla_masked(w, q, k, v, h):
    total = w.cumsum(h, 2)
    grown, shrunk = w("Mul", q, w("Exp", total)), w("Mul", k, w("Exp", w("Neg", total)))
    return w("MatMul", w("Trilu", w("MatMul", grown, w.swap(shrunk)), upper=0), v)


@form("gla", "ssm.semiseparable", "q k v hk")
def gla_states(w, q, k, v, h):
    total = w.wide(w.cumsum(h, 2), 4)
    outer = w("Mul", w.wide(k, 4), w.wide(v, 3))
    states = w("Mul", w("Exp", total), w.cumsum(w("Mul", w("Exp", w("Neg", total)), outer), 2))
    return w.sum(w("Mul", w.wide(q, 4), states), 3)


def unrolled_states(w, q, k, v, decay=None, erase=None):
    """S[t] from S[t-1], each token cut out of its sequence."""
    state, ys = None, []
    for t in range(w.time):
        at = lambda x: w.token(x, t, 2)
        column, row = w.wide(at(k), 3), w.wide(at(v), 2)
        if state is not None and decay:
            a = w("Exp", at(decay))
            state = w("Mul", state, w.wide(a, 3) if decay.startswith("keys") else w.wide(w.wide(a, 2), 3))
        if erase:
            if state is not None:
                row = w("Sub", row, w("MatMul", w.wide(at(k), 2), state))
            row = w("Mul", row, w.wide(w.wide(at(erase), 2), 3))
        outer = w("MatMul", column, row)
        state = outer if state is None else w("Add", state, outer)
        ys.append(w("MatMul", w.wide(at(q), 2), state))
    return w("Concat", *ys, axis=2)


@form(*SSD)
def ssd_unrolled(w, q, k, v, h):
    return unrolled_states(w, q, k, v, h)


# --- Delta rules --------------------------------------------------------------

DELTA = ("delta", "ssm.delta_rule", "uq uk v b")


@form(*DELTA)
def delta_unrolled(w, q, k, v, b):
    return unrolled_states(w, q, k, v, erase=b)


@form("gated_delta", "ssm.delta_rule", "uq uk v h b")
def gated_delta_unrolled(w, q, k, v, h, b):
    return unrolled_states(w, q, k, v, h, b)


def delta_by_inverse(w, q, k, v, b, invert):
    rate = w.wide(b, 3)
    below = w("Trilu", w("Mul", w("MatMul", k, w.swap(k)), rate), w.constant(np.int64(-1)), upper=0)
    values = w("MatMul", invert(w, below), w("Mul", v, rate))
    return w("MatMul", w("Trilu", w("MatMul", q, w.swap(k)), upper=0), values)


def inverse_by_products(w, below):
    """(1 + N)^-1 = (1 - N)(1 + N^2)(1 + N^4)..., N being nilpotent."""
    eye = w.constant(np.eye(w.time, dtype=np.float32))
    power, inverse, step = below, w("Sub", eye, below), 2
    while step < w.time:
        power = w("MatMul", power, power)
        inverse = w("MatMul", inverse, w("Add", eye, power))
        step *= 2
    return inverse


def inverse_by_rows(w, below):
    """Row by row, from those above."""
    eye = np.eye(w.time, dtype=np.float32)
    rows = [w("Expand", eye[:1], w.ints(w.batch, HEADS, 1, w.time))]
    for t in range(1, w.time):
        factors = w.cut(w.cut(below, t, t + 1, 2), 0, t, 3)
        above = w("Concat", *rows, axis=2) if len(rows) > 1 else rows[0]
        rows.append(w("Sub", eye[t:t + 1], w("MatMul", factors, above)))
    return w("Concat", *rows, axis=2)


@form(*DELTA)
def delta_inverse(w, q, k, v, b):
    return delta_by_inverse(w, q, k, v, b, inverse_by_products)


@form(*DELTA)
def delta_rows(w, q, k, v, b):
    return delta_by_inverse(w, q, k, v, b, inverse_by_rows)


# --- Softmax attention --------------------------------------------------------

SCALE = KEYS ** -0.5
CAUSAL = ("causal", "ssm.attention", "q k v")


def scores(w, q, k):
    return w("MatMul", q, w.swap(k))


@form(*CAUSAL)
def attention_infinite_mask(w, q, k, v):
    mask = np.where(w.mask(), 0, -np.inf).astype(np.float32)
    return w("MatMul", w("Softmax", w("Add", w("Mul", scores(w, q, k), SCALE), mask), axis=-1), v)


@form(*CAUSAL)
def attention_finite_mask(w, q, k, v):
    mask = np.where(w.mask(), 0, np.finfo(np.float32).min).astype(np.float32)[None, None]
    return w("MatMul", w("Softmax", w("Add", w("Div", scores(w, q, k), 1 / SCALE), mask), axis=3), v)


@form(*CAUSAL)
def attention_where(w, q, k, v):
    masked = w("Where", w.mask(), w("Mul", scores(w, q, k), SCALE), float("-inf"))
    return w("MatMul", w("Softmax", masked, axis=-1), v)


@form(*CAUSAL)
def attention_not_where(w, q, k, v):
    masked = w("Where", ~w.mask(), float(np.finfo(np.float32).min), scores(w, w("Mul", q, SCALE), k))
    return w("MatMul", w("Softmax", masked, axis=-1), v)


@form(*CAUSAL)
def attention_split_scale(w, q, k, v):
    root = float(np.sqrt(SCALE))
    mask = np.where(w.mask(), 0, -np.inf).astype(np.float32)
    s = w("MatMul", w("Mul", q, root), w.swap(w("Mul", k, root)))
    return w("MatMul", w("Softmax", w("Add", s, mask), axis=-1), v)


@form(*CAUSAL)
def attention_dynamo(w, q, k, v):
    """torch's: the mask by Where, rows of nothing as zero."""
    root = float(np.sqrt(SCALE))
    mask = w("Where", w.mask(), 0.0, float("-inf"))
    p = w("Softmax", w("Add", w("MatMul", w("Mul", q, root), w("Mul", w.swap(k), root)), mask), axis=-1)
    return w("MatMul", w("Where", w("IsNaN", p), 0.0, p), v)


@form(*CAUSAL)
def attention_by_exponentials(w, q, k, v):
    s = w("Where", w.mask(), w("Mul", scores(w, q, k), SCALE), float("-inf"))
    e = w("Exp", w("Sub", s, w("ReduceMax", s, w.ints(-1), keepdims=1)))
    return w("MatMul", w("Div", e, w.sum(e, -1, keep=1)), v)


@form(*CAUSAL)
def attention_late_division(w, q, k, v):
    """Exponentials times values, divided behind."""
    e = w("Mul", w("Exp", w("Mul", scores(w, q, k), SCALE)), w.mask().astype(np.float32))
    return w("Div", w("MatMul", e, v), w.sum(e, -1, keep=1))


@form(*CAUSAL)
def attention_einsum(w, q, k, v):
    s = w("Mul", w("Einsum", q, k, equation="bhtn,bhsn->bhts"), SCALE)
    p = w("Softmax", w("Where", w.mask(), s, float("-inf")), axis=-1)
    return w("Einsum", p, v, equation="bhts,bhsp->bhtp")


@form(*CAUSAL)
def attention_merged_heads(w, q, k, v):
    """Products of three axes, batch and heads on one."""
    flat = lambda x: w.shape(x, w.batch * HEADS, w.time, -1)
    s = w("Mul", w("MatMul", flat(q), w.turn(flat(k), 0, 2, 1)), SCALE)
    p = w("Softmax", w("Add", s, np.where(w.mask(), 0, -1e9).astype(np.float32)), axis=-1)
    return w.shape(w("MatMul", p, flat(v)), w.batch, HEADS, w.time, VALUES)


@form(*CAUSAL)
def attention_computed_mask(w, q, k, v):
    """Positions by Range, compared."""
    at = w("Range", w.constant(np.int64(0)), w.narrow(w("Shape", q, start=2, end=3), 0), w.constant(np.int64(1)))
    seen = w("LessOrEqual", w.wide(at, 0), w.wide(at, 1))
    return w("MatMul", w("Softmax", w("Where", seen, w("Mul", scores(w, q, k), SCALE), float("-inf")), axis=-1), v)


@form("full", "ssm.attention", "q k v")
def attention_full(w, q, k, v):
    return w("MatMul", w("Softmax", w("Mul", scores(w, q, k), SCALE), axis=-1), v)


@form("window", "ssm.attention", "q k v")
def attention_window(w, q, k, v):
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    seen = (lags >= 0) & (lags < 5)
    return w("MatMul", w("Softmax", w("Where", seen, w("Mul", scores(w, q, k), SCALE), float("-inf")), axis=-1), v)


@form("alibi", "ssm.attention", "q k v")
def attention_slopes(w, q, k, v):
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    slopes = 2.0 ** -(1 + np.arange(HEADS))[:, None, None]
    bias = np.where(lags >= 0, -slopes * lags, -np.inf).astype(np.float32)
    return w("MatMul", w("Softmax", w("Add", w("Mul", scores(w, q, k), SCALE), bias), axis=-1), v)


@form("head_scale", "ssm.attention", "q k v")
def attention_head_scale(w, q, k, v):
    """A scale of its own for each head."""
    s = w("Mul", scores(w, q, k), np.linspace(0.3, 0.7, HEADS).astype(np.float32)[:, None, None])
    return w("MatMul", w("Softmax", w("Where", w.mask(), s, float("-inf")), axis=-1), v)


GROUPS = ("groups", "ssm.attention", "q4 k v")


@form(*GROUPS)
def groups_by_expand(w, q, k, v):
    def repeat(x, width):
        x = w("Expand", w.wide(x, 2), w.ints(w.batch, HEADS, 2, w.time, width))
        return w.shape(x, w.batch, 2 * HEADS, w.time, width)
    return attention_where(w, q, repeat(k, KEYS), repeat(v, VALUES))


@form(*GROUPS)
def groups_by_tile(w, q, k, v):
    def repeat(x, width):
        return w.shape(w("Tile", w.wide(x, 2), w.ints(1, 1, 2, 1, 1)), w.batch, 2 * HEADS, w.time, width)
    return attention_where(w, q, repeat(k, KEYS), repeat(v, VALUES))


@form(*GROUPS)
def groups_by_gather(w, q, k, v):
    repeat = lambda x: w("Gather", x, np.repeat(np.arange(HEADS), 2), axis=1)
    return attention_where(w, q, repeat(k), repeat(v))


@form(*GROUPS)
def groups_by_concat(w, q, k, v):
    def repeat(x, width):
        x = w.wide(x, 2)
        return w.shape(w("Concat", x, x, axis=2), w.batch, 2 * HEADS, w.time, width)
    return attention_where(w, q, repeat(k, KEYS), repeat(v, VALUES))


@form(*GROUPS)
def groups_by_broadcast(w, q, k, v):
    """Query heads of a group on an axis of their own."""
    q = w.shape(q, w.batch, HEADS, 2, w.time, KEYS)
    s = w("Mul", w("MatMul", q, w.turn(w.wide(k, 2), 0, 1, 2, 4, 3)), SCALE)
    p = w("Softmax", w("Where", w.mask(), s, float("-inf")), axis=-1)
    return w.shape(w("MatMul", p, w.wide(v, 2)), w.batch, 2 * HEADS, w.time, VALUES)


@form("one_key_head", "ssm.attention", "q k1 v1")
def one_key_head(w, q, k, v):
    return attention_where(w, q, k, v)


@form(*CAUSAL, opset=23)
def attention_node(w, q, k, v):
    return w("Attention", q, k, v, is_causal=1)


@form(*CAUSAL, opset=24)
def attention_node_mask(w, q, k, v):
    return w("Attention", q, k, v, w.mask())


@form(*GROUPS, opset=23)
def attention_node_groups(w, q, k, v):
    return w("Attention", q, k, v, is_causal=1)


def rotary_tables(w, width):
    angles = np.outer(np.arange(w.time), 100.0 ** (-np.arange(width // 2) / (width // 2)))
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


ROTARY = ("rotary", "ssm.attention", "q k v")


@form(*ROTARY)
def rotary_halves(w, q, k, v):
    cos, sin = (np.concatenate([t, t], -1) for t in rotary_tables(w, KEYS))

    def turn(x):
        half = w("Concat", w("Neg", w.cut(x, KEYS // 2, KEYS, 3)), w.cut(x, 0, KEYS // 2, 3), axis=3)
        return w("Add", w("Mul", x, cos), w("Mul", half, sin))
    return attention_where(w, turn(q), turn(k), v)


@form(*ROTARY, opset=23)
def rotary_node(w, q, k, v):
    cos, sin = rotary_tables(w, KEYS)
    turn = lambda x: w("RotaryEmbedding", x, cos[None], sin[None])
    return attention_where(w, turn(q), turn(k), v)
