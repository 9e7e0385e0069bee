"""Runs ONNX's own node tests through the evaluator, or compiled.

    node_tests.py [--passes PIPELINE] [--filter REGEX] [--sample N] [--keep DIR] [-v]

The cases (`onnx.backend.test.case.node`) bring inputs and expected outputs.
Cases of one operator set are put side by side in one graph, so that the whole
run is a handful of processes. A case passes when every output of it is equal,
floats within the case's own tolerance (at least 1e-5, for what float32 itself
leaves open; 16-bit floats within their precision). The operators to run are
those of operators.txt, which also lists what is known not to work.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


class Lists:
    """What operators.txt says: the operators, the cases that are left out, and
    per operator the inputs and the extents that must be known to compile it."""

    def __init__(self, path):
        self.ops, self.skipped = set(), {}
        self.constant = collections.defaultdict(set)
        self.static = collections.defaultdict(set)
        for line in open(path):
            line = line.split("#")[0].split()
            if not line:
                continue
            if line[0] == "skip":
                self.skipped[line[1]] = " ".join(line[2:])
            elif line[0] == "constant":
                self.constant[line[1]].update(int(i) for i in line[2:])
            elif line[0] == "static":
                self.static[line[1]].update(tuple(map(int, at.split("."))) for at in line[2:])
            else:
                self.ops.update(line)

    def pinned(self, node, values):
        """Extents of a case that must be known; equal ones go with them."""
        inputs = [name for name in node.input if name]
        for i, d in self.static[node.op_type]:
            if i < len(inputs) and -values[i].ndim <= d < values[i].ndim:
                yield values[i].shape[d]


def collect(ops, pattern):
    from onnx.backend.test.case import node as node_cases
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    cases = []
    for case in node_cases.collect_testcases(None):
        nodes = case.model.graph.node
        if (case.kind == "node" and len(nodes) == 1 and nodes[0].op_type in ops
                and nodes[0].domain in ("", "com.microsoft")
                and re.search(pattern, case.name)):
            cases.append(case)
    return cases


def as_array(value):
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    return np.asarray(value)


NUMPY_TYPES = {np.dtype(t) for t in (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", "float16", "float32", "float64")}


def usable(case):
    """Only tensors of types that NumPy has itself."""
    for inputs, outputs in case.data_sets:
        for value in list(inputs) + list(outputs):
            if isinstance(value, (list, dict, str)) or value is None:
                return False
            if as_array(value).dtype not in NUMPY_TYPES:
                return False
    return True


def rename(graph_value, prefix, symbolic=False, pinned=()):
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(graph_value)
    copy.name = prefix + copy.name
    if symbolic and copy.type.tensor_type.HasField("shape"):
        for dim in copy.type.tensor_type.shape.dim:
            if dim.dim_value > 1 and dim.dim_value not in pinned:
                dim.dim_param = f"{prefix}{dim.dim_value}"
    return copy


def merge(cases, opset, lists, symbolic):
    """One model with the nodes of all cases, their feeds and expectations.
    Where extents are symbolic, equal ones of a case are one symbol, and 1 is
    itself: what broadcasts is known."""
    nodes, inputs, outputs, initializers = [], [], [], []
    feeds, expected = {}, {}
    domains = {"": opset}
    for k, case in enumerate(cases):
        prefix = f"c{k}_"
        graph = case.model.graph
        node = onnx.NodeProto()
        node.CopyFrom(graph.node[0])
        node.name = case.name
        for field in (node.input, node.output):
            for i, name in enumerate(field):
                field[i] = prefix + name if name else ""
        nodes.append(node)
        values, results = case.data_sets[0]
        constant = {graph.node[0].input[i] for i in lists.constant[node.op_type] if i < len(node.input)}
        pinned = set(lists.pinned(graph.node[0], [as_array(v) for v in values]))
        for info, value in zip(graph.input, values):
            if info.name in constant:
                initializers.append(numpy_helper.from_array(
                    as_array(value), prefix + info.name))
            else:
                inputs.append(rename(info, prefix, symbolic, pinned))
                feeds[prefix + info.name] = as_array(value)
        outputs += [rename(v, prefix, symbolic, pinned) for v in graph.output]
        for tensor in graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = prefix + copy.name
            initializers.append(copy)
        for entry in case.model.opset_import:
            domains.setdefault(entry.domain, entry.version)
        for info, value in zip(graph.output, results):
            expected[prefix + info.name] = (case, as_array(value))
    graph = helper.make_graph(nodes, "cases", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[
        helper.make_opsetid(d, v) for d, v in domains.items()])
    model.ir_version = max(case.model.ir_version for case in cases)
    return model, feeds, expected


def deviation(case, got, want):
    """None where equal, else what differs."""
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind == "f":
        got = got.astype(want.dtype)
        least = 5e-3 if want.dtype == np.float16 else 1e-5
        rtol, atol = max(case.rtol or 0, least), max(case.atol or 0, least)
        if not np.allclose(got.astype(np.float64), want.astype(np.float64),
                           rtol=rtol, atol=atol, equal_nan=True):
            difference = np.abs(got.astype(np.float64) - want)
            return f"differs by {np.nanmax(difference):.3g}"
    elif not np.array_equal(got.astype(want.dtype), want):
        return "differs"
    return None


class Rejected(Exception):
    """The whole model was rejected; holds what was said."""


def evaluate(model, feeds, folder, passes):
    """Outputs by name, and the reason where one is missing."""
    path = os.path.join(folder, "model.onnx")
    onnx.save(model, path)
    np.savez(os.path.join(folder, "in.npz"), **feeds)
    out = os.path.join(folder, "out.npz")
    if os.path.exists(out):
        os.remove(out)
    source = "@" + os.path.join(folder, "in.npz")
    if passes.startswith("-O"):
        library = os.path.join(folder, "model.so")
        run = subprocess.run(["ssmc", path, passes, "-o", library],
                             capture_output=True, text=True)
        if run.returncode == 0:
            run = subprocess.run(
                ["ssm-run", library, "--input", source, "--output", "@" + out],
                capture_output=True, text=True)
    else:
        run = subprocess.run(
            ["ssm-eval", path, "--passes=" + passes, "--input=" + source,
             "--output=@" + out], capture_output=True, text=True)
    reasons = dict(re.findall(r"output '([^']*)': (.*)", run.stderr))
    if not os.path.exists(out):
        raise Rejected(f"exit code {run.returncode}\n{run.stderr}")
    return dict(np.load(out)), reasons


def run_group(group, opset, folder, passes, lists, symbolic, failures):
    """Evaluates cases side by side; those that the model is rejected for are
    noted as failures and the others tried again."""
    while group:
        model, feeds, expected = merge(group, opset, lists, symbolic)
        try:
            got, reasons = evaluate(model, feeds, folder, passes)
            return got, reasons, expected
        except Rejected as rejected:
            text = str(rejected)
            named = {c.name: c for c in group
                     if re.search(rf"\b{c.name}\b", text)}
            if not named:
                sys.exit(text)
            for name in named:
                line = next(l for l in text.splitlines() if name in l)
                failures[name] = line.strip()
            group = [c for c in group if c.name not in named]
    return {}, {}, {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ops", default=os.path.join(HERE, "operators.txt"))
    parser.add_argument("--passes", action="append",
                        help="run before the evaluation; -O0 or -O2: compile "
                        "and run; may be repeated")
    parser.add_argument("--filter", default="")
    parser.add_argument("--sample", type=int, default=0,
                        help="every Nth case only")
    parser.add_argument("--symbolic", action="store_true",
                        help="compile for any extents of the inputs")
    parser.add_argument("--keep", help="folder for the files")
    parser.add_argument("-v", action="store_true", help="name every case")
    arguments = parser.parse_args()
    lists = Lists(arguments.ops)
    by_opset = collections.defaultdict(list)
    cases = [c for c in collect(lists.ops, arguments.filter) if usable(c)]
    if arguments.sample:
        cases = cases[::arguments.sample]
    for case in cases:
        version = next(o.version for o in case.model.opset_import
                       if o.domain in ("", "ai.onnx"))
        if version >= 7 and case.name not in lists.skipped:
            by_opset[version].append(case)

    bad = False
    for passes in arguments.passes or [""]:
        bad |= not run_all(by_opset, passes, lists, arguments)
    sys.exit(bad)


def run_all(by_opset, passes, lists, arguments):
    failures, passed = {}, set()
    for opset, group in sorted(by_opset.items()):
        with tempfile.TemporaryDirectory() as folder:
            if arguments.keep:
                folder = os.path.join(arguments.keep, str(opset))
                os.makedirs(folder, exist_ok=True)
            got, reasons, expected = run_group(group, opset, folder, passes, lists,
                                               arguments.symbolic, failures)
        for name, (case, want) in expected.items():
            if name in got:
                problem = deviation(case, got[name], want)
            else:
                problem = reasons.get(name, "missing")
            if problem:
                failures.setdefault(case.name, problem)
            else:
                passed.add(case.name)
    passed -= failures.keys()
    if arguments.v:
        print("\n".join(sorted(passed)))
    for name, problem in sorted(failures.items()):
        print(f"FAILED {name}: {problem}")
    print(f"[{passes}] {len(passed)} passed, {len(failures)} failed")
    return bool(passed) and not failures


if __name__ == "__main__":
    main()
