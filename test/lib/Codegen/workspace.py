"""Calls models with extents that their outputs allow and values within do not.

    workspace.py FOLDER
"""
import os
import subprocess
import sys

import onnx
import onnx.parser

CASES = [
    # 2^66 bytes: counted in 64 bits they are none.
    ("product", """(float[N, 1, 1] a, float[M, 1] b, float[K] c) => (float y)
        <int64 axis = {2}> {
        sum = Add (a, b) all = Add (sum, c) s = CumSum (all, axis)
        y = ReduceMax <keepdims = 0> (s) }""",
     [({"N": 3, "M": 2, "K": 4}, 0, ""),
      (dict.fromkeys("NMK", 1 << 21), 1, "more workspace than can be counted")]),
    ("window", """(float[1, 1, L] x) => (float[1, 1, L] y)
        <float[1, 1, 4] w = {1, 2, 3, 4}, int64[1] three = {3}, int64 axis = {2},
         int64[6] pads = {0, 0, 3, 0, 0, 0}> {
        a = Conv (x, w) b = CumSum (a, axis) y = Pad (b, pads) }""",
     [({"L": 4}, 0, ""),
      ({"L": 2}, 1, "a value within entry 'forward' would have a negative extent")]),
    ("output", """(float[1, 1, L] x) => (float[1, 1, P] y)
        <float[1, 1, 4] w = {1, 2, 3, 4}> { y = Conv (x, w) }""",
     [({"L": 4}, 0, ""), ({"L": 2}, 1, "of output 'y' would be -1")]),
]


def main(root):
    os.makedirs(root, exist_ok=True)
    calls = wrong = 0
    for name, graph, runs in CASES:
        model = onnx.parser.parse_model(
            '<ir_version: 9, opset_import: ["": 18]> g ' + graph)
        path = os.path.join(root, name)
        onnx.save(model, path + ".onnx")
        subprocess.run(["ssmc", path + ".onnx", "-O0", "-o", path + ".so"], check=True)
        for dims, code, message in runs:
            done = subprocess.run(
                ["ssm-run", path + ".so"]
                + [f"--input={i.name}=random" for i in model.graph.input]
                + [f"--dim={k}={v}" for k, v in dims.items()],
                capture_output=True, text=True)
            calls += 1
            if done.returncode != code or message not in done.stderr:
                wrong += 1
                print(f"{name} {dims}: exit code {done.returncode} {done.stderr}")
    print(f"{calls} calls, {wrong} wrong")
    sys.exit(wrong > 0)


main(sys.argv[1])
