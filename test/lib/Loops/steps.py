"""Checks what loops become, and that they compute what ONNX Runtime does.

Every spelling of a loop is raised to the mixer that its step is, and computes the
same; some are compiled with their length and batch free and run at others.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

import make_steps

sys.path.append(str(pathlib.Path(__file__).parent.parent / "Raise"))
from raising import check, failures, raised

PASSES = "onnx-infer-shapes,onnx-loop-to-scan,onnx-fold,onnx-simplify,ssm-raise"
SELECTIVE, SCAN, STEP = "ssm.selective_scan", "ssm.scan", "ssm.recurrence"
SSD, DELTA = "ssm.semiseparable", "ssm.delta_rule"
KEPT, LOOP = "a Scan", "a Loop"
# Step, loop, options: what it becomes.
CASES = [
    ("mamba", "scan", {}, SELECTIVE), ("mamba", "rows", {}, SELECTIVE), ("mamba", "grown", {}, SELECTIVE),
    ("mamba", "counted", {}, SELECTIVE), ("mamba", "unrolled", {}, SELECTIVE),
    ("mamba", "scan", {"reverse": True}, SELECTIVE), ("mamba", "rows", {"reverse": True, "last": False}, SELECTIVE),
    ("mamba", "scan", {"leading": True}, SELECTIVE), ("gated", "unrolled", {}, SCAN), ("gated", "counted", {}, SCAN),
    ("gated", "grown", {"free": True}, SCAN), ("gated", "unrolled", {"reverse": True}, SCAN),
    # Rows that are scattered into a buffer, all of it or not; one that is read stays a state.
    ("mamba", "buffered", {"free": True}, SELECTIVE), ("ssm2", "buffered", {"reverse": True}, SSD),
    ("gated", "buffered", {"ahead": 3}, None), ("gated", "buffered", {"read": True}, SCAN),
    ("prepared", "unrolled", {}, SELECTIVE), ("prepared", "rows", {"free": True}, SELECTIVE),
    ("lerp", "unrolled", {}, SCAN), ("lerp", "rows", {"free": True}, SCAN), ("hgrn", "unrolled", {}, SSD),
    ("hgrn", "counted", {"free": True}, SSD), ("lerp", "unrolled", {"different": 6}, None),
    ("mamba2", "rows", {}, SSD), ("ssm2", "unrolled", {}, SSD), ("ssm2", "counted", {"free": True}, SSD),
    ("ssm3", "unrolled", {}, SSD), ("ssm3", "scan", {}, SSD), ("gla", "unrolled", {}, SSD), ("gla", "grown", {}, SSD),
    ("rwkv7", "unrolled", {}, DELTA), ("rwkv7", "counted", {}, DELTA),
    ("rwkv6", "unrolled", {}, SSD), ("rwkv6", "scan", {"given": True}, SSD), ("rwkv6", "rows", {"free": True}, SSD),
    ("rwkv6", "scan", {"reverse": True}, SSD), ("rwkv6_beside", "unrolled", {"given": True}, SSD),
    ("rwkv5", "unrolled", {}, SSD), ("rwkv5", "scan", {"given": True}, SSD), ("late", "unrolled", {"last": True}, SSD),
    ("rwkv6", "unrolled", {"last": True, "reverse": True}, SSD), ("late", "counted", {}, SSD),
    ("delta", "grown", {}, DELTA), ("delta", "unrolled", {}, DELTA), ("delta", "scan", {"reverse": True}, DELTA),
    ("mlstm", "scan", {}, [SSD, SCAN]), ("mlstm", "unrolled", {}, [SSD, SCAN]),
    # A running maximum that follows from no other state stays a recurrence.
    ("stabilised", "unrolled", {"last": True}, [SSD, SCAN, STEP]), ("stabilised", "scan", {}, [SSD, SCAN]),
    ("stabilised_outside", "unrolled", {}, [SSD, SCAN, STEP]), ("stabilised_outside", "rows", {"free": True}, [SSD, SCAN]),
    ("stabilised", "unrolled", {"different": 5}, None),
    ("lstm", "unrolled", {}, STEP), ("gru", "unrolled", {}, STEP), ("slstm", "unrolled", {}, STEP),
    ("lstm", "rows", {}, KEPT), ("slstm", "counted", {}, KEPT), ("rotation", "scan", {}, KEPT),
    ("rotation", "unrolled", {}, STEP), ("rotation_pairs", "grown", {}, KEPT),
    # Near misses: the gate sees the state, one step differs, the loop may end early, or ends before the sequence.
    ("conditional", "unrolled", {}, STEP), ("conditional", "counted", {}, KEPT),
    ("mamba", "unrolled", {"different": 5}, None), ("gated", "unrolled", {"different": 0}, None),
    ("delta", "unrolled", {"different": 3}, None), ("gla", "unrolled", {"different": 7}, None),
    ("rwkv7", "unrolled", {"different": 4}, None), ("rwkv6", "unrolled", {"different": 11}, None),
    ("early", "unrolled", {}, STEP), ("early", "scan", {}, KEPT),
    ("gated", "counted", {"until": 0.3}, LOOP),
    ("gated", "rows", {"short": 3}, None),
]
COMPILED = [("mamba", "grown", {"free": True}), ("gated", "counted", {"free": True, "last": False}),
            ("lstm", "rows", {"free": True}), ("mamba", "unrolled", {}), ("conditional", "rows", {"free": True}),
            ("delta", "unrolled", {}), ("ssm2", "rows", {"free": True, "reverse": True}), ("slstm", "unrolled", {}),
            ("rwkv6", "unrolled", {}), ("stabilised", "rows", {"free": True}), ("rwkv5", "rows", {"free": True, "given": True})]


def feed(model, folder, batch, time, width):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    inputs = {"x": random.uniform(-1, 1, (batch, time, width)).astype(np.float32)}
    for info in session.get_inputs()[1:]:
        inputs[info.name] = random.uniform(-1, 1, (batch, *info.shape[1:])).astype(np.float32)
    names = [info.name for info in session.get_outputs()]
    out = folder / "feed.npz"
    np.savez(out, **inputs, **dict(zip(names, session.run(None, inputs))))
    return [a for name in inputs for a in ("--input", f"{name}=@{out}:{name}")] + [
        a for name in names for a in ("--expect", f"{name}=@{out}:{name}")]


def run(what, *command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    check(done.returncode == 0, *what, command, done.stdout, done.stderr)


def main(folder):
    path = folder / "model.onnx"
    for step, loop, options, op in CASES:
        model = make_steps.build(step, loop, **options)
        onnx.save(model, path)
        found, report, _ = raised(path, passes=PASSES)
        wanted = op if isinstance(op, list) else [op] if op and op.startswith("ssm.") else []
        check(found == wanted, step, loop, options, "is raised to", found, report)
        check(op != KEPT or "a Scan of the model" in report, step, loop, options, "is no Scan:", report)
        check(op != LOOP or not report, step, loop, options, "is no Loop:", report)
        run((step, loop, options), "ssm-eval", path, f"--passes={PASSES}", *feed(model, folder, 2, 12, 8))
    for step, loop, options in COMPILED:
        onnx.save(make_steps.build(step, loop, **options), path)
        library = folder / "model.so"
        run((step, loop), "ssmc", path, "-o", library, "--dim=x:0=B",
            *(["--dim=start0:0=B"] if options.get("given") else []),
            *([] if options.get("free") else ["--dim=x:1=L"]))
        for batch, time in ((2, 12), (3, 5), (1, 33)):
            model = make_steps.build(step, loop, batch=batch, time=time, **options)
            run((step, loop, batch, time), "ssm-run", library, *feed(model, folder, batch, time, 8))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(pathlib.Path(temporary))
    sys.exit(1 if failures else 0)
