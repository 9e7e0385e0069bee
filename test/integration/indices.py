"""Indices out of range in the data: the run fails with a message that names the
node, and the library is as good as before.

indices.py TMP
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
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 3, 4)).astype("f4")
table = rng.standard_normal((5, 2)).astype("f4")


def i8(*values):
    return np.array(values[0] if len(values) == 1 else values, "i8")


LSTM = dict(x=rng.standard_normal((3, 2, 4)).astype("f4"), w=rng.standard_normal((1, 8, 4)).astype("f4"),
            r=rng.standard_normal((1, 8, 2)).astype("f4"), i=np.array([3, 0], "i4"))

# Node, its inputs, input of indices, replacement of its first element, message.
CASES = [
    ("Gather", dict(axis=1), dict(x=x, i=i8([0, -3, 2])), 3, "the range -3 to 2 of axis 1"),
    ("Gather", {}, dict(x=x, i=np.array(1, "i4")), -3, "the range -2 to 1 of axis 0"),
    ("GatherElements", dict(axis=2), dict(x=x, i=rng.integers(-4, 4, (2, 3, 1))), -5, "the range -4 to 3 of axis 2"),
    ("GatherND", {}, dict(x=x, i=i8([1, 2], [-1, -3])), 2, "its data, from axis 0 on"),
    ("GatherND", dict(batch_dims=1), dict(x=x, i=i8([2], [-3])), 3, "the range -3 to 2 of axis 1"),
    ("ScatterElements", dict(axis=2), dict(x=x, i=i8([[[-4]]]), u=x[:1, :1, :1]), 4, "the range -4 to 3 of axis 2"),
    ("ScatterND", {}, dict(x=x, i=i8([1, 2], [0, -3]), u=x[0, :2]), -3, "its data, from axis 0 on"),
    ("LSTM", dict(hidden_size=2), LSTM, 4, "an index in input 4 is outside of the range 0 to 3 of axis 0"),
    ("LSTM", dict(hidden_size=2, direction="reverse"), LSTM, -1, "the range 0 to 3 of axis 0"),
    ("RotaryEmbedding", {}, dict(x=x[None], c=table, s=table, i=i8([0, 4, 1])[None]), -1, "the range 0 to 4 of axis 0"),
]


def ssm_run(lib, arrays, *more):
    np.savez(os.path.join(tmp, "in.npz"), **arrays)
    return subprocess.run(["ssm-run", lib, "--input", f"@{tmp}/in.npz", "--output", f"@{tmp}/out.npz", *more],
                          capture_output=True, text=True)


for dims in ("static", "symbolic"):
    for level in ("-O0", "-O2"):
        for number, (op, attributes, inputs, wrong, message) in enumerate(CASES):
            name = f"{op} {number} {dims} {level}"
            node = helper.make_node(op, list(inputs), ["y"], name=f"the_{op}", **attributes)
            if op == "RotaryEmbedding":
                node.input[:] = ["x", "c", "s", "i"]
            if op == "LSTM":
                node.input[:] = ["x", "w", "r", "", "i"]
            infos = []
            for key, value in inputs.items():
                # A tuple of indices has a length that is known.
                last = value.shape[-1:] if key == "i" and op.endswith("ND") else ()
                shape = [f"{key}{d}" for d in range(value.ndim - len(last))] + list(last)
                infos.append(helper.make_tensor_value_info(
                    key, helper.np_dtype_to_tensor_dtype(value.dtype),
                    shape if dims == "symbolic" and op not in ("RotaryEmbedding", "LSTM") else value.shape))
            graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("y", T.FLOAT, None)])
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
            path, lib = os.path.join(tmp, "m.onnx"), os.path.join(tmp, "m.so")
            onnx.save(model, path)
            compiled = subprocess.run(["ssmc", path, level, "-o", lib], capture_output=True, text=True)
            assert compiled.returncode == 0, (name, compiled)
            good = ssm_run(lib, inputs)
            assert good.returncode == 0, (name, good)
            bad = dict(inputs, i=inputs["i"].copy())
            bad["i"].flat[0] = wrong
            failed = ssm_run(lib, bad)
            assert failed.returncode == 1, (name, failed)
            assert f"node 'the_{op}' ({op}): an index in input" in failed.stderr, (name, failed)
            expected = message if dims == "static" or op == "RotaryEmbedding" else message[message.index("axis"):]
            assert expected in failed.stderr, (name, failed)
            print(name, "ok", flush=True)
