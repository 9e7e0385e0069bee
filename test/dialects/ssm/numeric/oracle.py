"""Dense formulas of the ops, in double precision: an output at time t as a sum
over all inputs at times s, with no step from one time to the next."""
import numpy as np


def wide(x):
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def scan(a, b, s0, axis=0, reverse=False):
    a, b = (np.moveaxis(wide(x), axis, 0) for x in (a, b))
    if reverse:
        a, b = a[::-1], b[::-1]
    length = a.shape[0]
    h = np.zeros(a.shape, a.dtype)
    for t in range(length):
        for s in range(t + 1):
            h[t] += np.prod(a[s + 1:t + 1], axis=0) * b[s]
        h[t] += np.prod(a[:t + 1], axis=0) * wide(s0)
    last = h[-1] if length else wide(s0)
    return np.moveaxis(h[::-1] if reverse else h, 0, axis), last


def selective_scan(u, delta, A, B, C, D, z, s0, reverse=False):
    u, delta, A, B, C = map(wide, (u, delta, A, B, C))
    a = np.exp(np.einsum("bld,dn->bldn", delta, A))
    b = np.einsum("bld,bln,bld->bldn", delta, B, u)
    h, last = scan(a, b, s0, 1, reverse)
    y = np.einsum("bln,bldn->bld", C, h)
    if D is not None:
        y = y + wide(D) * u
    if z is not None:
        y = y * wide(z) / (1 + np.exp(-wide(z)))
    return y, last


def short_conv(x, w, bias, s0, dilation=1, silu=False, reverse=False):
    x, w, s0 = map(wide, (x, w, s0))
    if reverse:
        x = x[:, ::-1]
    length, width, tail = x.shape[1], w.shape[1], s0.shape[1]
    known = np.concatenate([s0, x], axis=1)
    # The Toeplitz matrix of every channel.
    matrix = np.zeros((w.shape[0], length, length + tail))
    for t in range(length):
        for k in range(width):
            matrix[:, t, t + k * dilation] = w[:, k]
    y = np.einsum("cts,bsc->btc", matrix, known)
    if bias is not None:
        y = y + wide(bias)
    if silu:
        y = y / (1 + np.exp(-y))
    return (y[:, ::-1] if reverse else y), known[:, length:]


def linear(x, w, bias, residual):
    panels, k, lanes = w.shape
    matrix = wide(w).transpose(1, 0, 2).reshape(k, panels * lanes)
    y = wide(x) @ matrix[:, :bias.shape[0]] + wide(bias)
    return (y / (1 + np.exp(-y)) + wide(residual),)


def gated_recurrence(x, gate, weight, s0, c0):
    """xs: x forward, L x B x D; gate backward, B x L x D. Two states."""
    x, gate, weight, h, c = map(wide, (x, gate, weight, s0, c0))
    ys, length = [], x.shape[0]
    for t in range(length):
        g = 1 / (1 + np.exp(-gate[:, length - 1 - t]))
        c = g * c + (1 - g) * np.tanh(x[t] + h @ weight)
        h = np.tanh(c)
        ys.append(h)
    y = np.stack(ys[::-1], 1) if ys else np.zeros((h.shape[0], 0, h.shape[1]))
    return y, h, c
