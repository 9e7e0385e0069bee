"""LSTM and GRU whose steps are one launch, on an emulated device (emulate.py), beside
numpy in double precision: with the batch open and fixed, of more rows than a tile
has, and with less room than there are blocks.
"""
import ctypes
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, *[".."] * 4))
sys.path[:0] = [HERE, os.path.join(ROOT, "test"), os.path.join(ROOT, "benchmarks", "gpu")]
import emulate  # noqa: E402
import execute  # noqa: E402
import lstm  # noqa: E402
from kernel_cases import TYPES, to_bits, values  # noqa: E402
from recurrent_cells import CELLS, module, reference  # noqa: E402

rng = np.random.default_rng(3)
INPUTS = 7


def check(cell, batch, hidden, lengths, rows, side_by_side=0):
    gates = CELLS[cell]
    draw = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32)
    W, R, b = draw(INPUTS, gates * hidden), draw(hidden, gates * hidden) / hidden ** 0.5, draw(2, gates * hidden)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cell.mlir")
        with open(path, "w") as file:
            file.write(module(cell, batch, W, R, b))
        library, text = emulate.build(path, 2, folder)
        assert "ssmrt_launch_together" in text, cell
        ctypes.c_int32.in_dll(library, "emu_side_by_side").value = side_by_side
        weights, _ = execute.weights_of(text)
        # Of inputs, projected ones and outputs there are 4096 rows at most, and no more than the run has.
        for length in (1, 10000):
            needed = library.ssm_forward_workspace((ctypes.c_int64 * 2)(length, rows))
            most = 4 * (min(length * rows, 4096 + rows) * ((gates + 1) * hidden + INPUTS) + 100 * rows * hidden)
            assert needed <= most, f"{cell}, batch {batch}, {length} steps: a workspace of {needed} bytes"
        for length in lengths:
            x = rng.standard_normal((length, rows, INPUTS)).astype(np.float32)
            symbols = [length] + ([rows] if batch is None else [])
            found, _ = execute.call(library, symbols, [x], [("y", np.float32, 3)], weights)
            wanted = reference(cell, x, W, R, b)
            deviation = np.abs(found["y"] - wanted).max(initial=0)
            assert deviation < 2e-6, f"{cell}, batch {batch}, {rows} rows, {length} steps: {deviation}"


def check_half(kind, batch, hidden, length):
    """Weights are inputs, of 16 bits, as the state h is."""
    draw = lambda *shape: rng.uniform(-1, 1, shape)
    given = {"x": draw(length, batch, hidden), "W": draw(hidden, 4 * hidden) / hidden ** 0.5,
             "R": draw(hidden, 4 * hidden) / hidden ** 0.5, "bw": draw(4 * hidden), "br": draw(4 * hidden)}
    bits = {n: to_bits(v, "f32" if n in ("bw", "br") else kind) for n, v in given.items()}
    x, W, R, bw, br = (values(v, "f32" if n in ("bw", "br") else kind) for n, v in bits.items())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cell.mlir")
        with open(path, "w") as file:
            file.write(lstm.text(batch, hidden, kind))
        library, text = emulate.build(path, 2, folder)
        assert "ssmrt_launch_together" in text and "mma.sync" in text, kind
        found, _ = execute.call(library, [length], list(bits.values()), [("y", TYPES[kind][0], 3)], b"")
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    h = c = np.zeros((batch, hidden))
    for t in range(length):
        i, f, z, o = np.split(x[t] @ W + bw + h @ R + br, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
        h = values(to_bits(sigmoid(o) * np.tanh(c), kind), kind)
        deviation = np.abs(values(found["y"][t], kind) - h).max()
        assert deviation < TYPES[kind][1] / 2, f"{kind}, batch {batch}, step {t}: {deviation}"


check("lstm", 5, 20, (1, 6), 5)
check("gru", 1, 21, (4,), 1)
check("gru-before", None, 10, (5,), 3)
check("lstm", None, 20, (1, 3), 9)
check("lstm", 17, 20, (2,), 17, side_by_side=2)
check_half("bf16", 3, 24, 4)
check_half("f16", 40, 16, 3)
print("ok")
