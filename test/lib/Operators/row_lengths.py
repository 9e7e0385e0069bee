"""LSTM, GRU and RNN whose rows have lengths of their own, in both directions.

One artifact with a free batch and length is compared with ONNX Runtime at several.
A constant length that no row can have is refused by name.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

INPUTS, HIDDEN = 5, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def build(op, lengths=None):
    random = np.random.default_rng(0)
    count = GATES[op]
    shapes = {"W": (2, count * HIDDEN, INPUTS), "R": (2, count * HIDDEN, HIDDEN), "bias": (2, 2 * count * HIDDEN)}
    weights = [numpy_helper.from_array(random.normal(0, 0.5, shape).astype(np.float32), name)
               for name, shape in shapes.items()]
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["L", "B", INPUTS])]
    if lengths is None:
        infos.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]))
    else:
        weights.append(numpy_helper.from_array(np.array(lengths, np.int32), "lengths"))
        infos[0].type.tensor_type.shape.dim[0].dim_value = 6
        infos[0].type.tensor_type.shape.dim[1].dim_value = len(lengths)
    node = helper.make_node(op, ["x", "W", "R", "bias", "lengths"], ["y", "h"], name="cells", hidden_size=HIDDEN,
                            direction="bidirectional", **({"linear_before_reset": 1} if op == "GRU" else {}))
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "h")]
    graph = helper.make_graph([node], "rows", infos, outs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def run(*command, fails=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if (done.returncode != 0) != (fails is not None) or (fails and fails not in done.stderr):
        sys.exit(f"{command}\n{done.stdout}\n{done.stderr}")


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    path, library, feed = folder / "rows.onnx", folder / "rows.so", folder / "feed.npz"
    for op in GATES:
        onnx.save(build(op), path)
        run("ssmc", path, "-o", library)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for time, lengths in ((6, [6, 2, 0]), (1, [1]), (11, [3, 11, 7, 1])):
            x = np.random.default_rng(time).normal(size=(time, len(lengths), INPUTS)).astype(np.float32)
            lengths = np.array(lengths, np.int32)
            y, h = session.run(None, {"x": x, "lengths": lengths})
            np.savez(feed, x=x, lengths=lengths, y=y, h=h)
            run("ssm-run", library, "--input", f"x=@{feed}:x", "--input", f"lengths=@{feed}:lengths",
                "--expect", f"y=@{feed}:y", "--expect", f"h=@{feed}:h")
    for wrong in (7, -1):
        onnx.save(build("LSTM", [6, wrong]), path)
        run("ssmc", path, "-o", library, fails=f"node 'cells' (LSTM, opset 21): LSTM: has a sequence length of {wrong}, "
            "which is not among 0 to 6")
