"""Scans in closed and unrolled forms, in both directions, and averages."""
import numpy as np

from form import CHANNELS, RATE, decays_of_heads, form


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


def tree(time):
    """The power of two that so many tokens are padded to."""
    return 1 << (time - 1).bit_length()


@form(*SCAN)
def blelloch(w, g, u):
    """Up and down a tree: the states before each token, which meet their token behind it."""
    size = n = tree(w.time)
    a = w.pad(w("Exp", g), 0, size - w.time, 1, 3, 1.0)
    x = w.pad(u, 0, size - w.time, 1, 3)
    levels = []
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


def down(w, levels, combine, identity):
    """From what the left halves hold at each level: what is before every leaf."""
    before, n = identity, 1
    for left in reversed(levels):
        after = combine(before, left)
        n *= 2
        pairs = [w("Concat", w.wide(b, 2), w.wide(a, 2), axis=2) for b, a in zip(before, after)]
        before = [w.shape(both, w.batch, n, CHANNELS) for both in pairs]
    return before


def up(w, elements, combine):
    """The left halves at each level, every other one of the one before."""
    levels, n = [], tree(w.time)
    while n > 1:
        left = [w.cut(e, 0, n, 1, 2) for e in elements]
        levels.append(left)
        elements = combine(left, [w.cut(e, 1, n, 1, 2) for e in elements])
        n //= 2
    return levels


def combined(w):
    return lambda x, y: [w("Mul", x[0], y[0]), w("Add", w("Mul", y[0], x[1]), y[1])]


@form(*SCAN, time=16)
def blelloch_pairs(w, g, u):
    """... of a power of two of tokens, with both parts of a pair on the way down."""
    a = w("Exp", g)
    ones, zeros = (np.full((w.batch, 1, CHANNELS), x, np.float32) for x in (1, 0))
    before = down(w, up(w, [a, u], combined(w)), combined(w), [w.constant(ones), w.constant(zeros)])
    return combined(w)(before, [a, u])[1]


@form(*SCAN)
def blelloch_leaves(w, g, u):
    """... met by the tokens where these are padded still."""
    size = tree(w.time)
    a = w.pad(w("Exp", g), 0, size - w.time, 1, 3, 1.0)
    x = w.pad(u, 0, size - w.time, 1, 3)
    ones, zeros = (np.full((w.batch, 1, CHANNELS), x, np.float32) for x in (1, 0))
    before = down(w, up(w, [a, x], combined(w)), combined(w), [w.constant(ones), w.constant(zeros)])
    return w.cut(combined(w)(before, [a, x])[1], 0, w.time, 1)


@form("sums", "ssm.scan", "u")
def blelloch_sums(w, u):
    """Running sums."""
    add = lambda x, y: [w("Add", x[0], y[0])]
    x = w.pad(u, 0, tree(w.time) - w.time, 1, 3)
    zeros = w.constant(np.zeros((w.batch, 1, CHANNELS), np.float32))
    before = down(w, up(w, [x], add), add, [zeros])
    return w("Add", w.cut(before[0], 0, w.time, 1), u)


@form("sums_before", "ssm.scan", "u", time=16)
def blelloch_before(w, u):
    """What is before each token, and nothing else."""
    add = lambda x, y: [w("Add", x[0], y[0])]
    zeros = w.constant(np.zeros((w.batch, 1, CHANNELS), np.float32))
    return down(w, up(w, [u], add), add, [zeros])[0]


@form("sums_before", "ssm.scan", "u")
def exclusive_cumsum(w, u):
    return w.cumsum(u, 1, exclusive=1)


@form("scan_before", "ssm.scan", "g u")
def scan_before(w, g, u):
    """A scan of which each token reads what is before it."""
    return w.pad(w.cut(two_cumsums(w, g, u), 0, w.time - 1, 1), 1, 0, 1, 3)


@form("taps_scan", ["ssm.short_conv", "ssm.scan"], "g u", time=16)
def blelloch_in_place(w, g, u):
    """... in two buffers that every level writes anew, behind a short convolution."""
    u = w("Add", u, w("Mul", w.pad(w.cut(u, 0, w.time - 1, 1), 1, 0, 1, 3), 0.5))
    def put(x, value, first, step):
        rows = np.arange(first, w.time, step)
        y = w("ScatterND", w.turn(x, 1, 0, 2), rows[:, None], w.turn(value, 1, 0, 2))
        return w.turn(y, 1, 0, 2)

    def every(x, first, step):
        return w.cut(x, first, w.time, 1, step)
    a = w("Exp", g)
    pair, step = [a, u], 1
    while step < w.time:
        lows, highs = ([every(e, k * step - 1, 2 * step) for e in pair] for k in (1, 2))
        pair = [put(e, v, 2 * step - 1, 2 * step) for e, v in zip(pair, combined(w)(lows, highs))]
        step *= 2
    pair = [put(e, np.full((w.batch, 1, CHANNELS), x, np.float32), w.time - 1, w.time) for e, x in zip(pair, (1, 0))]
    while step > 1:
        step //= 2
        lows, highs = ([every(e, k * step - 1, 2 * step) for e in pair] for k in (1, 2))
        pair = [put(e, v, step - 1, 2 * step) for e, v in zip(pair, highs)]
        pair = [put(e, v, 2 * step - 1, 2 * step) for e, v in zip(pair, combined(w)(highs, lows))]
    return combined(w)(pair, [a, u])[1]


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

def average_table(w):
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    return np.where(lags >= 0, 0.2 * RATE ** np.maximum(lags, 0), 0).astype(np.float32)


@form("average", "ssm.scan", "u")
def average_matrix(w, u):
    return w("MatMul", average_table(w), u)


@form("average", "ssm.scan", "u")
def average_turned(w, u):
    return w.turn(w("MatMul", w.turn(u, 0, 2, 1), average_table(w).T), 0, 2, 1)


@form("average", "ssm.scan", "u")
def average_einsum(w, u):
    return w("Einsum", average_table(w), u, equation="ts,bsc->btc")


@form("average_back", "ssm.scan", "u")
def average_back(w, u):
    return w("MatMul", average_table(w).T, u)


@form("average_heads", "ssm.scan", "v")
def average_heads(w, v):
    """Another rate for each head."""
    lags = np.subtract.outer(np.arange(w.time), np.arange(w.time))
    decays = np.where(lags >= 0, np.exp(decays_of_heads()[:, None, None] * np.maximum(lags, 0)), 0)
    return w("MatMul", decays.astype(np.float32), v)


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
