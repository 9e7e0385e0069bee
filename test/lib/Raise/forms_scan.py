"""Scans in closed and unrolled forms, in both directions, and averages."""
import numpy as np

from form import CHANNELS, RATE, form


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


@form("epsilon_scan", "ssm.scan", "g u", assumes="the number 1.0e-12 of node .* is too small to be seen")
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


@form("log_scan", "ssm.scan", "g u")
def log_space_start(w, g, u):
    """minGRU's: the logarithms of what drives the scan behind that of the state before it."""
    start = np.full((w.batch, 1, CHANNELS), np.log(0.5), np.float32)
    total = w.pad(w.cumsum(g, 1), 1, 0, 1, 3)
    logs = w("Sub", w("Concat", start, u, axis=1), total)
    most = w("ReduceMax", logs, w.ints(1), keepdims=1)
    sums = w("Add", most, w("Log", w.cumsum(w("Exp", w("Sub", logs, most)), 1)))
    return w.cut(w("Exp", w("Add", total, sums)), 1, 2**31, 1)


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


# --- Averages -----------------------------------------------------------------

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
