"""LSTM and GRU whose steps are one launch, on an emulated device (emulate.py), beside
numpy in double precision: with the batch open and fixed, of more rows than a tile
has, and with less room than there are blocks.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, *[".."] * 4))
sys.path[:0] = [HERE, os.path.join(ROOT, "test"), os.path.join(ROOT, "benchmarks", "gpu")]
import emulate  # noqa: E402
import lstm  # noqa: E402
from kernel_cases import TYPES, to_bits, values  # noqa: E402
from recurrent_cells import CELLS, module, reference  # noqa: E402

rng = np.random.default_rng(3)
INPUTS = 7


def compiled(folder, text):
    """The file of a model, and its entry."""
    source = pathlib.Path(folder) / "cell.mlir"
    source.write_text(text)
    return pathlib.Path(folder) / "cell.sm_80.so", emulate.compiled(source, folder).entries["forward"]


def workspace(library, sizes):
    said = subprocess.run(["ssm-run", library, "--info", "--json", *[f"--dim={n}={size}" for n, size in sizes]],
                          check=True, capture_output=True, text=True).stdout
    return json.loads(said)["entries"][0]["memory"]["workspace"]


def run(entry, *inputs):
    """The output; one launch computes the steps."""
    before = emulate.launches("together")
    found, = emulate.call(entry, inputs)
    assert emulate.launches("together") == before + len(emulate.SCHEDULES)
    return found


def check(cell, batch, hidden, lengths, rows, processors=4):
    gates = CELLS[cell]
    os.environ["SSMC_EMULATOR_PROCESSORS"] = str(processors)
    draw = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32)
    W, R, b = draw(INPUTS, gates * hidden), draw(hidden, gates * hidden) / hidden ** 0.5, draw(2, gates * hidden)
    with tempfile.TemporaryDirectory() as folder:
        library, entry = compiled(folder, module(cell, batch, W, R, b))
        # Of inputs, projected ones and outputs there are 4096 rows at most, and no more than the run has.
        for length in (1, 10000):
            needed = workspace(library, zip(entry.symbols, (length, rows)))
            most = 4 * (min(length * rows, 4096 + rows) * ((gates + 1) * hidden + INPUTS) + 100 * rows * hidden)
            assert needed <= most, f"{cell}, batch {batch}, {length} steps: a workspace of {needed} bytes"
        for length in lengths:
            x = rng.standard_normal((length, rows, INPUTS)).astype(np.float32)
            wanted = reference(cell, x, W, R, b)
            deviation = np.abs(run(entry, x) - wanted).max(initial=0)
            print(f"{cell}, batch {batch}, {rows} rows, {length} steps: {deviation}")
            assert deviation < 2e-6


def check_half(kind, batch, hidden, length):
    """Weights are inputs, of 16 bits, as the state h is."""
    draw = lambda *shape: rng.uniform(-1, 1, shape)
    given = {"x": draw(length, batch, hidden), "W": draw(hidden, 4 * hidden) / hidden ** 0.5,
             "R": draw(hidden, 4 * hidden) / hidden ** 0.5, "bw": draw(4 * hidden), "br": draw(4 * hidden)}
    bits = {n: to_bits(v, "f32" if n in ("bw", "br") else kind) for n, v in given.items()}
    x, W, R, bw, br = (values(v, "f32" if n in ("bw", "br") else kind) for n, v in bits.items())
    with tempfile.TemporaryDirectory() as folder:
        library, entry = compiled(folder, lstm.text(batch, hidden, kind))
        assert b"mma.sync" in library.read_bytes(), kind
        found = run(entry, *[array.view(value.dtype) for value, array in zip(entry.inputs, bits.values())])
    found = found.view(TYPES[kind][0])
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    h = c = np.zeros((batch, hidden))
    for t in range(length):
        i, f, z, o = np.split(x[t] @ W + bw + h @ R + br, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
        h = values(to_bits(sigmoid(o) * np.tanh(c), kind), kind)
        deviation = np.abs(values(found[t], kind) - h).max()
        assert deviation < TYPES[kind][1] / 2, f"{kind}, batch {batch}, step {t}: {deviation}"


check("lstm", 5, 20, (1, 6), 5)
check("gru", 1, 21, (4,), 1)
check("gru-before", None, 10, (1, 5), 9)
check("lstm", 17, 40, (2,), 17, processors=1)
check_half("bf16", 3, 24, 4)
check_half("f16", 40, 16, 3)
print("ok")
