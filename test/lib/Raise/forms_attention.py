"""Softmax attention in the spellings of its exporters."""
import numpy as np

from form import HEADS, KEYS, VALUES, form


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


def rotary_tables(w, width, count=None):
    angles = np.outer(np.arange(count or w.time), 100.0 ** (-np.arange(width // 2) / (width // 2)))
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
    cos, sin = (np.tile(table, (w.batch, 1, 1)) for table in rotary_tables(w, KEYS))
    turn = lambda x: w("RotaryEmbedding", x, cos, sin)
    return attention_where(w, turn(q), turn(k), v)


@form(*ROTARY, opset=23)
def rotary_positions(w, q, k, v):
    """Positions in front of a cache of more of them."""
    cos, sin = rotary_tables(w, KEYS, 2 * w.time)
    positions = np.tile(np.arange(w.time), (w.batch, 1))
    turn = lambda x: w("RotaryEmbedding", x, cos, sin, positions)
    return attention_where(w, turn(q), turn(k), v)


@form(*ROTARY, opset=23)
def rotary_flat(w, q, k, v):
    """Heads side by side."""
    cos, sin = rotary_tables(w, KEYS)

    def turn(x):
        flat = w.shape(w.turn(x, 0, 2, 1, 3), 0, 0, -1)
        flat = w("RotaryEmbedding", flat, cos[None], sin[None], num_heads=HEADS)
        return w.turn(w.shape(flat, 0, 0, HEADS, KEYS), 0, 2, 1, 3)
    return attention_where(w, turn(q), turn(k), v)
