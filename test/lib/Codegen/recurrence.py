"""LSTM and GRU with constant weights, whose input projections are hoisted and whose
products are packed, against numpy in double precision: with the batch open and
fixed, at lengths around a block of time."""
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "blocks"))
from block import Block, compare  # noqa: E402
from recurrent_cells import CELLS, module, reference  # noqa: E402

INPUTS, HIDDEN = 7, 20
rng = np.random.default_rng(3)

for cell, gates in CELLS.items():
    draw = lambda *shape: (rng.uniform(-1, 1, shape)).astype(np.float32)
    W, R, b = draw(INPUTS, gates * HIDDEN), draw(HIDDEN, gates * HIDDEN), draw(2, gates * HIDDEN)
    for batch, lengths in ((None, (1, 32, 33)), (5, (1, 6, 13))):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "cell.mlir"
            source.write_text(module(cell, batch, W, R, b))
            block = Block(source, 2, folder)
            for length in lengths:
                x = rng.standard_normal((length, batch or 3, INPUTS)).astype(np.float32)
                compare(f"{cell}, batch {batch}, {length} steps", block(x=x)["y"], reference(cell, x, W, R, b))
print("ok")
