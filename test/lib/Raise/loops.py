"""Checks that unrolled recurrences become loops, and run at other sizes.

What a graph of 12 tokens and a batch of 2 is compiled to is compared with what
ONNX Runtime computes from the same loop unrolled to other sizes.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

import make_loops
from raising import check, failures, raised

EXPECTED = {
    "elman": "ssm.recurrence", "lstm": "ssm.recurrence", "backward": "ssm.recurrence",
    "inside": "ssm.recurrence", "average": "ssm.scan", "sums": "ssm.scan",
    "scalar": "ssm.selective_scan", "selective": "ssm.selective_scan", "unread": "ssm.scan",
    # Near misses are kept.
    "odd": None, "skipping": None,
}
COMPILED = {"lstm", "backward", "inside", "average", "scalar"}


def feed(path, folder):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (info,) = session.get_inputs()
    x = np.random.default_rng(0).normal(size=info.shape).astype(np.float32)
    out = folder / "feed.npz"
    np.savez(out, x=x, y=session.run(None, {"x": x})[0])
    return ["--input", f"x=@{out}:x", "--expect", f"y=@{out}:y"]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    check(done.returncode == 0, command, done.stdout, done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    for name, op in EXPECTED.items():
        path = folder / f"{name}.onnx"
        onnx.save(make_loops.build(name), path)
        found, report, _ = raised(path)
        check(found == ([op] if op else []), name, "is raised to", found, report)
        check(op or "reason = " in report, name, "has no reason in", report)
        if name not in COMPILED:
            run("ssm-eval", path, "--passes=onnx-infer-shapes,onnx-fold,ssm-raise", *feed(path, folder))
            continue
        library = folder / f"{name}.so"
        run("ssmc", path, "-o", library, "--dim", "x:0=B", "--dim", "x:1=L")
        for batch, time in ((2, 12), (3, 5), (1, 40)):
            onnx.save(make_loops.build(name, batch=batch, time=time), path)
            run("ssm-run", library, *feed(path, folder))
sys.exit(1 if failures else 0)
