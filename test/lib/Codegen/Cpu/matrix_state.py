"""What the tests of the kernels with a matrix state share."""
import sys

import numpy as np
from kernel_harness import check


def decay_shape(rank, heads, n):
    return {1: [heads], 2: [heads, n], 3: ["?", "?", heads], 4: ["?", "?", heads, n]}[rank]


def decay_at(decay, t):
    """The log decays of token t, as they multiply a state of B x H x N x P."""
    g = np.asarray(decay, np.float64)
    return {1: lambda: g[:, None, None], 2: lambda: g[..., None],
            3: lambda: g[:, t, :, None, None], 4: lambda: g[:, t, ..., None]}[g.ndim]()


def tokens(heads, inner):
    """The type of a value of B x L x heads x inner, part of a wider buffer."""
    return f"memref<?x?x{heads}x{inner}xf32, strided<[?, ?, ?, 1], offset: ?>>"


def decay_type(rank, heads, n):
    return f"memref<{'x'.join(map(str, decay_shape(rank, heads, n)))}xf32>"


def function(name, op, types, groups):
    """A function that applies `op` to groups of its arguments, pairs of a keyword
    and the names of arguments."""
    refs = lambda names: (", ".join("%" + a for a in names) + " : "
                          + ", ".join(types[a] for a in names))
    operands = " ".join(f"{keyword}({refs(names)})" for keyword, names in groups)
    return f"""
func.func @{name}({", ".join(f"%{a}: {t}" for a, t in types.items())}) attributes {{llvm.emit_c_interface}} {{
  {op} {operands}
  return
}}"""


def random_decay(rng, rank, heads, n, batch, length, strength):
    shape = [{0: batch, 1: length}[i] if s == "?" else s
             for i, s in enumerate(decay_shape(rank, heads, n))]
    return (-strength * rng.random(shape) ** 4).astype(np.float32)


def check_both(where, found, want, tolerance):
    """Output and state, and that nothing was written beside a strided output."""
    (y, state), (want_y, want_state) = found, want
    check("y of " + where, y, want_y, tolerance)
    check("state of " + where, state, want_state, tolerance)
    if not np.isnan(y.base[..., :2]).all() or not np.isnan(y.base[..., -3:]).all():
        sys.exit("wrote beyond the columns: " + where)


def check_dropped(run, expected, arrays, tolerance):
    """After a reset, a state of infinities is as one of zeros. The last of the
    arrays is the state."""
    arrays[-1][:] = np.inf
    y, state = run(arrays)
    assert np.isfinite(y).all() and np.isfinite(state).all(), "infinities survive a reset"
    check_both("a reset", (y, state), expected(arrays[:-1] + [np.zeros_like(arrays[-1])]), tolerance)


def check_pieces(run, arrays, length, cuts, tolerance):
    """prefill(a) then continue(b) = run(a + b), also where the pieces cut blocks.
    The last of the arrays is the state."""
    whole, state = run(arrays)
    parts, last = [], arrays[-1]
    for first, end in zip([0, *cuts], [*cuts, length]):
        piece = [a[:, first:end] if a.ndim > 1 and a.shape[1] == length else a for a in arrays[:-1]]
        y, last = run(piece + [last])
        parts.append(y)
    check("pieces", np.concatenate(parts, 1), whole, tolerance)
    check("state of pieces", last, state, tolerance)
