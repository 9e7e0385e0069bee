"""The matrix that is drawn is that of the definition: lower triangular, and the
products of a scan's factors below the diagonal."""
import argparse
import os
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../tools/ssm-bench"))
import measure  # noqa: E402
import mixers  # noqa: E402

mixer = mixers.MIXERS["scan"]
options = argparse.Namespace(dims={"B": 1, "L": 6, "D": 2}, type="f32", cpu="host", threads=1)
with tempfile.TemporaryDirectory() as folder:
    matrix = measure.Bench(folder, options, mixer).matrix()
a = mixer.make_inputs(options.dims, np.random.default_rng(1))[0][0, :, 0]
expected = np.array([[np.prod(a[s + 1:t + 1]) if s <= t else 0 for s in range(6)] for t in range(6)])
assert np.abs(matrix - expected).max() < 1e-14, (matrix, expected)
