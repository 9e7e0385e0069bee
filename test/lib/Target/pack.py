"""Packed weights: what lies in the library is numpy's idea of linalg.pack."""
import os
import subprocess
import sys

import numpy as np

tmp = sys.argv[1]
os.makedirs(tmp, exist_ok=True)
rng = np.random.default_rng(1)


def pack(a, inner_dims_pos, inner_tiles, outer_dims_perm):
    pads = [(0, 0)] * a.ndim
    for d, t in zip(inner_dims_pos, inner_tiles):
        pads[d] = (0, -a.shape[d] % t)
    a = np.pad(a, pads)
    # Split each tiled dimension in two, then move the inner parts to the end.
    shape, outer, inner = [], [], {}
    for d in range(a.ndim):
        outer.append(len(shape))
        if d in inner_dims_pos:
            t = inner_tiles[inner_dims_pos.index(d)]
            inner[d] = len(shape) + 1
            shape += [a.shape[d] // t, t]
        else:
            shape.append(a.shape[d])
    order = [outer[p] for p in outer_dims_perm] + [inner[d] for d in inner_dims_pos]
    return np.ascontiguousarray(a.reshape(shape).transpose(order))


def hexadecimal(a):
    return "0x40000000" + a.tobytes().hex().upper()


def type_of(a):
    element = {"float32": "f32", "float64": "f64", "int8": "i8", "float16": "f16"}[a.dtype.name]
    return "tensor<" + "x".join(map(str, a.shape)) + "x" + element + ">", element


cases = [
    ((37, 5), [0], [16], [0, 1], "f4"),          # N x K to panels of N, ragged
    ((5, 37), [1], [16], [1, 0], "f4"),          # K x N to panels of N
    ((32, 8), [0], [16], [0, 1], "f4"),          # no padding
    ((3, 2), [0, 1], [8, 4], [1, 0], "f8"),      # tiles larger than the whole
    ((7, 6, 9), [2, 0], [4, 2], [2, 0, 1], "f4"),
    ((9, 10), [0], [4], [0, 1], "i1"),
    ((2048, 1100), [0], [16], [0, 1], "f4"),     # several jobs
    ((1100, 2048), [1], [64], [1, 0], "f2"),
]
functions, resources, expected = [], [], {}
results, values, types = [], [], []
for i, (shape, pos, tiles, perm, dtype) in enumerate(cases):
    a = (rng.standard_normal(shape) * 20).astype(dtype)
    p = pack(a, pos, tiles, perm)
    expected[f"y{i}"] = p
    (ta, e), (tp, _) = type_of(a), type_of(p)
    attribute = f"dense_resource<w{i}>"
    resources.append(f'w{i}: "{hexadecimal(a)}"')
    functions.append(f"""
    %w{i} = arith.constant {attribute} : {ta}
    %e{i} = tensor.empty() : {tp}
    %z{i} = arith.constant {'0' if e[0] == 'i' else '0.0'} : {e}
    %p{i} = linalg.pack %w{i} padding_value(%z{i} : {e}) outer_dims_perm = {perm}
      inner_dims_pos = {pos} inner_tiles = {tiles} into %e{i} : {ta} -> {tp}""")
    results.append(f'{tp} {{onnx.name = "y{i}"}}')
    values.append(f"%p{i}")
    types.append(tp)
source = os.path.join(tmp, "pack.mlir")
open(source, "w").write(f"""module {{
  func.func @forward(%x: tensor<1xf32> {{onnx.name = "x"}}) -> ({", ".join(results)}) {{{"".join(functions)}
    return {", ".join(values)} : {", ".join(types)}
  }}
}}
{{-#
  dialect_resources: {{ builtin: {{ {", ".join(resources)} }} }}
#-}}
""")
np.savez(os.path.join(tmp, "expected.npz"), **expected)
for extra in ([], ["--max-inline-weights=4096"]):
    lib = os.path.join(tmp, "pack.so")
    subprocess.run(["ssmc", source, "-O0", "-o", lib, *extra], check=True)
    assert os.path.exists(os.path.join(tmp, "pack.weights")) == bool(extra)
    command = ["ssm-run", lib, "--input", "x=random", "--expect", f"@{tmp}/expected.npz", "--atol=0"]
    r = subprocess.run(command, capture_output=True, text=True)
    assert r.returncode == 0 and r.stdout.count("largest deviation 0.0") == len(cases), r

# Weights beside the library are checked when it is opened.
weights = os.path.join(tmp, "pack.weights")
data = open(weights, "rb").read()
for change, message in ((data[:-1], "is not of the size the model expects"),
                        (data[:-1] + bytes([data[-1] ^ 1]), "belongs to another model"),
                        (None, "cannot be opened")):
    os.remove(weights)
    if change is not None:
        open(weights, "wb").write(change)
    r = subprocess.run(command, capture_output=True, text=True)
    assert r.returncode == 1 and message in r.stderr, r
print("ok")
