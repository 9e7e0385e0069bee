"""Mixers in double precision, forwards, as recurrences. A state is a product with
what each step makes of it, plus what each adds: S[t] = T[t] S[t-1] + U[t], so
that long sequences are computed as many short ones at once, put together."""
import math

import numpy as np


def affine(T, U, start, resets=None, apply=np.multiply):
    """All S[t], t along the first axis; resets are B x L. `apply` is T times S, and
    of T a product of steps."""
    length = len(U)
    if length <= 4096 or resets is not None:
        states, s = np.empty(U.shape), start
        for t in range(length):
            if resets is not None:
                s = np.where(resets[:, t].reshape(-1, *[1] * (U.ndim - 2)), 0, s)
            s = states[t] = apply(T[t], s) + U[t]
        return states
    # Blocks from zero, all at the same time, and what each makes of its start.
    size = math.isqrt(length)
    blocks = -(-length // size)
    rest = blocks * size - length
    T, U = (np.concatenate([x, np.zeros((rest, *x.shape[1:]))]).reshape(blocks, size, *x.shape[1:]) for x in (T, U))
    states, power = np.empty(U.shape), np.empty(T.shape)
    states[:, 0], power[:, 0] = U[:, 0], T[:, 0]
    for t in range(1, size):
        states[:, t] = apply(T[:, t], states[:, t - 1]) + U[:, t]
        power[:, t] = apply(T[:, t], power[:, t - 1])
    for b in range(blocks):
        states[b] += apply(power[b], np.broadcast_to(start, states[b].shape))
        start = states[b, -1]
    return states.reshape(blocks * size, *U.shape[2:])[:length]


def timed(x):
    return np.moveaxis(np.asarray(x, np.float64), 1, 0)


def result(y, states, start):
    return np.moveaxis(y, 0, 1), states[-1] if len(states) else np.asarray(start, np.float64)


def scan(a, b, state, resets=None):
    states = affine(timed(a), timed(b), state, resets)
    return result(states, states, state)


def selective_scan(u, delta, A, B, C, state, D=None, z=None, resets=None):
    u, delta, B, C = map(timed, (u, delta, B, C))
    decay = np.exp(delta[..., None] * np.float64(A))
    states = affine(decay, (delta * u)[..., None] * B[:, :, None], state, resets)
    y = np.einsum("lbn,lbdn->lbd", C, states)
    if D is not None:
        y += np.float64(D) * u
    if z is not None:
        z = timed(z)
        with np.errstate(over="ignore"):
            y *= z / (1 + np.exp(-z))
    return result(y, states, state)


def short_conv(x, w, state, bias=None, silu=False, dilation=1, resets=None):
    length, taps = x.shape[1], w.shape[1]
    seen = np.concatenate([state, x], 1).astype(np.float64)
    y, tail = np.zeros(x.shape), seen[:, length:].copy()
    before = np.zeros(x.shape[:2], int) if resets is None else np.cumsum(resets, 1)
    of = np.concatenate([np.zeros((len(x), state.shape[1]), int), before], 1)
    for j in range(taps):
        at = slice(j * dilation, j * dilation + length)
        y += np.float64(w[:, j]) * np.where((of[:, at] == before)[..., None], seen[:, at], 0)
    if length:
        tail[of[:, length:] != before[:, -1:]] = 0
    y = y if bias is None else y + bias
    with np.errstate(over="ignore"):
        return (y / (1 + np.exp(-y)) if silu else y), tail


def decays(g, length):
    """The decay of each token, as it multiplies a state: L x B x H x N x P."""
    if g is None:
        return np.ones((length, 1, 1, 1, 1))
    g = np.exp(np.float64(g))
    if g.ndim < 3:
        return np.broadcast_to(g.reshape(1, 1, len(g), -1, 1), (length, 1, len(g), g.size // len(g), 1))
    return np.moveaxis(g.reshape(*g.shape[:3], -1, 1), 1, 0)


def spread(x, heads):
    return np.repeat(x, heads // x.shape[2], 2)


def read(q, states):
    heads = max(q.shape[2], states.shape[2])
    return np.einsum("lbhn,lbhnp->lbhp", spread(q, heads), spread(states, heads))


def outer(k, v):
    return k[..., None] * v[..., None, :]


def semiseparable(q, k, v, state, decay=None, resets=None):
    q, k, v = map(timed, (q, k, v))
    add = outer(spread(k, v.shape[2]), v)
    keep = np.broadcast_to(decays(decay, len(q)), (*add.shape[:4], 1))
    states = affine(keep, add, np.float64(state), resets)
    return result(read(q, states), states, state)


def delta_rule(q, k, v, state, beta=None, a=None, b=None, decay=None, resets=None):
    q, k, v = map(timed, (q, k, v))
    heads, eye = v.shape[2], np.eye(k.shape[3])
    k = spread(k, heads)
    D = np.broadcast_to(decays(decay, len(q)), (*k.shape, 1))
    if beta is not None:
        rate = timed(beta)[..., None]
        T, U = (eye - outer(rate * k, k)) * np.swapaxes(D, -1, -2), outer(k, rate * v)
    else:
        a, b = (spread(timed(x), heads) for x in (a, b))
        T, U = eye * D + outer(b, a), outer(k, v)
    states = affine(T, U, np.float64(state), resets, np.matmul)
    return result(read(q, states), states, state)


def quasiseparable(qf, kf, qb, kb, v, gf=None, gb=None, diagonal=None, resets=None):
    """A state of each direction, read a token later."""
    def strict(q, k, g, begins):
        zero = np.zeros((v.shape[0], v.shape[2], k.shape[3], v.shape[3]))
        q, k, x = map(timed, (q, k, v))
        add = outer(spread(k, x.shape[2]), x)
        keep = np.broadcast_to(decays(g, len(q)), (*add.shape[:4], 1))
        states = affine(keep, add, zero, begins)
        before = np.concatenate([zero[None], states[:-1]])
        if begins is not None:
            before = np.where(np.moveaxis(begins, 1, 0)[..., None, None, None], 0, before)
        return np.moveaxis(read(q, before), 0, 1)

    def back(x):
        return x if x is None or x.ndim < 3 else x[:, ::-1]
    ends = None
    if resets is not None:
        # Backwards a sequence begins where, forwards, the next one did.
        ends = np.concatenate([resets[:, 1:], np.zeros((len(resets), 1), bool)], 1)[:, ::-1]
    y = strict(qf, kf, gf, resets)
    forwards, v = v, v[:, ::-1]
    y = y + strict(back(qb), back(kb), back(gb), ends)[:, ::-1]
    if diagonal is not None:
        own = np.float64(diagonal)[..., None] * forwards
        y = y + np.repeat(own, y.shape[2] // own.shape[2], 2)
    return y,
