"""Compiles an ONNX file, runs it, and compares it with ONNX Runtime on random
inputs."""
import json
import subprocess

import numpy as np
import onnxruntime


def peer_outputs(path, seed=0, **extents):
    """Arrays named in:NAME and out:NAME: inputs by chance, ONNX Runtime's outputs.
    Integers are token ids below 32; `extents` are those of symbolic dimensions."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    random, feed = np.random.default_rng(seed), {}
    for info in session.get_inputs():
        shape = [extents.get(extent, extent) for extent in info.shape]
        feed[info.name] = random.integers(0, 32, shape) if "int" in info.type else \
            random.normal(0, 1, shape).astype(np.float32)
    names = [info.name for info in session.get_outputs()]
    outputs = session.run(names, feed)
    return {"in:" + n: v for n, v in feed.items()} | {"out:" + n: v for n, v in zip(names, outputs)}


def compile_model(path, folder, *options):
    """The artifact and the entries of its report; fails with ssmc's messages."""
    library, report = folder / (path.stem + ".so"), folder / (path.stem + ".json")
    done = subprocess.run(["ssmc", str(path), "-o", str(library), f"--report={report}", *options],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ssmc {path.name} {' '.join(options)}: {done.stderr}")
    return library, json.loads(report.read_text())["raise"]


def run_model(library, stored, folder, *options):
    """Runs the artifact on `stored`, as peer_outputs gives it; says what differs."""
    feed = folder / "feed.npz"
    np.savez(feed, **stored)
    command = ["ssm-run", str(library), *options]
    for key in stored:
        kind, name = key.split(":", 1)
        command += ["--input" if kind == "in" else "--expect", f"{name}=@{feed}:{key}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr
