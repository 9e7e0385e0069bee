"""Products, convolutions and running sums of extents around those of vectors and blocks, beside numpy."""
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

tmp = sys.argv[1]
random = np.random.default_rng(7)
nodes, inputs, feeds, expected = [], [], {}, {}


def feed(*shape):
    name = f"x{len(feeds)}"
    feeds[name] = random.standard_normal(shape).astype("f4")
    inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return name, feeds[name].astype("f8")


def add(op, names, value, **attributes):
    name = f"y{len(expected)}"
    nodes.append(helper.make_node(op, names, [name], **attributes))
    expected[name] = value


for rows, depth, columns in [(1, 9, 33), (5, 9, 33), (6, 2, 16), (7, 9, 17), (13, 9, 8), (13, 1, 20), (13, 5, 7),
                             (12, 64, 48), (19, 3, 15)]:
    (a, x), (b, y) = feed(rows, depth), feed(depth, columns)
    add("MatMul", [a, b], x @ y)
for equation, left, right in [("bkm,bnk->bmn", (2, 9, 13), (2, 17, 9)), ("mk,nk->nm", (13, 9), (17, 9)),
                              ("bhk,bk->bh", (2, 7, 9), (2, 9)), ("hi,hj->hij", (3, 16), (3, 8))]:
    (a, x), (b, y) = feed(*left), feed(*right)
    add("Einsum", [a, b], np.einsum(equation, x, y), equation=equation)
for length in (5, 100):
    (a, x), (w, taps) = feed(2, 3, length), feed(3, 1, 4)
    padded = np.pad(x, ((0, 0), (0, 0), (3, 0)))
    add("Conv", [a, w], sum(taps[:, 0, j, None] * padded[:, :, j:j + length] for j in range(4)), group=3, pads=[3, 0])
axis = helper.make_tensor("axis", TensorProto.INT64, [], [1])
for exclusive in (0, 1):
    for reverse in (0, 1):
        a, x = feed(2, 5, 3)
        x = x[:, ::-1] if reverse else x
        y = np.cumsum(x, axis=1) - (x if exclusive else 0)
        add("CumSum", [a, "axis"], y[:, ::-1] if reverse else y, exclusive=exclusive, reverse=reverse)

outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, y.shape) for name, y in expected.items()]
graph = helper.make_graph(nodes, "products", inputs, outputs, [axis])
model = os.path.join(tmp, "model.onnx")
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), model)
np.savez(os.path.join(tmp, "in.npz"), **feeds)
subprocess.run(["ssm-eval", model, f"--input=@{tmp}/in.npz", f"--output=@{tmp}/out.npz"], check=True)
found = np.load(os.path.join(tmp, "out.npz"))
for name, y in expected.items():
    assert found[name].dtype == np.float64 and np.allclose(found[name], y, rtol=0, atol=1e-12), name
print("ok")
