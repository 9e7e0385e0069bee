"""Breaks every phase of a compilation, by an injected error and by the model.

    blame.py FOLDER
"""
import glob
import os
import subprocess
import sys

import onnx
import onnx.parser

GOOD = "(float[2, 4, 3] x, float[3] b) => (float[2, 4, 3] y) { s = Add (x, b) y = Exp (s) }"
# By the phase that finds it.
BAD = {
    "import": "(float[2, 4] x) => (float[2, 4] y) { y = Softmax <axis = 1.5> (x) }",
    "simplify": "(float[2, 4] x, float[3] b) => (float[2, 4] y) { y = Add (x, b) }",
    "lower": "(float[2, 4] x, int64[1] i) => (float[2, 4] y) {"
             " y = Reshape (x, i) }",
}
PHASES = ["simplify", "raise", "lengths", "lower", "codegen", "llvm", "optimize"]


def main(root):
    os.makedirs(root, exist_ok=True)
    path = os.path.join(root, "model.onnx")
    compilations = wrong = 0

    def compile_(text, code, message, *flags):
        nonlocal compilations, wrong
        onnx.save(onnx.parser.parse_model(
            '<ir_version: 10, opset_import: ["": 21]> g ' + text), path)
        for old in glob.glob(os.path.join(root, "ssmc-reproducer-*")):
            os.remove(old)
        done = subprocess.run(
            ["ssmc", path, "-o", os.path.join(root, "model.so"), *flags],
            capture_output=True, text=True, env={**os.environ, "TMPDIR": root})
        left = glob.glob(os.path.join(root, "ssmc-reproducer-*.mlir"))
        compilations += 1
        if (done.returncode != code or message not in done.stderr
                or len(left) != (code == 70)):
            wrong += 1
            print(f"{text} {flags}: exit code {done.returncode}, expected {code}, "
                  f"{len(left)} reproducers\n{done.stderr}")

    for phase in PHASES:
        compile_(GOOD, 70, f"internal error in phase {phase}", "--fail-in=" + phase,
                 "--dim=x:0=B")
    for text in BAD.values():
        compile_(text, 1, "model.onnx: node")
    compile_(GOOD, 2, "the model has no input 'z'", "--dim=z:0=B")
    print(f"{compilations} compilations, {wrong} wrong")
    sys.exit(wrong > 0)


main(sys.argv[1])
