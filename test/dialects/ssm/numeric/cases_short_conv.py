"""The cases of ssm.short_conv and its dense formula."""
import numpy as np

from common import LENGTHS, STORAGE, Case, normal, sigmoid, unknown, wide
from execute import Function


def short_conv(x, w, bias, resets, s0, dilation=1, silu=False, reverse=False):
    x, w, s0 = map(wide, (x, w, s0))
    if reverse:
        x = x[:, ::-1]
        resets = None if resets is None else resets[:, ::-1]
    length, width, tail = x.shape[1], w.shape[1], s0.shape[1]
    known = np.concatenate([s0, x], axis=1)
    # The Toeplitz matrix of every channel, and who sees whom.
    matrix = np.zeros((w.shape[0], length, length + tail))
    sees = np.ones((len(x), length + 1, length + tail), bool)
    for t in range(length):
        for k in range(width):
            matrix[:, t, t + k * dilation] = w[:, k]
    for b, t in [] if resets is None else np.argwhere(resets):
        sees[b, t:, :t + tail] = False
    y = np.einsum("cts,bts,bsc->btc", matrix, sees[:, :-1], known)
    if bias is not None:
        y = y + wide(bias)
    if silu:
        y = y * sigmoid(y)
    known = known * sees[:, -1, :, None]
    return (y[:, ::-1] if reverse else y), known[:, length:]


def cases(rng):
    cases = []
    for dtype, wide_dtype in STORAGE:
        for width, dilation, bias, silu, resets, reverse in [
                (4, 1, 1, 1, 0, 0), (4, 1, 0, 0, 0, 1), (3, 2, 0, 0, 0, 0), (3, 2, 1, 1, 0, 1), (1, 1, 1, 0, 0, 0),
                (2, 5, 0, 1, 0, 0), (4, 1, 1, 1, 1, 0), (3, 2, 0, 0, 1, 1), (1, 1, 0, 0, 1, 0)]:
            for length in LENGTHS:
                b, c = rng.integers(1, 6, 2)
                x, w = normal(rng, dtype, b, length, c), normal(rng, wide_dtype, c, width)
                s = normal(rng, dtype, b, (width - 1) * dilation, c)
                flags = rng.random((b, length)) < 0.3
                ins = [x, w] + [normal(rng, wide_dtype, c)] * bias + [flags] * resets
                y = len(ins)
                text = (("ssm.short_conv activation(silu) " if silu else "ssm.short_conv ")
                        + f"dilation({dilation}) {'reverse' if reverse else ''} "
                        + "ins({0}, {1} : {t0}, {t1}) " + ("bias({2} : {t2}) " if bias else "")
                        + (f"resets({{{y - 1}}} : {{t{y - 1}}}) " if resets else "")
                        + f"outs({{{y}}}, {{{y + 1}}} : {{t{y}}}, {{t{y + 1}}})")
                function = Function(f"conv_{np.dtype(dtype).name}_{width}_{dilation}_{bias}{silu}{resets}{reverse}",
                                    unknown(ins, {(1, 1)}), unknown([x, s], {(1, 1)}), text,
                                    [2, 3, 2] if width > 1 else [])

                def compute(x, w, *rest, bias=bias, dilation=dilation, silu=silu, resets=resets,
                            reverse=reverse):
                    return short_conv(x, w, rest[0] if bias else None, rest[-2] if resets else None, rest[-1],
                                      dilation, silu, reverse)
                axes = [1, None] + [None] * bias + [1] * resets + [1]
                cases.append(Case(function, ins, [x], [s], axes, [bool(reverse)] * len(axes), compute,
                                  () if bias or silu else (0, len(ins))))
    return cases
