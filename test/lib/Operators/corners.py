"""Corners of operators that ONNX's own node tests do not reach: what is written
below is evaluated, compiled and run, and compared with the values beside it.

    corners.py [--passes PIPELINE]...
"""
import argparse
import sys
import tempfile

import numpy as np
import onnx.parser

from node_tests import Rejected, evaluate


def parts(x):
    """Complex numbers as ONNX has them."""
    return np.stack([x.real, x.imag], -1)


# (name, graph, inputs by name, the values of output y). Initialisers with dots
# are folded at compile time, inputs are computed at run time.
CASES = [
    # Shape arithmetic keeps to the element type.
    ("true", """() => (int64[2] y) <int64[1] shape = {2}> {
        t = ConstantOfShape <value = bool[1] {1}> (shape) y = Cast <to = 7> (t) }""",
     {}, [1, 1]),
    ("an unsigned fill", """() => (int64[1] y) <int64[1] shape = {1}> {
        t = ConstantOfShape <value = uint8[1] {200}> (shape) y = Cast <to = 7> (t) }""",
     {}, [200]),
    ("bytes wrap", """() => (int64[1] y) <int8[1] a = {100}> {
        t = Add (a, a) y = Cast <to = 7> (t) }""", {}, [-56]),
    ("unsigned bytes wrap", """() => (int64[1] y)
        <uint8[1] a = {3}, uint8[1] b = {5}> {
        t = Sub (a, b) y = Cast <to = 7> (t) }""", {}, [254]),
    ("sums of bytes wrap", """() => (int64[1] y)
        <int8[2] a = {100, 100}, int64[1] axes = {0}> {
        t = ReduceSum (a, axes) y = Cast <to = 7> (t) }""", {}, [-56]),
    ("a truncated remainder", """() => (int64[2] y)
        <int64[2] a = {-7, 7}, int64[1] b = {3}> {
        y = Mod <fmod = 1> (a, b) }""", {}, [-1, 1]),
    # Nothing to reduce, or to add up.
    ("mean of nothing", """(int64[0, 3] x) => (int64[3] y) <int64[1] axes = {0}> {
        y = ReduceMean <keepdims = 0> (x, axes) }""",
     {"x": np.zeros((0, 3), np.int64)}, [0, 0, 0]),
    ("an exclusive sum of nothing", """(float[0, 3] x) => (float[0, 3] y)
        <int64 axis = {0}> { y = CumSum <exclusive = 1> (x, axis) }""",
     {"x": np.zeros((0, 3), np.float32)}, np.zeros((0, 3))),
    # Nothing to move.
    ("a slice of nothing", """(float[0, 3] x) => (float[0, 2] y)
        <int64[1] one = {1}, int64[1] three = {3}> {
        y = Slice (x, one, three, one) }""",
     {"x": np.zeros((0, 3), np.float32)}, np.zeros((0, 2))),
    ("steps beyond all numbers", """(float[2, 3] x) => (float[1, 1] y)
        <int64[2] axes = {0, 1}, int64[2] far = {9223372036854775807, -1}, int64[2] none = {-9223372036854775808, -9223372036854775808},
         int64[2] step = {-9223372036854775808, -9223372036854775807}> {
        y = Slice (x, far, none, axes, step) }""",
     {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}, [[5]]),
    ("nothing joined", """(float[2] x, float[0] n) => (float[2] y) {
        y = Concat <axis = 0> (n, x, n) }""",
     {"x": np.ones(2, np.float32), "n": np.zeros(0, np.float32)}, [1, 1]),
    ("padding around nothing", """(float[0, 1] x) => (float[1, 1] y)
        <int64[4] pads = {0, 0, 1, 0}> { y = Pad (x, pads) }""",
     {"x": np.zeros((0, 1), np.float32)}, [[0]]),
    ("one of each of nothing", """(float[0, 3] x) => (float[0] y) <int64 i = {1}> {
        y = Gather <axis = 1> (x, i) }""",
     {"x": np.zeros((0, 3), np.float32)}, np.zeros(0)),
    ("a reshape of nothing", """(float[0, 3] x) => (float[3, 0] y)
        <int64[2] shape = {3, 0}> { y = Reshape <allowzero = 1> (x, shape) }""",
     {"x": np.zeros((0, 3), np.float32)}, np.zeros((3, 0))),
    # Exporters write scalars as tensors of one element.
    ("clip with a vector of one", """(float x, float[1] low) => (float y) {
        y = Clip (x, low) }""",
     {"x": np.float32(-2), "low": np.array([-1], np.float32)}, -1),
    ("clip with a matrix of one", """(uint8[3] x, uint8[1, 1] low) => (uint8[3] y) {
        y = Clip (x, low) }""",
     {"x": np.array([1, 100, 250], np.uint8), "low": np.array([[200]], np.uint8)},
     [200, 200, 250]),
    ("a root of integers", """(int64[2] x) => (int64[2] y) <float e = {0.5}> {
        y = Pow (x, e) }""", {"x": np.array([9, 16])}, [3, 4]),
    # Order of what has no sign.
    ("the greatest of bytes", """(uint8[3] x) => (uint8[3] y)
        <int64[2] i = {0, 2}, uint8[2] u = {200, 5}> {
        y = ScatterElements <reduction = "max"> (x, i, u) }""",
     {"x": np.array([1, 200, 3], np.uint8)}, [200, 200, 5]),
    ("the least of booleans", """(bool[2] x) => (bool[2] y)
        <int64[2, 1] i = {0, 1}, bool[2] u = {1, 0}> {
        y = ScatterND <reduction = "min"> (x, i, u) }""",
     {"x": np.array([True, True])}, [True, False]),
    # Unsigned numbers beyond the signed ones.
    ("large unsigned numbers", """() => (uint64[3] y) <uint64[1] x = {9223372036854775811}> {
        a = Abs (x) s = Sign (x) r = Relu (x) y = Concat <axis = 0> (a, s, r) }""",
     {}, np.array([2 ** 63 + 3, 1, 2 ** 63 + 3], np.uint64)),
    ("a large filling", """() => (int64[3] y) <int64[1] x = {1}, int64[2] pads = {1, 1},
        int64 v = {9007199254740993}> { y = Pad (x, pads, v) }""",
     {}, [9007199254740993, 1, 9007199254740993]),
    # What is not a number, and what is infinite.
    ("the greatest of what is no number", """(float[2, 3] x) => (int64[2] y) {
        y = ArgMax <axis = 1, keepdims = 0> (x) }""",
     {"x": np.array([[np.nan] * 3, [1, np.nan, 3]], np.float32)}, [0, 1]),
    ("roots by powers", """(float[3] x) => (float[3] y) <float e = {0.5}> {
        y = Pow (x, e) }""",
     {"x": np.array([-np.inf, 4, 9], np.float32)}, [np.inf, 2, 3]),
    ("a product of nothing", """(float[2, 0] x) => (float[2, 4] y)
        <float[1] zero = {0}, int64[2] shape = {0, 4}> {
        w = ConstantOfShape (shape) y = MatMul (x, w) }""",
     {"x": np.zeros((2, 0), np.float32)}, np.zeros((2, 4))),
    # Transforms of signals that are cut or filled up, of lengths with large factors.
    ("a transform of more", """(float[1, 3, 1] x) => (float[1, 4, 2] y) <int64 n = {7}> {
        y = DFT <onesided = 1> (x, n) }""",
     {"x": np.float32([[[1], [2], [-3]]])}, parts(np.fft.rfft([[1, 2, -3]], 7))),
    ("a transform of less", """(float[1, 5, 2] x) => (float[1, 3, 2] y) <int64 n = {3}> {
        y = DFT (x, n) }""",
     {"x": np.arange(10, dtype=np.float32).reshape(1, 5, 2)},
     parts(np.fft.fft([[1j, 2 + 3j, 4 + 5j]]))),
    ("a real signal of half a spectrum", """(float[1, 2, 2] x) => (float[1, 5, 1] y)
        <int64 n = {5}> { y = DFT <inverse = 1, onesided = 1> (x, n) }""",
     {"x": np.float32([[[1, 9], [2, 3]]])}, np.fft.irfft([[1, 2 + 3j]], 5)[..., None]),
    ("half a spectrum with a middle", """(float[1, 3, 2] x) => (float[1, 4, 1] y) {
        y = DFT <inverse = 1, onesided = 1> (x) }""",
     {"x": np.float32([[[1, 9], [2, 3], [4, 7]]])}, np.fft.irfft([[1, 2 + 3j, 4]], 4)[..., None]),
    ("a transform of a length from data", """(float[1, 3, 1] x, int64 n) => (float[1, 4, 2] y) {
        y = DFT <onesided = 1> (x, n) }""",
     {"x": np.float32([[[1], [2], [-3]]]), "n": np.array(6)}, parts(np.fft.rfft([[1, 2, -3]], 6))),
]

# All others are exact.
ROUNDED = [name for name, *_ in CASES if "transform" in name or "spectrum" in name]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--passes", action="append", required=True)
    bad = 0
    for passes in parser.parse_args().passes:
        for name, graph, feeds, want in CASES:
            model = onnx.parser.parse_model(
                '<ir_version: 9, opset_import: ["": 18]> g ' + graph)
            with tempfile.TemporaryDirectory() as folder:
                try:
                    outputs, reasons = evaluate(model, feeds, folder, passes)
                    got = outputs.get("y", reasons)
                except Rejected as rejected:
                    got = str(rejected)
            want = np.asarray(want)
            slack = 1e-6 * (name in ROUNDED)
            if not (isinstance(got, np.ndarray) and got.shape == want.shape
                    and np.allclose(got, want, rtol=slack, atol=slack)):
                bad += 1
                print(f"FAILED [{passes}] {name}: {got}, expected {want}")
    print(f"{len(CASES)} corners, {bad} wrong")
    sys.exit(bad > 0)


main()
