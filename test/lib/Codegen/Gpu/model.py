"""A whole model on an emulated device (emulate.py), beside its stored logits.

    model.py FILE.onnx FEEDS.npz
"""
import os
import re
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emulate  # noqa: E402
import execute  # noqa: E402

KINDS = {"f32": np.float32, "i64": np.int64, "i1": np.bool_}


def weights_of(text, model):
    """The weight section: the file's initializers by name, and what is written out."""
    stored = {t.name: numpy_helper.to_array(t).tobytes() for t in onnx.load(model).graph.initializer}
    section = bytearray(int(re.search(r"ssm.weights_bytes = (\d+)", text)[1]))
    for offset, value in re.findall(r"\{bytes = \d+ : i64, offset = (\d+) : i64, value = (.*?)\}[,\]]", text):
        name = re.match(r"dense_resource<\"?(.*?)\"?> : ", value)
        if name:
            data = stored[name[1]]
        else:
            content, shape, kind = re.fullmatch(r"dense<(.*)> : tensor<((?:\d+x)*)(\w+)>", value, re.S).groups()
            if content.startswith('"0x'):
                data = bytes.fromhex(content[3:-1])
            else:
                numbers = np.array(eval(content.replace("true", "True").replace("false", "False")), KINDS[kind])
                data = np.broadcast_to(numbers, [int(n) for n in shape.split("x")[:-1]]).tobytes()
        section[int(offset):int(offset) + len(data)] = data
    return bytes(section)


def main():
    model, feeds = sys.argv[1], np.load(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.mlir")
        execute.run("ssmc", model, "--target=cuda:sm_90a", "--dim=input_ids:0=B", "--dim=input_ids:1=L",
                    "--emit=linalg", "-o", path)
        library, text = emulate.build(path, 2, folder)
        weights = weights_of(text, model)
    _, _, outputs, ranks, _ = execute.signature(text)
    outputs = [(name, kind, ranks[dims]) for name, kind, dims in outputs]
    for length in (feeds["input_ids"].shape[1], 1):
        ids = feeds["input_ids"][:, :length]
        found, (launches, _) = execute.call(library, ids.shape, [ids], outputs, weights)
        wanted = feeds["logits"][:, :length]
        error = np.abs(found["logits"] - wanted).max() / np.abs(wanted).max()
        print(f"{ids.shape}: error {error:.2e}, launches {launches}")
        assert error < 1e-5
    print("ok")


main()
