"""ONNX Runtime's fused normalisations against their formulas in numpy, compiled
for any batch and length and run at two sizes.

    fused_norms.py TMP
"""
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper

tmp = sys.argv[1]
os.makedirs(tmp, exist_ok=True)
WIDTH = 24
rng = np.random.default_rng(0)
vectors = {name: rng.standard_normal(WIDTH).astype("f4") for name in ("gamma", "beta", "bias")}


def normalise(x, centred, epsilon, gamma, beta=0.0):
    """The result, the mean and one over the standard deviation, in double precision."""
    x = x.astype("f8")
    mean = x.mean(-1, keepdims=True)
    if centred:
        x = x - mean
    scale = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon)
    return x * scale * gamma + beta, mean, scale


# Operator, its domain, inputs, outputs ("" is one that is left out).
SKIP, RMS = "SkipLayerNormalization", "SkipSimplifiedLayerNormalization"
CASES = [
    ("SimplifiedLayerNormalization", "", ["x", "gamma"], ["y"]),
    ("SimplifiedLayerNormalization", "", ["x", "gamma"], ["y", "scale"]),
    (SKIP, "com.microsoft", ["x", "skip", "gamma"], ["y"]),
    (SKIP, "com.microsoft", ["x", "skip", "gamma", "beta"], ["y", "", "", "sum"]),
    (SKIP, "com.microsoft", ["x", "skip", "gamma", "beta", "bias"], ["y", "mean", "scale", "sum"]),
    (SKIP, "com.microsoft", ["x", "skip", "gamma", "", "bias"], ["y"]),
    (RMS, "com.microsoft", ["x", "skip", "gamma"], ["y", "", "", "sum"]),
    (RMS, "com.microsoft", ["x", "skip", "gamma", "bias"], ["y", "", "scale", "sum"]),
]

for op, domain, inputs, outputs in CASES:
    for epsilon in (None, 0.25):
        node = helper.make_node(op, inputs, outputs, name="norm", domain=domain,
                                **({} if epsilon is None else {"epsilon": epsilon}))
        given = [helper.make_tensor_value_info(n, T.FLOAT, ["B", "L", WIDTH]) for n in inputs if n in ("x", "skip")]
        constants = [onnx.numpy_helper.from_array(vectors[n], n) for n in inputs if n in vectors]
        results = [helper.make_tensor_value_info(n, T.FLOAT, ["B", "L", 1 if n in ("mean", "scale") else WIDTH])
                   for n in outputs if n]
        graph = helper.make_graph([node], "g", given, results, constants)
        model = helper.make_model(graph, ir_version=10, opset_imports=[
            helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)])
        onnx.save(model, f"{tmp}/m.onnx")
        for level in ("-O0", "-O2"):
            subprocess.run(["ssmc", f"{tmp}/m.onnx", level, "-o", f"{tmp}/m.so"], check=True)
            for batch, length in ((2, 5), (1, 1)):
                feeds = {v.name: rng.standard_normal((batch, length, WIDTH)).astype("f4") for v in given}
                total = feeds["x"].astype("f8") + feeds.get("skip", 0)
                if "bias" in inputs:
                    total = total + vectors["bias"]
                centred = "Simplified" not in op
                default = 1e-12 if "Skip" in op else 1e-5
                y, mean, scale = normalise(total, centred, default if epsilon is None else epsilon, vectors["gamma"],
                                           vectors["beta"] if "beta" in inputs else 0.0)
                want = {"y": y, "mean": mean, "scale": scale, "sum": total}
                np.savez(f"{tmp}/in.npz", **feeds)
                np.savez(f"{tmp}/want.npz", **{n: want[n].astype("f4") for n in outputs if n})
                run = subprocess.run(["ssm-run", f"{tmp}/m.so", "--input", f"@{tmp}/in.npz",
                                      "--expect", f"@{tmp}/want.npz", "--atol=2e-5"], capture_output=True, text=True)
                assert run.returncode == 0, (op, inputs, outputs, epsilon, level, batch, run)
print(len(CASES), "forms right")
