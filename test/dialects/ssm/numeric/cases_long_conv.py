"""The cases of ssm.long_conv and its dense formula: the matrix of each row and
channel."""
import numpy as np

from common import LENGTHS, STORAGE, Case, normal, unknown, wide
from execute import Function


def long_conv(x, k, ahead=None, state=None, circular=False):
    x, k = wide(x), wide(k)
    batch, length, channels = x.shape
    past = np.zeros((batch, 0, channels)) if state is None else wide(state)
    known = np.concatenate([past, x], axis=1)
    size = past.shape[1]
    matrix = np.zeros((batch, channels, length, size + length))
    for lags, kernel in [(range(len(k[0]) if k.ndim == 3 else len(k)), k),
                         (range(0) if ahead is None else range(ahead.shape[-2]), ahead)]:
        for j in lags:
            lag = -1 - j if kernel is ahead else j
            for t in range(length):
                at = (t - lag) % length if circular else size + t - lag
                if 0 <= at < size + length:
                    matrix[:, :, t, at] += wide(kernel)[..., j, :]
    y = np.einsum("bdts,bsd->btd", matrix, known)
    return (y,) if state is None else (y, known[:, length:])


# Ways an op can be: of kernels for each row, of a past, of what comes later, a
# ring; what the kernel's width is beside the length, and what else is known.
KINDS = [("plain", 0, 0, 0, 0), ("rows", 1, 0, 0, 0), ("both", 0, 0, 1, 0), ("rows_both", 1, 0, 1, 0),
         ("ring", 0, 0, 0, 1), ("rows_ring_both", 1, 0, 1, 1), ("state", 0, 1, 0, 0),
         ("rows_state", 1, 1, 0, 0), ("known_state", 0, 2, 0, 0)]


def cases(rng, lengths=LENGTHS, kinds=KINDS, channels=None):
    cases = []
    for dtype, kernel_dtype in STORAGE:
        for kind, rows, past, later, ring in kinds:
            for length in lengths:
                b = int(rng.integers(1, 4))
                d = int(rng.integers(1, 6)) if channels is None else int(rng.choice(channels))
                # As long as the sequence, one longer, shorter, or longer than two.
                width = 4 if past == 2 else int(rng.choice([0, 1, length, length + 1, length // 2, 2 * length + 3]))
                row = [b] * rows
                x, k = normal(rng, dtype, b, length, d), normal(rng, kernel_dtype, *row, width, d)
                ins, text = [x, k], "ssm.long_conv " + ("circular " if ring else "") + "ins({0}, {1} : {t0}, {t1}) "
                if later:
                    ins.append(normal(rng, kernel_dtype, *row, int(rng.integers(0, length + 4)), d))
                    text += "ahead({2} : {t2}) "
                states = [normal(rng, dtype, b, 3 if past == 2 else max(width - 1, 0) + int(rng.integers(0, 3)), d)]
                states = states[:past > 0]
                n = len(ins)
                text += (f"outs({{{n}}}, {{{n + 1}}} : {{t{n}}}, {{t{n + 1}}})" if past
                         else f"outs({{{n}}} : {{t{n}}})")
                known = {(1, 0)} if past == 2 else ()
                function = Function(f"long_conv_{np.dtype(dtype).name}_{kind}", unknown(ins, known),
                                    unknown([x, *states], {(1, 1)} if past == 2 else ()), text,
                                    [2, 2, 3] if past == 2 else [2, 2])

                def compute(x, k, *rest, later=later, past=past, ring=ring):
                    return long_conv(x, k, rest[0] if later else None, rest[-1] if past else None, bool(ring))
                axes = [1 if past else None] + [None] * (n - 1) + [1 if past else None]
                cases.append(Case(function, ins, [x], states, axes, [False] * (n + 1), compute,
                                  (0, n) if past else (0,)))
    return cases
