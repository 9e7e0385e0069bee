"""Imports tensors of every element type, stored in every way (raw bytes, typed
fields, an external file), small and large, and compares what the IR holds with
numpy's bytes.

usage: check_tensors.py FOLDER
"""
import os
import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper

INLINE_BYTES = 1024
TYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16,
    "bf16": ml_dtypes.bfloat16, "i1": np.bool_, "i8": np.int8, "i16": np.int16,
    "i32": np.int32, "i64": np.int64, "ui8": np.uint8, "ui16": np.uint16,
    "ui32": np.uint32, "ui64": np.uint64,
}


def make_values(dtype, count, random):
    if dtype == np.bool_:
        return random.integers(0, 2, count).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return random.integers(limits.min, limits.max, count, dtype, endpoint=True)
    return random.standard_normal(count).astype(dtype)


def store(name, values, way, data):
    """A TensorProto; external bytes are appended to `data`."""
    element = helper.np_dtype_to_tensor_dtype(values.dtype)
    if way == "typed":
        if values.dtype == ml_dtypes.bfloat16:
            tensor = TensorProto(name=name, data_type=element, dims=values.shape)
            tensor.int32_data.extend(int(v) for v in values.view(np.uint16))
            return tensor
        return helper.make_tensor(name, element, values.shape, values.tolist())
    tensor = TensorProto(name=name, data_type=element, dims=values.shape)
    if way == "raw":
        tensor.raw_data = values.tobytes()
        return tensor
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "sub/data.bin"), ("offset", len(data)),
                       ("length", values.nbytes)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    data += values.tobytes() + b"#"  # nothing is aligned
    return tensor


def parse_element(text, dtype):
    if text in ("true", "false"):
        return text == "true"
    return int(text) if np.issubdtype(dtype, np.integer) else float(text)


def read_values(ir, name, line, dtype):
    """The values of a constant in the printed IR."""
    resource = re.search(r"dense_resource<([^>]*)>", line)
    if resource:
        blob = re.search(re.escape(resource.group(1).strip('"'))
                         + r'"?: "0x([0-9A-F]+)"', ir)
        # The first four bytes are the alignment.
        return np.frombuffer(bytes.fromhex(blob.group(1))[4:], dtype)
    text = re.search(r"dense<(.*)> : ", line).group(1)
    if text.startswith('"0x'):
        raw = bytes.fromhex(text[3:-1])
        if dtype == np.bool_:
            return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
        return np.frombuffer(raw, dtype)
    return np.array([parse_element(e, dtype)
                     for e in re.findall(r"[^\[\], ]+", text)]).astype(dtype)


def main(folder):
    random = np.random.default_rng(7)
    os.makedirs(folder + "/elsewhere/sub", exist_ok=True)
    tensors, wanted, data = [], {}, bytearray()
    for mlir_type, dtype in TYPES.items():
        for way in ("raw", "typed", "external"):
            for size in ("small", "large"):
                count = 5 if size == "small" else INLINE_BYTES // np.dtype(dtype).itemsize + 3
                name = f"{mlir_type}_{way}_{size}"
                values = make_values(dtype, count, random)
                tensors.append(store(name, values, way, data))
                wanted[name] = (mlir_type, values)
    # Whatever byte is not 0 is true.
    for name, count in (("careless_small", 5), ("careless_large", 2000)):
        careless = np.arange(count, dtype=np.uint8)
        tensors.append(TensorProto(name=name, data_type=TensorProto.BOOL,
                                   dims=[count], raw_data=careless.tobytes()))
        wanted[name] = ("i1", careless != 0)
    with open(folder + "/elsewhere/sub/data.bin", "wb") as file:
        file.write(data)
    graph = helper.make_graph(
        [], "g", [], [helper.make_tensor_value_info(t.name, t.data_type, t.dims)
                      for t in tensors], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]),
              folder + "/model.onnx")
    done = subprocess.run(
        ["ssm-import", folder + "/model.onnx", "--elide=0",
         "--external-data-dir", folder + "/elsewhere"],
        capture_output=True, text=True)
    lines = re.findall(r".*onnx\.constant .*", done.stdout)
    assert len(lines) == len(wanted), done.stderr
    for line, (name, (mlir_type, values)) in zip(lines, wanted.items()):
        assert line.endswith(f"tensor<{len(values)}x{mlir_type}>"), (name, line)
        assert ("dense_resource" in line) == (values.nbytes > INLINE_BYTES), name
        found = read_values(done.stdout, name, line, values.dtype)
        if "large" in name:
            assert found.tobytes() == values.tobytes(), (name, line)
        else:
            np.testing.assert_allclose(found.astype(float), values.astype(float),
                                       rtol=1e-5, err_msg=name)
    print(f"{len(wanted)} tensors have their values")


main(sys.argv[1])
