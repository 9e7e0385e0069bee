"""Compares com.microsoft's gates around LinearAttention with ONNX Runtime.

A block as Qwen3.5's exporter writes it, with more heads of values than of keys, at
several lengths and batches from one artifact.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

KEYS, HEADS, N, P, WIDTH = 2, 4, 3, 5, 8


def build(activation):
    random = np.random.default_rng(0)
    weights, nodes = [], []

    def weight(name, *shape, scale=0.5):
        weights.append(numpy_helper.from_array(random.normal(0, scale, shape).astype(np.float32), name))
        return name

    def node(op, inputs, outputs, domain="", **attributes):
        nodes.append(helper.make_node(op, inputs, outputs, domain=domain, **attributes))

    for name, width in (("q", KEYS * N), ("k", KEYS * N), ("v", HEADS * P), ("a", HEADS), ("b", HEADS),
                        ("z", HEADS * P)):
        node("MatMul", ["x", weight("w" + name, WIDTH, width)], [name])
    node("LinearAttentionGate", ["a", weight("bias", HEADS), weight("rate", HEADS), "b"], ["decay_", "beta"],
         "com.microsoft")
    node("Abs", ["decay_"], ["positive"])
    node("Neg", ["positive"], ["decay"])
    node("LinearAttention", ["q", "k", "v", "", "decay", "beta"], ["o", "state"], "com.microsoft",
         update_rule="gated_delta", q_num_heads=KEYS, kv_num_heads=HEADS, scale=0.7)
    node("GatedRMSNorm", ["o", weight("norm", P), "z"], ["y"], "com.microsoft", epsilon=1e-3,
         **({"activation": activation} if activation else {}))
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
             (("x", ["B", "L", WIDTH]), ("y", None), ("state", None))]
    graph = helper.make_graph(nodes, "gates", infos[:1], infos[1:], weights)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}\n{done.stderr}")


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    for activation in (None, "sigmoid"):
        onnx.save(build(activation), folder / "gates.onnx")
        run("ssmc", folder / "gates.onnx", "-o", folder / "gates.so")
        session = onnxruntime.InferenceSession(str(folder / "gates.onnx"), providers=["CPUExecutionProvider"])
        for batch, time in ((1, 1), (2, 7), (3, 20)):
            x = np.random.default_rng(time).normal(size=(batch, time, WIDTH)).astype(np.float32)
            y, state = session.run(None, {"x": x})
            np.savez(folder / "feed.npz", x=x, y=y, state=state)
            run("ssm-run", folder / "gates.so", "--input", f"x=@{folder}/feed.npz:x",
                "--expect", f"y=@{folder}/feed.npz:y", "--expect", f"state=@{folder}/feed.npz:state")
