"""A whole model on an emulated device (emulate.py), beside its stored logits.

    model.py FILE.onnx FEEDS.npz
"""
import os
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emulate  # noqa: E402

model, feeds = sys.argv[1], np.load(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    entry = emulate.compiled(model, folder, "sm_80", "--dim=input_ids:0=B", "--dim=input_ids:1=L").entries["forward"]
    for length in (feeds["input_ids"].shape[1], 1):
        before = emulate.launches()
        found, = emulate.call(entry, [np.ascontiguousarray(feeds["input_ids"][:, :length])])
        wanted = feeds["logits"][:, :length]
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        print(f"{length} tokens: error {error:.2e}, launches {(emulate.launches() - before) // len(emulate.SCHEDULES)}")
        assert error < 1e-5
print("ok")
