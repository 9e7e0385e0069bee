"""Caches of attention to all tokens, which calls write in place, beside the
whole sequence at once: caches.py TMP"""
import pathlib
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ssmc

CAPACITY, LENGTH, WIDTH, HEADS = 32, 24, 12, 3
rng = np.random.default_rng(3)


def make_graph(path):
    """One layer of causal attention, traced at 24 tokens."""
    weights = {"table": rng.normal(size=(50, WIDTH)), "scale": np.array((WIDTH // HEADS) ** -0.5),
               "mask": np.triu(np.full((LENGTH, LENGTH), -np.inf), 1)}
    weights |= {name: rng.normal(size=(WIDTH, WIDTH)) / 3 for name in "qkvo"}
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([0, LENGTH, HEADS, WIDTH // HEADS]), "split"))
    constants.append(numpy_helper.from_array(np.array([0, LENGTH, WIDTH]), "join"))
    nodes = [helper.make_node("Gather", ["table", "ids"], ["x"])]
    for name in "qkv":
        nodes += [helper.make_node("MatMul", ["x", name], [name + "1"]),
                  helper.make_node("Reshape", [name + "1", "split"], [name + "2"]),
                  helper.make_node("Transpose", [name + "2"], [name + "3"],
                                   perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3])]
    nodes += [helper.make_node("MatMul", ["q3", "k3"], ["s1"]), helper.make_node("Mul", ["s1", "scale"], ["s2"]),
              helper.make_node("Add", ["s2", "mask"], ["s3"]), helper.make_node("Softmax", ["s3"], ["p"], axis=-1),
              helper.make_node("MatMul", ["p", "v3"], ["y1"]),
              helper.make_node("Transpose", ["y1"], ["y2"], perm=[0, 2, 1, 3]),
              helper.make_node("Reshape", ["y2", "join"], ["y3"]), helper.make_node("MatMul", ["y3", "o"], ["logits"])]
    graph = helper.make_graph(
        nodes, "attention", [helper.make_tensor_value_info("ids", TensorProto.INT64, [2, LENGTH])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [2, LENGTH, WIDTH])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


path = pathlib.Path(sys.argv[1]) / "attention.onnx"
make_graph(path)
module = ssmc.compile(path, dim=["ids:0=B", "ids:1=L"], max_length=CAPACITY,
                      entry=["forward", "prefill", "prefill_lengths", "step", "verify"])
assert all(state.shape[1:2] == (CAPACITY,) for state in module.states if state.name != "position"), module.states
ids = rng.integers(0, 50, (3, CAPACITY))
whole = module(ids)


def close(found, expected, what):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(whole).max(), err_msg=what)


state = module.new_state(3)
for name in (state_.name for state_ in module.states if state_.name != "position"):
    state[name] = np.full(state[name].shape, np.nan, np.float32)  # what is behind the tokens is not seen
close(module.prefill(ids[:, :7], state), whole[:, :7], "prefill")
close(module.step(ids[:, 7:8], state), whole[:, 7:8], "step")

module.step(np.full((3, 1), 9), state)
state.undo()
close(module.step(ids[:, 8:9], state), whole[:, 8:9], "after another token was taken back")

close(module.verify(ids[:, 9:13], state), whole[:, 9:13], "drafted tokens")
state.accept([2, 0, 4])
places = np.array([11, 9, 13])
for _ in range(3):
    here = np.take_along_axis(ids, places[:, None], 1)
    close(module.step(here, state)[:, 0], whole[np.arange(3), places], "rows at different positions")
    places += 1

state.reorder([2, 2, 0])
ids, whole, places = ids[[2, 2, 0]], whole[[2, 2, 0]], places[[2, 2, 0]]
again = module.load_state(state.save())
for one in state, again:
    close(module.step(np.take_along_axis(ids, places[:, None], 1), one)[:, 0], whole[np.arange(3), places], "new rows")

# Padding that does not fit behind the tokens: rows end at the capacity.
lengths = CAPACITY - (places + 1)
padded = np.zeros((3, lengths.max() + 5), int)
for row, count in enumerate(lengths):
    padded[row, :count] = ids[row, -count:]
logits = module.prefill(padded, state, lengths=lengths)
for row, count in enumerate(lengths):
    close(logits[row, :count], whole[row, -count:], "rows of different lengths")
assert list(state["position"]) == [CAPACITY] * 3
module.prefill(padded, state, lengths=[0, 0, 0])
try:
    module.step(ids[:, :1], state)
    sys.exit("a token beyond the capacity was taken")
except ssmc.RunError as error:
    assert "--max-length=32" in str(error), error
assert list(state["position"]) == [CAPACITY] * 3
print("ok")

# States from anywhere: their positions are checked before anything is read or written there.
state = module.new_state(2)
for positions, message in (([0, -5], "the position of a row in its states is negative"),
                           ([-2**63, 0], "the position of a row in its states is negative"),
                           ([0, CAPACITY], f"--max-length={CAPACITY} tokens.*found {CAPACITY + 1}, expected {CAPACITY}"),
                           ([2**63 - 1, 0], f"found {2**63 - 1}, expected {CAPACITY}")):
    state["position"] = positions
    try:
        module.step(ids[:2, :1], state)
    except ssmc.RunError as error:
        assert re.search(message, str(error)), error
    else:
        raise AssertionError(positions)

# A draft that a call which fails does not end.
state = module.new_state(2)
module.prefill(ids[:2, :4], state)
module.verify(ids[:2, 4:8], state)
for call in lambda: state.accept([5, 1]), lambda: module.step(np.full((2, 1), 99), state):
    try:
        call()
    except ssmc.RunError:
        continue
    raise AssertionError("this cannot be")
state.accept([1, 3])
places = np.array([5, 7])
close(module.step(np.take_along_axis(ids[:2], places[:, None], 1), state)[:, 0], whole[np.arange(2), places], "accepted late")
