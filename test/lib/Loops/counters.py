"""Loops whose positions look like counters and are none, and a Clip whose bound differs from step to step."""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from steps import PASSES, failures, run

FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
info, node = helper.make_tensor_value_info, helper.make_node


def constants(**arrays):
    return [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]


def recurrence(token):
    return [node("Mul", ["h", "half"], ["decayed"]), node("Add", ["decayed", token], ["next"]),
            node("Identity", ["next"], ["row"])]


def model(nodes, inputs, trips, **more):
    graph = helper.make_graph(nodes, "model", inputs, [info("y", FLOAT, [trips, 3])],
                              constants(trips=np.int64(trips), true=np.bool_(True), h0=np.zeros(3, np.float32), **more))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def loop(trips, length, nodes, token, **more):
    body = helper.make_graph([node("Identity", ["go"], ["keep"]), *nodes, *recurrence(token)], "body",
                             [info("i", INT, []), info("go", BOOL, []), info("h", FLOAT, [3])],
                             [info("keep", BOOL, []), info("next", FLOAT, [3]), info("row", FLOAT, [3])],
                             constants(half=np.float32(0.5), **more))
    return model([node("Loop", ["trips", "true", "h0"], ["last", "y"], body=body)], [info("x", FLOAT, [length, 3])],
                 trips)


def narrow(kind):
    """The number of the iteration wraps on the way, below zero where it is signed."""
    return loop(300, 300, [node("Cast", ["i"], ["small"], to=kind), node("Cast", ["small"], ["at"], to=INT),
                           node("Gather", ["x", "at"], ["token"], axis=0)], "token")


def spread():
    """[3] + [3, 1] are nine positions."""
    nodes = [node("Mul", ["i", "three"], ["first"]), node("Add", ["first", "row3"], ["some"]),
             node("Add", ["some", "column"], ["all"]), node("Reshape", ["all", "nine"], ["at"]),
             node("Gather", ["x", "at"], ["tokens"], axis=0),
             node("ReduceSum", ["tokens", "axis"], ["token"], keepdims=0)]
    return loop(4, 12, nodes, "token", three=np.int64(3), row3=np.arange(3), column=np.zeros((3, 1), np.int64),
                nine=np.array([9]), axis=np.array([0]))


def interleaved():
    """A Concat along the second axis does not put one operand behind the other."""
    nodes = [node("Mul", ["i", "four"], ["first"]), node("Add", ["first", "left"], ["a"]),
             node("Add", ["first", "right"], ["b"]), node("Concat", ["a", "b"], ["all"], axis=1),
             node("Reshape", ["all", "size"], ["at"]), node("Gather", ["x", "at"], ["tokens"], axis=0),
             node("Mul", ["tokens", "weights"], ["weighted"]),
             node("ReduceSum", ["weighted", "axis"], ["token"], keepdims=0)]
    return loop(3, 12, nodes, "token", four=np.int64(4), left=np.array([[0], [1]]), right=np.array([[2], [3]]),
                size=np.array([4]), weights=np.arange(4, dtype=np.float32).reshape(4, 1), axis=np.array([0]))


def far():
    """A position at the end of a chain that no recursion reaches."""
    nodes = [node("Add", [f"a{k}" if k else "i", "zero" if k else "eight"], [f"a{k + 1}"]) for k in range(20000)]
    return loop(4, 12, [*nodes, node("Gather", ["x", "a20000"], ["token"], axis=0)], "token", zero=np.int64(0),
                eight=np.int64(8))


def bounds():
    body = helper.make_graph([node("Clip", ["x_t", "low"], ["token"]), *recurrence("token")], "body",
                             [info("h", FLOAT, [3]), info("x_t", FLOAT, [3]), info("low", FLOAT, [])],
                             [info("next", FLOAT, [3]), info("row", FLOAT, [3])], constants(half=np.float32(0.5)))
    return model([node("Scan", ["h0", "x", "lows"], ["last", "y"], body=body, num_scan_inputs=2)],
                 [info("x", FLOAT, [7, 3]), info("lows", FLOAT, [7])], 7)


def main(folder):
    random = np.random.default_rng(0)
    for name, built in (("int8", narrow(TensorProto.INT8)), ("uint8", narrow(TensorProto.UINT8)),
                        ("int16", narrow(TensorProto.INT16)), ("spread", spread()), ("interleaved", interleaved()),
                        ("far", far()), ("bounds", bounds())):
        path, feed = folder / f"{name}.onnx", folder / f"{name}.npz"
        onnx.save(built, path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        inputs = {i.name: random.normal(size=i.shape).astype(np.float32) for i in session.get_inputs()}
        np.savez(feed, y=session.run(["y"], inputs)[0], **inputs)
        given = [a for i in inputs for a in ("--input", f"{i}=@{feed}:{i}")]
        expected = ["--expect", f"y=@{feed}:y"]
        run((name,), "ssm-eval", path, f"--passes={PASSES}", *given, *expected)
        library = folder / f"{name}.so"
        run((name,), "ssmc", path, "-o", library)
        run((name,), "ssm-run", library, *given, *expected)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(pathlib.Path(temporary))
    sys.exit(1 if failures else 0)
