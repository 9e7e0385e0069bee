"""Graphs that are well formed but ask for too much, or contradict themselves.

    refusals.py FOLDER

Each is compiled up to linalg: it must be refused with exit code 1 and a message
about the node that matches, or, where nothing is written beside it, accepted.
"""
import os
import re
import subprocess
import sys

import onnx
import onnx.parser
from onnx import TensorProto, helper

LEAST, MOST = -2 ** 63, 2 ** 63 - 1

# (message, graph)
TEXTS = [
    ("Range.*must be of one type", """() => (int64[N] y)
        <int64 a = {0}, int64 b = {10}, float c = {1.0}> { y = Range (a, b, c) }"""),
    (None, f"""() => (int64[N] y) <int64 a = {{0}}, int64 b = {{10}},
        int64 c = {{{LEAST}}}> {{ y = Range (a, b, c) }}"""),
    (None, f"""() => (int64[N] y) <int64 a = {{{MOST}}}, int64 b = {{{LEAST}}},
        int64 c = {{{LEAST}}}> {{ y = Range (a, b, c) }}"""),
    ("more elements than any machine holds", f"""() => (int64[N] y)
        <int64 a = {{{LEAST}}}, int64 b = {{{MOST}}}, int64 c = {{1}}> {{
        y = Range (a, b, c) }}"""),
    ("Conv.*channels", f"""(float[1, 2, 9] x, float[0, 2, 1] w) => (float[a, b, c] y) {{
        y = Conv <group = {MOST}> (x, w) }}"""),
    (None, f"""() => (float[2, 2] y) <float[2, 2] x = {{1, 2, 3, 4}}> {{
        y = EyeLike <k = {MOST}> (x) }}"""),
    ("Reshape.*only data decides.*fix those with --dim", """(float[L] x) => (float y)
        <int64[1] eight = {8}> {
        length = Shape (x)
        chunks = Div (length, eight)
        tokens = Div (length, chunks)
        shape = Concat <axis = 0> (chunks, tokens)
        rows = Reshape (x, shape)
        y = ReduceSum <keepdims = 0> (rows) }"""),
    ("Pad.*out of range", f"""(float[4] x) => (float[N] y)
        <int64[2] pads = {{{LEAST}, {MOST}}}> {{ y = Pad (x, pads) }}"""),
    ("Pad.*another type", """(float[4] x, int64 v) => (float[6] y)
        <int64[2] pads = {1, 1}> { y = Pad (x, pads, v) }"""),
    ("more elements than any machine holds", f"""() => (int64[N] y)
        <int64[1] shape = {{{1 << 61}}}> {{
        y = ConstantOfShape <value = int64[1] {{1}}> (shape) }}"""),
    ("has 100 dimensions; at most 32", f"""(float[4] x) => (float[N] y)
        <int64[99] axes = {{{", ".join(map(str, range(99)))}}}> {{
        y = Unsqueeze (x, axes) }}"""),
    ("larger than its data in dimension 1", """(float[3, 2] x, float[1, 5] u)
        => (float[3, 2] y) <int64[1, 5] i = {0, 0, 0, 0, 0}> {
        y = ScatterElements <axis = 0> (x, i, u) }"""),
    ("RotaryEmbedding.*does not fit the batch and length",
     """(float[2, 4, 6, 8] x, float[2, 5, 4] c, float[2, 5, 4] s) => (float[a, b, c, d] y) {
        y = RotaryEmbedding (x, c, s) }"""),
    ("Conv.*free extents that is no long convolution", """(float[1, 2, 9] x, float[2, 1, n] w) => (float[a, b, c] y) {
        y = Conv <group = 2> (x, w) }"""),
    ("Conv.*auto_pad needs constant extents of the weight", """(float[1, 2, 9] x, float[2, 1, n] w) => (float[a, b, c] y) {
        y = Conv <group = 2, auto_pad = "SAME_UPPER"> (x, w) }"""),
    ("DFT.*one side", """(float[1, 4, 2] x) => (float[a, b, c] y) {
        y = DFT <onesided = 1> (x) }"""),
    ("DFT.*1 or 2 parts", """(float[1, 4, 3] x) => (float[a, b, c] y) { y = DFT (x) }"""),
    ("DFT.*constant axis", """(float[1, 4, 1] x) => (float[a, b, c] y) <int64 d = {2}> {
        y = DFT (x, , d) }"""),
    ("DFT.*constant axis", """(float[1, 4, 1] x, int64 d) => (float[a, b, c] y) {
        y = DFT (x, , d) }"""),
    ("DFT.*length 0", """(float[1, 4, 1] x) => (float[a, b, c] y) <int64 n = {0}> {
        y = DFT (x, n) }"""),
    ("Cast.*17", """(float[3] x) => (float[3] y) {
        t = Cast <to = 17> (x) y = Cast <to = 1> (t) }"""),
    ("output 'y' has the element type 17",
     """(float[3] x) => (float8e4m3fn[3] y) { y = Cast <to = 17> (x) }"""),
    (r"Einsum.*label 'j' stands for different extents: 3 and 5", """(float[2, 3] x, float[5, 4] w)
        => (float[2, 4] y) { y = Einsum <equation = "ij,jk->ik"> (x, w) }"""),
    (r"Einsum.*a dimension of the ellipsis stands for different extents: 2 and 7",
     """(float[2, 3] x, float[7, 3] w) => (float[a] y) { y = Einsum <equation = "...j,...j"> (x, w) }"""),
    (r"LSTM.*must have 3 dimensions, not \[5, 8\], \[1, 16, 8\] and \[1, 16, 4\]",
     """(float[5, 8] x, float[1, 16, 8] w, float[1, 16, 4] r) => (float[a, b, c, d] y) { y = LSTM (x, w, r) }"""),
    (r"LSTM.*hidden_size is 5, R has the shape \[1, 16, 4\]",
     """(float[5, 1, 8] x, float[1, 16, 8] w, float[1, 16, 4] r) => (float[a, b, c, d] y) {
        y = LSTM <hidden_size = 5> (x, w, r) }"""),
    (r"Attention.*different lengths: input 0 has \[1, 2, 3, 4\], input 1 has \[1, 2, 5, 4\], input 2 has \[1, 2, 6, 4\]",
     """(float[1, 2, 3, 4] q, float[1, 2, 5, 4] k, float[1, 2, 6, 4] v) => (float[a, b, c, d] y) {
        y = Attention (q, k, v) }"""),
    (r"AveragePool.*needs constant extents, not \[1, 2, .*\]: fix them with --dim",
     """(float[1, 2, L] x) => (float[a, b, c] y) {
        y = AveragePool <ceil_mode = 1, kernel_shape = [2], strides = [2]> (x) }"""),
    (r"Conv.*needs constant extents, not \[1, 2, .*\]: fix them with --dim",
     """(float[1, 2, L] x, float[2, 2, 3] w) => (float[a, b, c] y) {
        y = Conv <auto_pad = "SAME_UPPER", strides = [2]> (x, w) }"""),
    ("'epsilon' must be a float", """(float[2, 3, 4] x, float[4] g) => (float[2, 3, 4] y) {
        y = com.microsoft.SkipSimplifiedLayerNormalization <epsilon = "abc"> (x, x, g) }"""),
    ("com.microsoft.*no attribute 'bias'",
     """(float[2, 3, 4] x, float[4] g) => (float[2, 3, 4] y) {
        y = com.microsoft.SkipLayerNormalization <bias = 1> (x, x, g) }"""),
]


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def scan():
    """More inputs are scanned than there can be."""
    body = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "body",
                             [info("a", [4])], [info("b", [4])])
    return [helper.make_node("Scan", ["x"], ["y"], "n", body=body,
                             num_scan_inputs=LEAST)]


def loops(depth):
    """Nested loops that double what they carry."""
    inner = [helper.make_node("Concat", ["v", "v"], ["w"], axis=0)]
    for _ in range(depth):
        body = helper.make_graph(
            inner + [helper.make_node("Identity", ["go"], ["again"])], "body",
            [info("i", [], TensorProto.INT64), info("go", [], TensorProto.BOOL),
             info("v", None)],
            [info("again", [], TensorProto.BOOL), info("w", None)])
        inner = [helper.make_node("Loop", ["two", "", "v"], ["u"], body=body),
                 helper.make_node("Concat", ["u", "u"], ["w"], axis=0)]
    inner[0].input[2] = "x"
    return inner + [helper.make_node("ReduceSum", ["w"], ["y"], keepdims=0)]


def model(nodes):
    graph = helper.make_graph(
        nodes, "g", [info("x", [4])], [info("y", None)],
        [helper.make_tensor("two", TensorProto.INT64, [], [2])])
    return helper.make_model(graph, ir_version=10,
                             opset_imports=[helper.make_opsetid("", 21)])


def main(root):
    cases = [(message, onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 23, "com.microsoft": 1]> g ' + text))
        for message, text in TEXTS]
    # In each loop the two visits of its body must not double those within.
    cases += [("Scan.*do not fit", model(scan())), (None, model(loops(24)))]
    os.makedirs(root, exist_ok=True)
    path = os.path.join(root, "model.onnx")
    failures = 0
    for i, (message, made) in enumerate(cases):
        onnx.save(made, path)
        done = subprocess.run(
            ["ssmc", path, "--emit=linalg", "-o", os.path.join(root, "out.mlir")],
            capture_output=True, text=True, errors="replace")
        right = (done.returncode == 0 if message is None else
                 done.returncode == 1 and re.search(message, done.stderr))
        if not right:
            failures += 1
            print(f"{i}: exit code {done.returncode}, expected {message}\n"
                  f"{done.stderr[:2000]}")
    print(f"{len(cases)} graphs, {failures} failures")
    sys.exit(failures > 0)


main(sys.argv[1])
