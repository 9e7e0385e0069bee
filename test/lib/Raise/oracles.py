"""What the mixers of form.py compute, token by token, in double precision.

Operands are [batch, time, ...]; results are as the forms give them: sequences
of heads have their heads in front of their tokens.
"""
import numpy as np

from form import HEADS, KEYS, RATE, decays_of_heads
from forms_conv import AHEAD, KERNEL, WAVES


def scan(g, u, reverse=False):
    h, hs = 0, np.empty_like(u)
    for t in reversed(range(u.shape[1])) if reverse else range(u.shape[1]):
        hs[:, t] = h = np.exp(g[:, t]) * h + u[:, t]
    return hs


def log_scan(g, u):
    drive = np.exp(u)
    drive[:, 0] += 0.5 * np.exp(g[:, 0])
    return scan(g, drive)


def epsilon_scan(g, u):
    grown = np.exp(np.cumsum(g, 1))
    return np.cumsum(u / (grown + np.float32(1e-12)), 1) * grown


def both_sum(g, u, g2, u2):
    return scan(g, u) + scan(g2, u2, True)


def both_concat(g, u, g2, u2):
    return np.concatenate([scan(g, u), scan(g2, u2, True)], -1)


def average(u):
    return scan(np.full_like(u, np.log(RATE)), 0.2 * u)


def average_heads(v):
    return np.swapaxes(scan(np.broadcast_to(decays_of_heads()[:, None], v.shape), v), 1, 2)


def convolution(u, kernel=KERNEL, ahead=(), ring=False):
    """Kernels are [lag, channel] or have a batch in front."""
    time, y = u.shape[1], np.zeros_like(u)
    for lag, column in enumerate(np.moveaxis(np.asarray(kernel, float), -2, 0)):
        moved = np.roll(u, lag, 1)
        moved[:, :0 if ring else lag] = 0
        y += moved * np.expand_dims(column, -2)
    for lag, row in enumerate(ahead, 1):
        y[:, :time - lag] += u[:, lag:] * row if lag < time else 0
    return y


def late(x):
    """What is before each token."""
    return np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], 1)


def prefix_mean(u):
    return np.cumsum(u, 1) / np.arange(1, u.shape[1] + 1)[:, None]


def states(q, k, v, g=None, beta=None, norm=None, reverse=False, exclusive=False):
    """[batch, head, time, value]; g is of heads or of keys."""
    batch, time, heads, keys = k.shape
    s, ys = np.zeros((batch, heads, keys, v.shape[-1])), np.zeros((batch, time, heads, v.shape[-1]))
    z = np.zeros((batch, heads, keys))
    for t in reversed(range(time)) if reverse else range(time):
        if exclusive:
            ys[:, t] = 0
        if g is not None:
            s = s * np.exp(g[:, t] if g.ndim == 4 else g[:, t, :, None])[..., None]
        row = v[:, t]
        if beta is not None:
            row = (row - np.einsum("bhn,bhnp->bhp", k[:, t], s)) * beta[:, t, :, None]
        s = s + np.einsum("bhn,bhp->bhnp", k[:, t], row)
        z = z + k[:, t]
        y = np.einsum("bhn,bhnp->bhp", q[:, t], s)
        if norm is not None:
            y = y / ((q[:, t] * z).sum(-1, keepdims=True) + norm)
        ys[:, t] = y
    return np.swapaxes(ys, 1, 2)


def retention(q, k, v):
    return states(q, k, v, np.broadcast_to(decays_of_heads(), (*q.shape[:2], HEADS)))


def quasiseparable(q, k, v, h, q2, k2, h2, s):
    forward, backward = states(q, k, v, h), states(q2, k2, v, h2, reverse=True)
    y = np.swapaxes(v * s[..., None], 1, 2)
    y[:, :, 1:] += forward[:, :, :-1]
    y[:, :, :-1] += backward[:, :, 1:]
    return y


def both_states(q, k, v, h, q2=None, k2=None, h2=None):
    """Along time, and against it."""
    if q2 is None:
        q2, k2, h2 = q, k, h
    return states(q, k, v, h), states(q2, k2, v, h2, reverse=True)


def both_triangles(q, k, v, h):
    total = np.swapaxes(np.cumsum(h, 1), 1, 2)
    lags = np.abs(total[..., :, None] - total[..., None, :])
    decays = np.exp(-lags) * (1 - np.eye(h.shape[1]))
    return np.einsum("bthn,bshn,bhts,bshp->bhtp", q, k, decays, v)


def mlstm(q, k, v, i, f):
    batch, time, heads, keys = k.shape
    c, n, m = np.zeros((batch, heads, keys, v.shape[-1])), np.zeros((batch, heads, keys)), np.full((batch, heads), -np.inf)
    ys = np.zeros((batch, time, heads, v.shape[-1]))
    for t in range(time):
        before, m = m, np.maximum(f[:, t] + m, i[:, t])
        keep, own = np.exp(f[:, t] + before - m)[..., None], np.exp(i[:, t] - m)[..., None]
        n = keep * n + own * k[:, t]
        c = keep[..., None] * c + np.einsum("bhn,bhp->bhnp", own * k[:, t], v[:, t])
        query = q[:, t] * keys ** -0.5
        norm = np.maximum(np.abs((query * n).sum(-1)), np.exp(-m)) + np.float32(1e-6)
        ys[:, t] = np.einsum("bhn,bhnp->bhp", query, c) / norm[..., None]
    return np.swapaxes(ys, 1, 2)


def attention(q, k, v, seen, bias=None, scale=KEYS ** -0.5):
    group = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, group, 2), np.repeat(v, group, 2)
    at = np.arange(q.shape[1])
    scores = np.einsum("bthn,bshn->bhts", q, k) * scale
    lag = at[:, None] - at
    scores = np.where(seen(lag), scores if bias is None else scores + bias(lag), -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhts,bshp->bhtp", e / e.sum(-1, keepdims=True), v)


def causal(q, k, v, **options):
    return attention(q, k, v, lambda lag: lag >= 0, **options)


def rotary(q, k, v):
    angles = np.outer(np.arange(q.shape[1]), 100.0 ** (-np.arange(KEYS // 2) / (KEYS // 2)))[:, None]

    def turn(x):
        a, b = np.split(x, 2, -1)
        return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], -1)
    return causal(turn(q), turn(k), v)


ORACLES = {
    "scan": scan, "positive_scan": scan, "log_scan": log_scan, "epsilon_scan": epsilon_scan,
    "reverse_scan": lambda g, u: scan(g, u, True), "both_sum": both_sum, "both_concat": both_concat,
    "both_shared": lambda g, u: both_sum(g, u, g, u),
    "scan_before": lambda g, u: late(scan(g, u)), "taps_scan": lambda g, u: scan(g, u + 0.5 * late(u)),
    "sums": lambda u: np.cumsum(u, 1), "sums_before": lambda u: late(np.cumsum(u, 1)),
    "convolution": convolution, "ring": lambda u: convolution(u, ring=True),
    "both_ways": lambda u: convolution(u, ahead=AHEAD),
    "waves": lambda u: convolution(u, WAVES(np.arange(u.shape[1])[:, None])), "kernel_of_data": convolution,
    "average": average, "average_heads": average_heads,
    "average_back": lambda u: scan(np.full_like(u, np.log(RATE)), 0.2 * u, True), "prefix_mean": prefix_mean, "linear": states,
    "normalised": lambda q, k, v: states(q, k, v, norm=0),
    "normalised_epsilon": lambda q, k, v: states(q, k, v, norm=np.float32(1e-3)),
    "mlstm": mlstm, "retention": retention, "ssd": states, "gla": states, "quasiseparable": quasiseparable,
    "both_states": lambda *operands: sum(both_states(*operands)),
    "both_states_apart": lambda *operands: 0.25 * sum(both_states(*operands)), "both_triangles": both_triangles,
    "both_states_beside": lambda *operands: np.concatenate(both_states(*operands), -1),
    "delta": lambda q, k, v, b: states(q, k, v, beta=b), "gated_delta": states,
    "causal": causal, "groups": causal, "one_key_head": causal, "rotary": rotary,
    "full": lambda q, k, v: attention(q, k, v, lambda lag: lag == lag),
    "window": lambda q, k, v: attention(q, k, v, lambda lag: (lag >= 0) & (lag < 5)),
    "alibi": lambda q, k, v: causal(
        q, k, v, bias=lambda lag: -(2.0 ** -(1 + np.arange(HEADS))[:, None, None]) * lag),
    "head_scale": lambda q, k, v: causal(q, k, v, scale=np.linspace(0.3, 0.7, HEADS)[:, None, None]),
}
