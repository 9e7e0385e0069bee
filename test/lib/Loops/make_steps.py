"""Recurrences as Loop and Scan, in the spellings of exporters, with random weights.

A model is a step and a loop around it. A step is a function of tokens and
states; a loop says how tokens are cut, rows are gathered and iterations are
counted. All are functions of x [batch, time, width].
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
OPSET = 21


class Graph:
    """Nodes of one graph, the main one or a body, which sees those around it."""

    def __init__(self, names, prefix=""):
        self.nodes, self.names, self.prefix = [], names, prefix

    def name(self, op):
        self.names.append(None)
        return f"{self.prefix}{op.lower()}_{len(self.names)}"

    def __call__(self, op, *inputs, outputs=1, **attributes):
        results = [self.name(op) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), results, name=f"node_{results[0]}", **attributes))
        return results[0] if outputs == 1 else results

    def constant(self, array):
        array = np.asarray(array)
        return self("Constant", value=numpy_helper.from_array(array))

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def body(self, name):
        return Graph(self.names, name + "_")

    def close(self, name, inputs, outputs):
        info = helper.make_tensor_value_info
        # Numbers and conditions are scalars, which ONNX Runtime wants to be told.
        return helper.make_graph(self.nodes, name, [info(n, t, None if t == FLOAT else []) for n, t in inputs],
                                 [info(n, t, None) for n, t in outputs])


# Steps: (graph, model) -> (sequences [batch, time, ...], initial states, step). The step gets a
# graph, the tokens without time and the states, and gives the states and the result.

def mamba(g, m, outside=False):
    """Discretisation, state, read-out and skip within the step, dt from the token."""
    d, n = m.width, 4
    rate = -np.abs(m.random.normal(1, 0.5, (d, n))).astype(np.float32)
    wdt, wb, wc = m.weight(d, d), m.weight(d, n), m.weight(d, n)
    skip = m.weight(d)

    def step(b, tokens, states):
        x, h = tokens[0], states[0]
        dt = b("Softplus", b("MatMul", x, b.constant(wdt)))
        wide = b("Unsqueeze", dt, b.ints(-1))
        decay = b("Exp", b("Mul", wide, b.constant(rate)))
        drive = b("Mul", b("Mul", wide, b("Unsqueeze", b("MatMul", x, b.constant(wb)), b.ints(1))),
                  b("Unsqueeze", x, b.ints(-1)))
        h = b("Add", b("Mul", decay, h), drive)
        c = b("Unsqueeze", b("MatMul", x, b.constant(wc)), b.ints(-1))
        y = b("Squeeze", b("MatMul", h, c), b.ints(-1))
        return [h], b("Add", y, b("Mul", x, b.constant(skip)))

    return ["x"], [(d, n)], step


def prepared(g, m):
    """Mamba's discretisation by Einsum for all tokens, of an x that dt, B and C are projected from; a step reads the
    state out by another one."""
    d, n = m.width, 4
    rate = -np.abs(m.random.normal(1, 0.5, (d, n))).astype(np.float32)
    x = g("Tanh", "x")
    dt, inputs, reads = [g("MatMul", x, g.constant(m.weight(d, width))) for width in (d, n, n)]
    dt = g("Softplus", dt)
    decay = g("Exp", g("Einsum", dt, g.constant(rate), equation="bld,dn->bldn"))
    drive = g("Einsum", dt, inputs, x, equation="bld,bln,bld->bldn")

    def step(b, tokens, states):
        decay, drive, c = tokens
        h = b("Add", b("Mul", decay, states[0]), drive)
        return [h], b("Einsum", h, c, equation="bdn,bn->bd")

    return [decay, drive, reads], [(d, n)], step


def mamba2(g, m):
    """One decay for each head, a matrix state."""
    heads, p, n = 2, m.width // 2, 3
    wdt, wb, wc = m.weight(m.width, heads), m.weight(m.width, n), m.weight(m.width, n)

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        dt = b("Softplus", b("MatMul", x, b.constant(wdt)))
        decay = b("Exp", b("Neg", dt))
        v = b("Mul", b("Reshape", x, b.ints(0, heads, p)), b("Unsqueeze", dt, b.ints(-1)))
        k = b("Unsqueeze", b("MatMul", x, b.constant(wb)), b.ints(1, 2))
        outer = b("Mul", b("Unsqueeze", v, b.ints(-1)), k)
        s = b("Add", b("Mul", b("Unsqueeze", decay, b.ints(-1, -2)), s), outer)
        q = b("Unsqueeze", b("MatMul", x, b.constant(wc)), b.ints(1, 3))
        y = b("MatMul", s, q)
        return [s], b("Reshape", y, b.ints(0, m.width))

    return ["x"], [(heads, p, n)], step


def delta(g, m):
    """Gated delta rule."""
    heads, n, p = 2, 3, m.width // 2
    wq, wk, wg, wb = m.weight(m.width, heads * n), m.weight(m.width, heads * n), m.weight(m.width, heads), m.weight(
        m.width, heads)

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        q = b("Reshape", b("MatMul", x, b.constant(wq)), b.ints(0, heads, n))
        k = b("Reshape", b("MatMul", x, b.constant(wk)), b.ints(0, heads, n))
        v = b("Reshape", x, b.ints(0, heads, p))
        decay = b("Sigmoid", b("MatMul", x, b.constant(wg)))
        beta = b("Sigmoid", b("MatMul", x, b.constant(wb)))
        s = b("Mul", s, b("Unsqueeze", decay, b.ints(-1, -2)))
        column = b("Unsqueeze", k, b.ints(-1))
        old = b("ReduceSum", b("Mul", s, column), b.ints(-2), keepdims=0)
        new = b("Mul", b("Sub", v, old), b("Unsqueeze", beta, b.ints(-1)))
        s = b("Add", s, b("Mul", column, b("Unsqueeze", new, b.ints(-2))))
        y = b("ReduceSum", b("Mul", s, b("Unsqueeze", q, b.ints(-1))), b.ints(-2), keepdims=0)
        return [s], b("Reshape", y, b.ints(0, m.width))

    return ["x"], [(heads, n, p)], step


def gated(g, m):
    """h = a h + (1 - a) u with a gate of the token; the result is normalised and projected."""
    wa, wo = m.weight(m.width, m.width), m.weight(m.width, m.width)

    def step(b, tokens, states):
        x, h = tokens[0], states[0]
        a = b("Sigmoid", b("MatMul", x, b.constant(wa)))
        h = b("Add", b("Mul", a, h), b("Mul", b("Sub", b.constant(np.float32(1)), a), x))
        square = b("ReduceMean", b("Mul", h, h), b.ints(-1))
        y = b("Div", h, b("Sqrt", b("Add", square, b.constant(np.float32(1e-5)))))
        return [h], b("MatMul", b("Tanh", y), b.constant(wo))

    return ["x"], [(m.width,)], step


def lerp(g, m):
    """h + a (u - h), as the weighted mean of some libraries: the one that is exact at either end, by a Where."""
    wa = m.weight(m.width, m.width)

    def step(b, tokens, states):
        x, h = tokens[0], states[0]
        a = b("Sigmoid", b("MatMul", x, b.constant(wa)))
        way = b("Sub", x, h)
        rest = b("Sub", b.constant(np.float32(1)), a)
        from_start, from_end = b("Add", h, b("Mul", a, way)), b("Sub", x, b("Mul", way, rest))
        h = b("Where", b("Less", a, b.constant(np.float32(0.5))), from_start, from_end)
        return [h], b("Identity", h)

    return ["x"], [(m.width,)], step


def hgrn(g, m):
    """A decay for each key that is never below 0.3, and keys that are what it takes away."""
    heads, n = 2, m.width // 2
    wq, wf = m.weight(m.width, m.width), m.weight(m.width, m.width)

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        f = b("Sigmoid", b("MatMul", x, b.constant(wf)))
        f = b("Add", b("Mul", f, b.constant(np.float32(0.7))), b.constant(np.float32(0.3)))
        k = b("Sub", b.constant(np.float32(1)), f)
        q, f, k, v = [b("Reshape", value, b.ints(0, heads, n)) for value in (b("MatMul", x, b.constant(wq)), f, k, x)]
        outer = b("Einsum", k, v, equation="bhn,bhp->bhnp")
        s = b("Add", b("Mul", b("Unsqueeze", f, b.ints(-1)), s), outer)
        return [s], b("Reshape", b("Einsum", q, s, equation="bhn,bhnp->bhp"), b.ints(0, m.width))

    return ["x"], [(heads, n, n)], step


def conditional(g, m):
    """A near miss: the decay depends on the state."""
    def step(b, tokens, states):
        x, h = tokens[0], states[0]
        a = b("Sigmoid", b("Add", x, h))
        h = b("Add", b("Mul", a, h), x)
        return [h], b("Identity", h)

    return ["x"], [(m.width,)], step


def lstm(g, m):
    """Two states that are not affine."""
    wx, wh, bias = m.weight(m.width, 4 * m.width), m.weight(m.width, 4 * m.width), m.weight(4 * m.width)

    def step(b, tokens, states):
        h, c = states
        gates = b("Add", b("Add", b("MatMul", tokens[0], b.constant(wx)), b.constant(bias)),
                  b("MatMul", h, b.constant(wh)))
        i, f, z, o = b("Split", gates, outputs=4, axis=1, num_outputs=4)
        c = b("Add", b("Mul", b("Sigmoid", f), c), b("Mul", b("Sigmoid", i), b("Tanh", z)))
        h = b("Mul", b("Sigmoid", o), b("Tanh", c))
        return [h, c], b("Identity", h)

    return ["x"], [(m.width,), (m.width,)], step


def rotation(g, m):
    """Dense: the state is turned, by an angle of the token."""
    wt = m.weight(m.width, 1)
    turn = np.linalg.qr(m.random.normal(0, 1, (m.width, m.width)))[0].astype(np.float32) * 0.9

    def step(b, tokens, states):
        x, h = tokens[0], states[0]
        scale = b("Sigmoid", b("MatMul", x, b.constant(wt)))
        h = b("Add", b("Mul", scale, b("MatMul", h, b.constant(turn))), x)
        return [h], b("Identity", h)

    return ["x"], [(m.width,)], step


def rotation_pairs(g, m):
    """Two states that are turned into each other, an LRU in real numbers, with both parts read out."""
    radius = m.random.uniform(0.5, 0.95, m.width).astype(np.float32)
    angle = m.random.uniform(0, 1.5, m.width).astype(np.float32)
    out = [m.weight(m.width, m.width), m.weight(m.width, m.width)]

    def step(b, tokens, states):
        x, (re, im) = tokens[0], states
        cos, sin = b.constant(radius * np.cos(angle)), b.constant(radius * np.sin(angle))
        real = b("Add", b("Sub", b("Mul", cos, re), b("Mul", sin, im)), x)
        imaginary = b("Add", b("Mul", sin, re), b("Mul", cos, im))
        y = b("Sub", b("MatMul", real, b.constant(out[0])), b("MatMul", imaginary, b.constant(out[1])))
        return [real, imaginary], y

    return ["x"], [(m.width,), (m.width,)], step


def ssm2(g, m):
    """Mamba-2 with (dt B) x, states as [head, channel, state], read by Einsum, and a gate behind."""
    heads, p, n = 2, m.width // 2, 3
    rate, skip = -m.random.uniform(0.5, 2, heads).astype(np.float32), m.weight(heads, 1)
    wdt, wb, wc, wz = m.weight(m.width, heads), m.weight(m.width, n), m.weight(m.width, n), m.weight(m.width, m.width)

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        dt = b("Softplus", b("MatMul", x, b.constant(wdt)))
        decay = b("Exp", b("Mul", dt, b.constant(rate)))
        v = b("Reshape", x, b.ints(-1, heads, p))
        db = b("Mul", b("Unsqueeze", dt, b.ints(2)), b("Unsqueeze", b("MatMul", x, b.constant(wb)), b.ints(1)))
        dbx = b("Mul", b("Unsqueeze", db, b.ints(2)), b("Unsqueeze", v, b.ints(3)))
        s = b("Add", b("Mul", s, b("Unsqueeze", decay, b.ints(2, 3))), dbx)
        y = b("Einsum", s, b("MatMul", x, b.constant(wc)), equation="bhpn,bn->bhp")
        y = b("Reshape", b("Add", y, b("Mul", v, b.constant(skip))), b.ints(-1, m.width))
        z = b("MatMul", x, b.constant(wz))
        return [s], b("Mul", y, b("Mul", z, b("Sigmoid", z)))

    return ["x"], [(heads, p, n)], step


def ssm3(g, m):
    """Mamba-2 whose step multiplies three vectors at once."""
    heads, p, n = 2, m.width // 2, 5
    rate = -m.random.uniform(0.5, 2, heads).astype(np.float32)
    wdt, wb, wc = m.weight(m.width, heads), m.weight(m.width, n), m.weight(m.width, n)

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        dt = b("Softplus", b("MatMul", x, b.constant(wdt)))
        decay = b("Unsqueeze", b("Exp", b("Mul", dt, b.constant(rate))), b.ints(2, 3))
        v = b("Reshape", x, b.ints(-1, heads, p))
        dbx = b("Einsum", dt, b("MatMul", x, b.constant(wb)), v, equation="bh,bn,bhp->bhpn")
        s = b("Add", b("Mul", s, decay), dbx)
        y = b("Einsum", s, b("MatMul", x, b.constant(wc)), equation="bhpn,bn->bhp")
        return [s], b("Reshape", y, b.ints(-1, m.width))

    return ["x"], [(heads, p, n)], step


def gla(g, m):
    """A sigmoid for each key and token decays, cut into heads behind it."""
    heads, n, p = 2, 3, m.width // 2
    wq, wk, wg = (m.weight(m.width, heads * n) for _ in range(3))

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        q, k, f = (b("Reshape", value, b.ints(0, heads, n, 1)) for value in
                   (b("MatMul", x, b.constant(wq)), b("MatMul", x, b.constant(wk)),
                    b("Sigmoid", b("MatMul", x, b.constant(wg)))))
        s = b("Add", b("Mul", f, s), b("Mul", k, b("Reshape", x, b.ints(0, heads, 1, p))))
        y = b("MatMul", b("Transpose", q, perm=[0, 1, 3, 2]), s)
        return [s], b("Reshape", y, b.ints(0, m.width))

    return ["x"], [(heads, n, p)], step


def rwkv7(g, m):
    """A transition of a diagonal and rank one, read from the state before it decays."""
    heads, n = 2, m.width // 2
    weights = [m.weight(m.width, m.width) for _ in range(6)]

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        r, k, v, w, a, rate = (b("Reshape", b("MatMul", x, b.constant(weight)), b.ints(0, heads, n))
                               for weight in weights)
        row, column = b.ints(-2), b.ints(-1)
        w = b("Exp", b("Mul", b("Sigmoid", w), b.constant(np.float32(-0.6))))
        a = b("Tanh", a)
        erased = b("MatMul", b("Unsqueeze", b("Neg", a), column),
                   b("Unsqueeze", b("Mul", a, b("Sigmoid", rate)), row))
        s = b("Add", b("Add", b("Mul", s, b("Unsqueeze", w, row)), b("MatMul", s, erased)),
              b("MatMul", b("Unsqueeze", v, column), b("Unsqueeze", k, row)))
        return [s], b("Reshape", b("MatMul", s, b("Unsqueeze", r, column)), b.ints(0, m.width))

    return ["x"], [(heads, n, n)], step


def rwkv6(g, m, fixed=False, bonus="state"):
    """A matrix that is read before the token is added to it, with a bonus for the token: in the matrix that is read,
    or beside what is read of it."""
    heads, n, p = 2, 5, m.width // 2
    wr, wk, wd = (m.weight(m.width, heads * n) for _ in range(3))
    own = m.weight(heads, n, 1)
    always = np.exp(-np.exp(m.random.normal(-0.5, 0.5, (heads, n, 1)))).astype(np.float32)

    def step(b, tokens, states):
        x, s = tokens[0], states[0]
        r, k, w = (b("Reshape", b("MatMul", x, b.constant(weight)), b.ints(0, heads, n, 1)) for weight in (wr, wk, wd))
        r, v = b("Transpose", r, perm=[0, 1, 3, 2]), b("Reshape", x, b.ints(0, heads, 1, p))
        w = b.constant(always) if fixed else b("Exp", b("Neg", b("Exp", w)))
        outer = b("MatMul", k, v)
        seen = b("Add", b("Mul", b.constant(own), outer), s) if bonus == "state" else s
        y = b("MatMul", r, seen)
        if bonus == "beside":
            y = b("Add", y, b("Mul", b("MatMul", r, b("Mul", b.constant(own), k)), v))
        return [b("Add", outer, b("Mul", w, s))], b("Reshape", y, b.ints(0, m.width))

    return ["x"], [(heads, n, p)], step


def rwkv6_beside(g, m):
    return rwkv6(g, m, bonus="beside")


def rwkv5(g, m):
    """A decay for each key that no token decides."""
    return rwkv6(g, m, fixed=True)


def late(g, m):
    """No bonus: a token is seen from the next one on."""
    return rwkv6(g, m, bonus=None)


def early(g, m):
    """A near miss: what is read has decayed, and has not got the token."""
    sequences, states, step = rwkv6(g, m, fixed=True, bonus=None)
    decay = m.random.uniform(0.5, 0.9, (2, 5, 1)).astype(np.float32)
    return sequences, states, lambda b, tokens, states: step(b, tokens, [b("Mul", states[0], b.constant(decay))])


def mlstm(g, m):
    """A matrix and a normaliser, not stabilised."""
    heads, n, p = 2, 3, m.width // 2
    wq, wk, wi, wf = m.weight(m.width, heads * n), m.weight(m.width, heads * n), m.weight(m.width, heads), m.weight(
        m.width, heads)

    def step(b, tokens, states):
        x, (s, z) = tokens[0], states
        q = b("Reshape", b("MatMul", x, b.constant(wq)), b.ints(0, heads, n))
        k = b("Reshape", b("MatMul", x, b.constant(wk)), b.ints(0, heads, n))
        v = b("Reshape", x, b.ints(0, heads, p))
        i = b("Unsqueeze", b("Exp", b("MatMul", x, b.constant(wi))), b.ints(-1))
        f = b("Unsqueeze", b("Sigmoid", b("MatMul", x, b.constant(wf))), b.ints(-1))
        ik = b("Mul", i, k)
        s = b("Add", b("Mul", b("Unsqueeze", f, b.ints(-1)), s), b("Mul", b("Unsqueeze", ik, b.ints(-1)), b(
            "Unsqueeze", v, b.ints(-2))))
        z = b("Add", b("Mul", f, z), ik)
        y = b("Squeeze", b("MatMul", b("Unsqueeze", q, b.ints(-2)), s), b.ints(-2))
        norm = b("Abs", b("ReduceSum", b("Mul", q, z), b.ints(-1)))
        return [s, z], b("Reshape", b("Div", y, b("Max", norm, b.constant(np.float32(1)))), b.ints(0, m.width))

    return ["x"], [(heads, n, p), (heads, n)], step


def stabilised(g, m, outside=False):
    """mLSTM with the running maximum of its logarithms, projected in the step or in front of it."""
    heads, n, p = 2, 3, m.width // 2
    weights = [m.weight(m.width, extent) for extent in (heads * n, heads * n, heads, heads)]
    names = [g("MatMul", "x", g.constant(weight)) for weight in weights] if outside else []

    def step(b, tokens, states):
        x, (s, z, top) = tokens[0], states
        q, k, i, f = tokens[1:] if outside else [b("MatMul", x, b.constant(weight)) for weight in weights]
        q, k = (b("Reshape", value, b.ints(0, heads, n)) for value in (q, k))
        k = b("Mul", k, b.constant(np.float32(n ** -0.5)))
        v, i, f = b("Reshape", x, b.ints(0, heads, p)), b("Unsqueeze", i, b.ints(-1)), b("Unsqueeze", f, b.ints(-1))
        kept = b("Add", b("Neg", b("Softplus", b("Neg", f))), top)
        new = b("Max", kept, i)
        f, i = b("Exp", b("Sub", kept, new)), b("Exp", b("Sub", i, new))
        ik = b("Mul", i, k)
        s = b("Add", b("Mul", b("Unsqueeze", f, b.ints(-1)), s), b("Mul", b("Unsqueeze", ik, b.ints(-1)), b(
            "Unsqueeze", v, b.ints(-2))))
        z = b("Add", b("Mul", f, z), ik)
        y = b("Squeeze", b("MatMul", b("Unsqueeze", q, b.ints(-2)), s), b.ints(-2))
        norm = b("Max", b("Abs", b("ReduceSum", b("Mul", q, z), b.ints(-1), keepdims=1)), b("Exp", b("Neg", new)))
        y = b("Div", y, b("Add", norm, b.constant(np.float32(1e-6))))
        return [s, z, new], b("Reshape", y, b.ints(0, m.width))

    return ["x", *names], [(heads, n, p), (heads, n), (heads, 1)], step


def stabilised_outside(g, m):
    return stabilised(g, m, outside=True)


def gru(g, m):
    """One state with gates of its own."""
    w, u = [m.weight(m.width, m.width) for _ in range(3)], [m.weight(m.width, m.width) for _ in range(3)]

    def step(b, tokens, states):
        x, h = tokens[0], states[0]
        r, z = (b("Sigmoid", b("Add", b("MatMul", x, b.constant(w[k])), b("MatMul", h, b.constant(u[k]))))
                for k in range(2))
        n = b("Tanh", b("Add", b("MatMul", x, b.constant(w[2])), b("Mul", r, b("MatMul", h, b.constant(u[2])))))
        h = b("Add", b("Mul", z, h), b("Mul", b("Sub", b.constant(np.float32(1)), z), n))
        return [h], b("Identity", h)

    return ["x"], [(m.width,)], step


def slstm(g, m):
    """Four states: cell, normaliser, hidden, and the maximum that stabilises exponential gates."""
    w, u = m.weight(m.width, 4 * m.width), m.weight(m.width, 4 * m.width)

    def step(b, tokens, states):
        c, n, h, top = states
        gates = b("Add", b("MatMul", tokens[0], b.constant(w)), b("MatMul", h, b.constant(u)))
        i, f, z, o = b("Split", gates, outputs=4, axis=1, num_outputs=4)
        kept = b("Add", b("Neg", b("Softplus", b("Neg", f))), top)
        new = b("Max", kept, i)
        i, f = b("Exp", b("Sub", i, new)), b("Exp", b("Sub", kept, new))
        c = b("Add", b("Mul", f, c), b("Mul", i, b("Tanh", z)))
        n = b("Add", b("Mul", f, n), i)
        h = b("Mul", b("Sigmoid", o), b("Div", c, b("Max", n, b.constant(np.float32(1)))))
        return [c, n, h, new], b("Identity", h)

    return ["x"], [(m.width,)] * 4, step


STEPS = {f.__name__: f for f in (mamba, prepared, mamba2, ssm2, ssm3, gla, rwkv7, rwkv6, rwkv6_beside, rwkv5, late, early, delta, mlstm, stabilised, stabilised_outside, gated, lerp, hgrn, conditional, lstm, gru,
                                slstm, rotation, rotation_pairs)}


class Model:
    def __init__(self, step, loop, batch, time, width, seed=0, **options):
        self.batch, self.time, self.width = batch, time, width
        self.random = np.random.default_rng(seed)
        self.graph, self.loop, self.options = Graph([]), loop, options
        self.sequences, self.states, self.step = STEPS[step](self.graph, self)

    def weight(self, *shape, scale=0.4):
        return self.random.normal(0, scale, shape).astype(np.float32)

    def build(self):
        g = self.graph
        given = [f"start{i}" for i in range(len(self.states))] if self.options.pop("given", False) else []
        initial = given or [g.constant(np.zeros((self.batch, *state), np.float32)) for state in self.states]
        y, last = LOOPS[self.loop](g, self, initial, **self.options)
        g.nodes.append(helper.make_node("Identity", [y], ["y"]))
        outputs = [helper.make_tensor_value_info("y", FLOAT, None)]
        if last:
            g.nodes.append(helper.make_node("Identity", [last], ["h"]))
            outputs.append(helper.make_tensor_value_info("h", FLOAT, None))
        free = self.options.get("free")
        shape = ["B" if self.options.get("any_batch") else self.batch, "L" if free else self.time, self.width]
        x = helper.make_tensor_value_info("x", FLOAT, shape)
        starts = [helper.make_tensor_value_info(n, FLOAT, [shape[0], *state]) for n, state in zip(given, self.states)]
        graph = helper.make_graph(g.nodes, "model", [x, *starts], outputs)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


# Loops: -> the result [batch, time, width], the last state or None.

def trip_count(g, m, free):
    return g("Squeeze", g("Slice", g("Shape", "x"), g.ints(1), g.ints(2)), g.ints(0)) if free else g.constant(
        np.int64(m.time))


def rows(g, m, initial, free=False, short=0, reverse=False, last=True):
    """A Loop that gathers tokens by number and yields rows."""
    trips = trip_count(g, m, free)
    if short:
        trips = g("Sub", trips, g.constant(np.int64(short)))
    end = g("Sub", trip_count(g, m, free), g.constant(np.int64(1)))
    b = g.body("rows")
    at = b("Sub", end, "i") if reverse else "i"
    tokens = [b("Gather", name, at, axis=1) for name in m.sequences]
    states, y = m.step(b, tokens, [f"h{k}" for k in range(len(initial))])
    keep = b("Identity", "go")
    body = b.close("body", [("i", INT), ("go", BOOL)] + [(f"h{k}", FLOAT) for k in range(len(initial))],
                   [(keep, BOOL)] + [(s, FLOAT) for s in states] + [(y, FLOAT)])
    results = g("Loop", trips, g.constant(np.bool_(True)), *initial, outputs=len(initial) + 1, body=body)
    return g("Transpose", results[-1], perm=[1, 0, 2]), results[0] if last else None


def grown(g, m, initial, free=False, last=False, dead=True):
    """A Loop whose result grows by a Concat, tokens cut by Slice; a product that nobody reads is carried too."""
    one, axis = g.ints(1), g.ints(1)
    empty = g("Slice", "x", g.ints(0), g.ints(0), axis)
    total = g.constant(np.ones((m.batch, 1, m.width), np.float32))
    b = g.body("grown")
    index = b("Reshape", "i", b.ints(1))
    wide = [b("Slice", name, index, b("Add", index, one), axis) for name in m.sequences]
    tokens = [b("Squeeze", w, axis) for w in wide]
    states, y = m.step(b, tokens, [f"h{k}" for k in range(len(initial))])
    product = b("Mul", "total", wide[0])
    outs = b("Concat", "ys", b("Unsqueeze", y, axis), axis=1)
    keep = b("Identity", "go")
    body = b.close("body", [("i", INT), ("go", BOOL), ("total", FLOAT), ("ys", FLOAT)] +
                   [(f"h{k}", FLOAT) for k in range(len(initial))],
                   [(keep, BOOL), (product, FLOAT), (outs, FLOAT)] + [(s, FLOAT) for s in states])
    results = g("Loop", trip_count(g, m, free), "", total, empty, *initial, outputs=2 + len(initial), body=body)
    return results[1], results[2] if last else None


def buffered(g, m, initial, free=False, last=True, reverse=False, ahead=0, read=False):
    """A Loop that scatters rows into a buffer [time, batch, width] that is there before; `ahead` leaves the last rows
    out, and `read` reads the row before."""
    trips = trip_count(g, m, free)
    buffer = g("Add", g("Mul", g("Transpose", "x", perm=[1, 0, 2]), g.constant(np.float32(0))), g.constant(np.float32(7)))
    end = g("Sub", trips, g.constant(np.int64(1)))
    if ahead:
        trips = g("Sub", trips, g.constant(np.int64(ahead)))
    b = g.body("buffered")
    at = b("Sub", end, "i") if reverse else "i"
    states, y = m.step(b, [b("Gather", name, at, axis=1) for name in m.sequences], [f"h{k}" for k in range(len(initial))])
    if read:
        y = b("Add", y, b("Gather", "out", at, axis=0))
    out = b("ScatterND", "out", b("Reshape", at, b.ints(1, 1)), b("Unsqueeze", y, b.ints(0)))
    keep = b("Identity", "go")
    body = b.close("body", [("i", INT), ("go", BOOL), ("out", FLOAT)] + [(f"h{k}", FLOAT) for k in range(len(initial))],
                   [(keep, BOOL), (out, FLOAT)] + [(s, FLOAT) for s in states])
    results = g("Loop", trips, g.constant(np.bool_(True)), buffer, *initial, outputs=len(initial) + 1, body=body)
    return g("Transpose", results[0], perm=[1, 0, 2]), results[1] if last else None


def counted(g, m, initial, free=False, last=True, until=None):
    """No trip count: a counter of its own and a condition, as of a while loop."""
    limit = trip_count(g, m, free)
    b = g.body("counted")
    tokens = [b("Gather", name, "k", axis=1) for name in m.sequences]
    states, y = m.step(b, tokens, [f"h{k}" for k in range(len(initial))])
    following = b("Add", "k", b.constant(np.int64(1)))
    go = b("Less", following, limit)
    if until:
        # An early exit: a sum of the state decides.
        go = b("And", go, b("Less", b("ReduceMax", states[0], keepdims=0), b.constant(np.float32(until))))
    body = b.close("body", [("i", INT), ("go", BOOL), ("k", INT)] + [(f"h{k}", FLOAT) for k in range(len(initial))],
                   [(go, BOOL), (following, INT)] + [(s, FLOAT) for s in states] + [(y, FLOAT)])
    start = g.constant(np.int64(0))
    trips = trip_count(g, m, free) if until else ""
    results = g("Loop", trips, g("Less", start, limit), start, *initial, outputs=len(initial) + 2, body=body)
    return g("Transpose", results[-1], perm=[1, 0, 2]), results[1] if last else None


def scan(g, m, initial, free=False, last=True, reverse=False, leading=False):
    """A Scan along the second axis, or along the first of what is transposed."""
    b = g.body("scan")
    states, y = m.step(b, ["token"], [f"h{k}" for k in range(len(initial))])
    body = b.close("body", [(f"h{k}", FLOAT) for k in range(len(initial))] + [("token", FLOAT)],
                   [(s, FLOAT) for s in states] + [(y, FLOAT)])
    axis = 0 if leading else 1
    x = g("Transpose", "x", perm=[1, 0, 2]) if leading else "x"
    results = g("Scan", *initial, x, outputs=len(initial) + 1, body=body, num_scan_inputs=1, scan_input_axes=[axis],
                scan_output_axes=[axis], scan_input_directions=[int(reverse)], scan_output_directions=[int(reverse)])
    y = g("Transpose", results[-1], perm=[1, 0, 2]) if leading else results[-1]
    return y, results[0] if last else None


def unrolled(g, m, initial, last=False, different=None, reverse=False):
    """One token after the other; step `different` lacks a part of its input."""
    states, ys = list(initial), []
    for t in reversed(range(m.time)) if reverse else range(m.time):
        tokens = [g("Gather", name, g.constant(np.int64(t)), axis=1) for name in m.sequences]
        if t == different:
            tokens[0] = g("Mul", tokens[0], g.constant(np.float32(0.99)))
        states, y = m.step(g, tokens, states)
        ys.append(g("Unsqueeze", y, g.ints(1)))
    return g("Concat", *(ys[::-1] if reverse else ys), axis=1), states[0] if last else None


LOOPS = {f.__name__: f for f in (rows, grown, buffered, counted, scan, unrolled)}


def build(step, loop, batch=2, time=12, width=8, **options):
    return Model(step, loop, batch, time, width, **options).build()
