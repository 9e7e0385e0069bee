"""Broken models: what every file of this folder has in common.

A file registers its cases with `case` and ends with `run()`, which is called as

    FILE.py FOLDER [--limit MEGABYTES]

It writes FOLDER/<case>/<case>.onnx and compiles each. A case passes if the exit
code is 1, the diagnostic begins with the file's name and matches the case's
expression, nothing but it is printed, and no artifact is left. With --limit the
compiler has only that much address space beyond the file itself: what a file
claims is not allocated.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
CASES = {}


def case(expected):
    """Registers a function that returns a model, or bytes, or None where it has
    written the model itself, besides other files of its case, into the folder
    it is given."""
    def register(make):
        CASES[make.__name__] = (make, expected)
        return make
    return register


def info(name, shape=(4,), element=FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def node(op, inputs, outputs, name="n", **attributes):
    return helper.make_node(op, inputs, outputs, name, **attributes)


def model(nodes, initializers=(), inputs=("x",), outputs=("y",), opset=21,
          functions=(), others=()):
    graph = helper.make_graph(
        nodes, "g", [i if not isinstance(i, str) else info(i) for i in inputs],
        [o if not isinstance(o, str) else info(o) for o in outputs],
        list(initializers))
    return helper.make_model(
        graph, functions=list(functions), ir_version=10,
        opset_imports=[helper.make_opsetid("", opset)]
        + [helper.make_opsetid(domain, 1) for domain in others])


def good():
    return model([node("Add", ["x", "w"], ["y"])],
                 [numpy_helper.from_array(np.ones(4, np.float32), "w")])


def with_tensor(change):
    """The good model, its initialiser changed."""
    made = good()
    change(made.graph.initializer[0])
    return made


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def compile_in(folder, name, limit):
    """Compiles as users call it: from the folder, so that messages are short."""
    space = (limit << 20) + os.path.getsize(os.path.join(folder, name + ".onnx"))

    def restrict():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (space, space))
    return subprocess.run(["ssmc", name + ".onnx", "-o", "model.so", "-O0"], cwd=folder, capture_output=True,
                          text=True, errors="replace", timeout=120, preexec_fn=restrict)


def run():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--limit", type=int, default=0)
    arguments = parser.parse_args()
    failures = 0
    for name, (make, expected) in CASES.items():
        folder = os.path.join(arguments.folder, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        made = make(folder)
        if made is not None:
            with open(os.path.join(folder, name + ".onnx"), "wb") as file:
                file.write(made if isinstance(made, bytes) else made.SerializeToString())
        done = compile_in(folder, name, arguments.limit)
        pattern = re.escape(name) + r"\.onnx: (node '[^\n]*: )?[^\n]*" + expected
        ok = (done.returncode == 1 and done.stdout == "" and re.match(pattern, done.stderr)
              and not os.path.exists(os.path.join(folder, "model.so")))
        if not ok:
            failures += 1
            print(f"{name}: exit code {done.returncode}\n{done.stderr[:2000]}expected {expected}\n")
    # The same limits let a good model through.
    os.makedirs(arguments.folder, exist_ok=True)
    onnx.save(good(), os.path.join(arguments.folder, "good.onnx"))
    done = compile_in(arguments.folder, "good", arguments.limit)
    if done.returncode:
        failures += 1
        print("good.onnx:", done.stderr)
    print(f"{len(CASES)} broken models, {failures} failures")
    sys.exit(1 if failures else 0)
