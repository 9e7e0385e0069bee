"""Tables of positions that a graph cuts to its length: what goes on from a state
reads them from where it is. tables.py TMP"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ssmc

ROWS, WIDTH = 40, 8
rng = np.random.default_rng(4)
tables = {name: rng.normal(size=(ROWS, WIDTH)).astype(np.float32) for name in ("front", "behind", "learned")}
constants = [numpy_helper.from_array(value, name) for name, value in tables.items()]
constants += [numpy_helper.from_array(np.array(value), name) for name, value in
              {"zero": [0], "time": 1, "order": np.arange(ROWS)[None], "along": [1]}.items()]
nodes = [helper.make_node("Shape", ["x"], ["length"], start=1, end=2),
         helper.make_node("Slice", ["front", "zero", "length", "zero"], ["f"]),   # in front of the mixer
         helper.make_node("Mul", ["x", "f"], ["u"]), helper.make_node("CumSum", ["u", "time"], ["h"]),
         helper.make_node("Slice", ["behind", "zero", "length"], ["b"]),          # behind it
         helper.make_node("Add", ["h", "b"], ["h2"]),
         helper.make_node("Slice", ["order", "zero", "length", "along"], ["ids"]),  # numbers of positions
         helper.make_node("Gather", ["learned", "ids"], ["l"]), helper.make_node("Mul", ["h2", "l"], ["y"])]
shape = ["B", "L", WIDTH]
graph = helper.make_graph(nodes, "tables", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)], constants)
path = pathlib.Path(sys.argv[1]) / "tables.onnx"
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)

module = ssmc.compile(path, entry=["forward", "prefill", "prefill_lengths", "step"])
x = rng.normal(size=(2, 20, WIDTH)).astype(np.float32)
expected = (np.cumsum(x * tables["front"][:20], 1) + tables["behind"][:20]) * tables["learned"][:20]
np.testing.assert_allclose(module(x), expected, atol=1e-5)

state = module.new_state(2)
found = [module.prefill(x[:, :7], state), module.prefill(x[:, 7:15], state)]
found += [module.step(x[:, t:t + 1], state) for t in range(15, 20)]
np.testing.assert_allclose(np.concatenate(found, 1), expected, atol=1e-5)

state = module.new_state(2)
module.prefill(x[:, :9], state, lengths=[4, 9])
places = np.array([4, 9])
found = module.step(x[np.arange(2), places][:, None], state)
np.testing.assert_allclose(found[:, 0], expected[np.arange(2), places], atol=1e-5)
print("ok")
