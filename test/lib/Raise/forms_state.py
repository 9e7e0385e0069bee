"""Linear attention and delta rules in closed and unrolled forms."""
import numpy as np

from form import HEADS, KEYS, VALUES, decays_of_heads, form


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


@form("normalised", ["ssm.semiseparable", "ssm.scan"], "pq pk v")
def normalised_einsum(w, q, k, v):
    states = w.cumsum(w("Einsum", k, v, equation="...n,...p->...np"), 2)
    norm = w("Reciprocal", w("Einsum", q, w.cumsum(k, 2), equation="...n,...n->..."))
    return w("Einsum", states, q, norm, equation="...np,...n,...->...p")


@form("normalised", ["ssm.semiseparable"], "pq pk v")
def normalised_masked(w, q, k, v):
    scores = w("Trilu", w("MatMul", q, w.swap(k)), upper=0)
    return w("MatMul", w("Div", scores, w.sum(scores, 3, keep=1)), v)


@form("normalised_epsilon", ["ssm.semiseparable"], "pq pk v")
def normalised_epsilon(w, q, k, v):
    scores = w("Trilu", w("MatMul", q, w.swap(k)), upper=0)
    return w("Div", w("MatMul", scores, v), w("Add", w.sum(scores, 3, keep=1), 1e-3))


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


def segment_matrix(w, h):
    """exp of the sums of h [batch, head, time] between two tokens."""
    total = w.cumsum(h, 2)
    pairs = w("Sub", w.wide(total, 3), w.wide(total, 2))
    return w("Exp", w("Where", w.mask(), pairs, float("-inf")))


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


@form(*SSD)
def ssd_chunks(w, q, k, v, h):
    """Chunks of 8 as sums of products: what a chunk adds to itself, and what the states in front of it add, which a
    segment sum over chunks gives."""
    chunk, count = 8, w.time // 8

    def segment_sum(x, n):
        rows = w("Expand", w.wide(x, -1), w.ints(1, 1, 1, 1, n))
        sums = w.cumsum(w("Where", np.tril(np.ones((n, n), bool), -1), rows, 0.0), 3)
        return w("Exp", w("Where", np.tril(np.ones((n, n), bool)), sums, float("-inf")))

    q, k = (w.shape(x, w.batch, HEADS, count, chunk, KEYS) for x in (q, k))
    v = w.shape(v, w.batch, HEADS, count, chunk, VALUES)
    h = w.shape(h, w.batch, HEADS, count, chunk)
    total = w.cumsum(h, 3)
    inside = w("Einsum", q, k, segment_sum(h, chunk), v, equation="bhcln,bhcsn,bhcls,bhcsp->bhclp")
    last = w.cut(total, -1, 2**31, 3)
    own = w("Einsum", k, w("Exp", w("Sub", last, total)), v, equation="bhcln,bhcl,bhclp->bhcpn")
    own = w("Concat", np.zeros((w.batch, HEADS, 1, VALUES, KEYS), np.float32), own, axis=2)
    fades = segment_sum(w.pad(w.shape(last, w.batch, HEADS, 1, count), 1, 0, 3, 4), count + 1)
    states = w.cut(w("Einsum", w.narrow(fades, 2), own, equation="bhzc,bhcpn->bhzpn"), 0, -1, 2)
    before = w("Einsum", q, states, w("Exp", total), equation="bhcln,bhcpn,bhcl->bhclp")
    return w.shape(w("Add", inside, before), w.batch, HEADS, w.time, VALUES)


@form("mlstm", "ssm.semiseparable", "q k v s h")
def mlstm_parallel(w, q, k, v, i, f):
    """Exponential gates beside the maximum of each row, and a bound of one."""
    sums = w("Concat", np.zeros((w.batch, HEADS, 1), np.float32), w.cumsum(f, 2), axis=2)
    pairs = w("Sub", w.wide(sums, 3), w.wide(sums, 2))
    pairs = w.cut(w.cut(pairs, 1, 2**31, 2), 1, 2**31, 3)
    logs = w("Add", w("Where", w.mask(), pairs, float("-inf")), w.wide(i, 2))
    most = w("ReduceMax", logs, w.ints(3), keepdims=1)
    scores = w("Mul", w("MatMul", q, w.swap(w("Mul", k, KEYS ** -0.5))), w("Exp", w("Sub", logs, most)))
    norm = w("Max", w("Abs", w.sum(scores, 3, keep=1)), w("Exp", w("Neg", most)))
    return w("MatMul", w("Div", scores, w("Add", norm, 1e-6)), v)


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


def flipped(w, x):
    return w.cut(x, -1, -2**31, 2, -1)


def attend(w, q, k, v, h):
    return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), segment_matrix(w, h)), v)


def attend_back(w, *operands):
    return flipped(w, attend(w, *(flipped(w, x) for x in operands)))


@form("quasiseparable", "ssm.quasiseparable", "q k v h q2 k2 h2 s")
def hydra(w, q, k, v, h, q2, k2, h2, s):
    """Both directions, each shifted by a token, and a diagonal."""
    shift = lambda y: w.pad(w.cut(y, 0, w.time - 1, 2), 1, 0, 2, 4)
    forward = shift(attend(w, q, k, v, h))
    backward = flipped(w, shift(attend(w, *(flipped(w, x) for x in (q2, k2, v, h2)))))
    return w("Add", w("Add", forward, backward), w("Mul", w.wide(s, 3), v))


@form("both_states", "ssm.quasiseparable", "q k v h")
def both_states(w, q, k, v, h):
    """One layer along time and against it: each token sees itself twice."""
    return w("Add", attend(w, q, k, v, h), attend_back(w, q, k, v, h))


@form("both_states_apart", "ssm.quasiseparable", "q k v h q2 k2 h2")
def both_states_apart(w, q, k, v, h, q2, k2, h2):
    """... of other queries, keys and decays, scaled."""
    def back(x, *perm):
        return w.turn(w("ReverseSequence", w.turn(x, *perm), np.full(w.batch, w.time, np.int64), batch_axis=0,
                        time_axis=1), *perm)
    rows = (0, 2, 1, 3)
    backward = back(attend(w, *(back(x, *rows) for x in (q2, k2, v)), back(h2, 0, 2, 1)), *rows)
    return w("Mul", w("Add", attend(w, q, k, v, h), backward), 0.25)


@form("both_triangles", "ssm.quasiseparable", "q k v h")
def both_triangles(w, q, k, v, h):
    """No token sees itself."""
    total = w.cumsum(h, 2)
    later = w("Sub", w.wide(total, 3), w.wide(total, 2))
    decays = w("Where", w.mask(-1), later, w("Where", w.mask(-1).T, w("Neg", later), float("-inf")))
    decays = w("Exp", decays)
    return w("MatMul", w("Mul", w("MatMul", q, w.swap(k)), decays), v)


@form("both_states_beside", ["ssm.semiseparable", "ssm.semiseparable"], "q k v h")
def both_states_beside(w, q, k, v, h):
    return w("Concat", attend(w, q, k, v, h), attend_back(w, q, k, v, h), axis=3)


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
