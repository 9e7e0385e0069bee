"""Imports every model under a folder and compares the numbers of its nodes,
initialisers, inputs and outputs with what the onnx package reads; then inlines
its functions and asks that all of its operators are supported.

usage: import_models.py FOLDER
"""
import collections
import glob
import re
import subprocess
import sys

import onnx


def count(nodes, initializers, counts):
    counts["onnx.constant"] += len(initializers)
    for node in nodes:
        is_constant = node.op_type == "Constant"
        counts["onnx.constant" if is_constant else "onnx.node"] += 1
        if not is_constant:
            counts[f'onnx.node "{node.op_type}"'] += 1
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                count(attribute.g.node, attribute.g.initializer, counts)


def main(folder):
    paths = sorted(glob.glob(folder + "/**/*.onnx", recursive=True))
    failures = 0
    for path in paths:
        model = onnx.load(path)
        wanted = collections.Counter()
        count(model.graph.node, model.graph.initializer, wanted)
        for function in model.functions:
            count(function.node, [], wanted)
        wanted["onnx.name"] = len(model.graph.input) + len(model.graph.output)
        done = subprocess.run(["ssm-import", path], capture_output=True, text=True)
        found = collections.Counter(
            re.findall(r"onnx\.(?:node|constant|name)\b", done.stdout))
        found.update(re.findall(r'onnx\.node "\w+"', done.stdout))
        supported = subprocess.run(["ssm-import", "--supported", "--check", path],
                                   capture_output=True, text=True)
        if supported.returncode != 0:
            failures += 1
            print(path, supported.stderr)
        elif done.returncode != 0 or found != wanted:
            failures += 1
            print(path, done.returncode, done.stderr, dict(found - wanted),
                  dict(wanted - found))
    print(f"{len(paths) - failures} of {len(paths)} models imported")
    sys.exit(1 if failures or not paths else 0)


main(sys.argv[1])
