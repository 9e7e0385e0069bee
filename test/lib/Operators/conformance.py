"""Runs every node test of the `onnx` package through the compiler and runtime.

    conformance.py [--way given|dynamic|constant]... [--sample N] [--filter REGEX]
                   [--list FILE] [-O LEVEL] [-v]

The cases (`onnx.backend.test.case.node`) bring a model, inputs and expected
outputs. They run in three ways: as they are given; with the extents of the
inputs above 1 made dynamic, equal ones of a case as one symbol; with the inputs
made constants. Those extents stay that operators.txt says must be known (sizes of
heads, weights of a convolution), and the lengths of lists of axes and extents. What is known not to pass stands in conformance.txt, under the
ways and the reason, and must then fail: a case that passes beyond the list is
reported as well as one that fails.

Cases are put side by side in one model, so that one compilation serves many.
Where a model is rejected the cases that the messages name are taken out, and
where they name none it is halved. Those that are listed run apart from the others.
bfloat16, which NumPy lacks, passes the interface as float32.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from node_tests import Lists

HERE = os.path.dirname(os.path.abspath(__file__))
WAYS = ("given", "dynamic", "constant")
MIXERS = re.compile("lstm|gru|simple_rnn|scan|loop|linear_att|causal_conv|cumprod|cumsum|attention|rotary|rms_norm")
NUMPY_TYPES = {TensorProto.DataType.Value(name) for name in (
    "BOOL INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64 FLOAT16 FLOAT DOUBLE").split()}
BATCH = 60


class Unfit(Exception):
    """A case that cannot be put to the compiler; holds the reason."""


def read_list(path):
    """By way and case, the reason why it is known not to pass."""
    known = {way: {} for way in WAYS}
    for line in open(path):
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith(" "):
            ways, reason = line.strip().split(": ", 1)
            continue
        for name in line.split():
            for way in ways.split():
                known[way][name] = reason
    return known


def collect():
    from onnx.backend.test.case import node as node_cases
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    cases = {case.name: case for case in node_cases.collect_testcases(None)}
    return [case for _, case in sorted(cases.items())]


def element_type(info):
    """Of a value that is a tensor of a type that can pass the interface."""
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        raise Unfit(f"{info.name} is not a tensor")
    element = info.type.tensor_type.elem_type
    if element not in NUMPY_TYPES and element != TensorProto.BFLOAT16:
        raise Unfit(f"{info.name} has elements of type {TensorProto.DataType.Name(element)}")
    return element


def as_array(value):
    if isinstance(value, TensorProto):
        value = numpy_helper.to_array(value)
    value = np.asarray(value)
    return value.astype(np.float32) if value.dtype.name == "bfloat16" else value


def rename(graph, prefix):
    """Puts `prefix` before every name in a graph and those nested in it."""
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [prefix + name if name else "" for name in field]
        for attribute in node.attribute:
            for nested in [attribute.g, *attribute.graphs]:
                if nested.ByteSize():
                    rename(nested, prefix)
    for value in [*graph.input, *graph.output, *graph.initializer, *graph.value_info]:
        value.name = prefix + value.name


class Part:
    """One case as a part of a model."""

    def __init__(self, case, way, pinned=()):
        self.case = case
        symbols = set()
        graph = onnx.GraphProto()
        graph.CopyFrom(case.model.graph)
        if len(case.data_sets) != 1 or case.model.functions:
            raise Unfit("has several sets of data or functions")
        types = [element_type(info) for info in [*graph.input, *graph.output]]
        prefix = case.name + "/"
        rename(graph, prefix)
        for node in graph.node:
            node.name = case.name
        values, results = case.data_sets[0]
        self.feeds, self.expected = {}, {}
        self.nodes, self.inputs, self.outputs = [], [], []
        self.initializers = list(graph.initializer)
        for info, value, element in zip(graph.input, values, types):
            value = as_array(value)
            name = info.name
            if element == TensorProto.BFLOAT16:
                info.name += ".wide"
                info.type.tensor_type.elem_type = TensorProto.FLOAT
                self.nodes.append(helper.make_node("Cast", [info.name], [name], name=case.name, to=element))
            if way == "constant":
                self.initializers.append(numpy_helper.from_array(value, info.name))
                continue
            dims = info.type.tensor_type.shape.dim
            for dim, extent in zip(dims, value.shape):
                is_list = value.ndim == 1 and value.dtype.kind == "i"
                if way == "dynamic" and extent > 1 and extent not in pinned and not is_list:
                    dim.dim_param = f"{prefix}{extent}"
                    symbols.add(extent)
                else:
                    dim.dim_value = extent
            self.inputs.append(info)
            self.feeds[info.name] = value
        self.nodes += graph.node
        for info, value, element in zip(graph.output, results, types[len(graph.input):]):
            name = info.name
            if element == TensorProto.BFLOAT16:
                info.name += ".wide"
                info.type.tensor_type.elem_type = TensorProto.FLOAT
                self.nodes.append(helper.make_node("Cast", [name], [info.name], name=case.name, to=TensorProto.FLOAT))
            for dim in info.type.tensor_type.shape.dim:
                if dim.dim_value in symbols:
                    dim.dim_param = f"{prefix}{dim.dim_value}"
            self.outputs.append(info)
            self.expected[info.name] = as_array(value), element == TensorProto.BFLOAT16
        self.domains = {entry.domain if entry.domain != "ai.onnx" else "": entry.version
                        for entry in case.model.opset_import}


def merge(parts):
    graph = helper.make_graph(
        [n for p in parts for n in p.nodes], "cases", [i for p in parts for i in p.inputs],
        [o for p in parts for o in p.outputs], [t for p in parts for t in p.initializers])
    domains = {d: v for p in parts for d, v in p.domains.items()}
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in domains.items()])
    model.ir_version = max(p.case.model.ir_version for p in parts)
    return model


def deviation(case, got, want, is_half):
    """None where equal, else what differs. Floats may differ by the case's own
    tolerance, and by what float32 and the halves leave open."""
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind != "f":
        return None if np.array_equal(got, want) else "differs"
    least = 2e-2 if is_half else 5e-3 if want.dtype == np.float16 else 1e-5
    rtol, atol = max(case.rtol or 0, least), max(case.atol or 0, least)
    a, b = got.astype(np.float64), want.astype(np.float64)
    if np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True):
        return None
    return f"differs by {np.nanmax(np.abs(a - b)):.3g}"


def run_program(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "takes more than five minutes")


def run_once(parts, level):
    """Outputs by name, or what the compiler or the runtime says."""
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        onnx.save(merge(parts), at("model.onnx"))
        np.savez(at("in.npz"), **{k: v for p in parts for k, v in p.feeds.items()})
        run = run_program(["ssmc", at("model.onnx"), f"-O{level}", "-o", at("model.so")])
        if run.returncode == 0:
            run = run_program(["ssm-run", at("model.so"), "--input", "@" + at("in.npz"), "--output", "@" + at("out.npz")])
        if run.returncode == 0:
            return dict(np.load(at("out.npz"))), ""
        return None, f"exit code {run.returncode}\n{run.stderr}"


def run(parts, level):
    """The problem of each case by name; None where it passes."""
    if not parts:
        return {}
    got, text = run_once(parts, level)
    if got is not None:
        problems = {}
        for part in parts:
            found = [deviation(part.case, got[name], *want) for name, want in part.expected.items()]
            problems[part.case.name] = next((p for p in found if p), None)
        return problems
    lines = [line for line in text.splitlines() if "error" in line] or text.splitlines()
    said = {}
    for part in parts:
        name = re.compile(rf"(?<!\w){part.case.name}(?!\w)")
        said.update({part.case.name: line for line in lines[::-1] if name.search(line)})
    if len(parts) == 1:
        return {parts[0].case.name: said.get(parts[0].case.name, " ".join(lines))[-400:]}
    if said:
        rest = [part for part in parts if part.case.name not in said]
        return {**said, **run(rest, level)}
    return {**run(parts[::2], level), **run(parts[1::2], level)}


def pinned_extents(case, lists, by_name):
    """Extents that must be known; those of an operator hold for its expansion."""
    base = by_name.get(case.name.split("_expanded")[0], case)
    if len(base.model.graph.node) != 1 or len(base.data_sets) != 1:
        return ()
    values = [as_array(v) if isinstance(v, (np.ndarray, TensorProto)) else np.zeros(()) for v in base.data_sets[0][0]]
    return set(lists.pinned(base.model.graph.node[0], values))


def run_way(way, cases, known, level, by_name):
    problems, groups = {}, collections.defaultdict(list)
    lists = Lists(os.path.join(HERE, "operators.txt"))
    for case in cases:
        try:
            part = Part(case, way, pinned_extents(case, lists, by_name) if way == "dynamic" else ())
            listed = case.name in known[way]
            groups[tuple(sorted(part.domains.items())), listed].append(part)
        except Unfit as unfit:
            problems[case.name] = str(unfit)
    batches = []
    for (_, listed), parts in groups.items():
        count = -(-len(parts) // (10 if listed else BATCH))
        batches += [parts[i::count] for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for result in pool.map(lambda batch: run(batch, level), batches):
            problems.update(result)
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--sample", type=int, default=1, help="every Nth case only")
    parser.add_argument("--filter", default="")
    parser.add_argument("--list", default=os.path.join(HERE, "conformance.txt"))
    parser.add_argument("-O", dest="level", default="0")
    parser.add_argument("-v", action="store_true", help="say why the listed cases fail")
    arguments = parser.parse_args()
    known = read_list(arguments.list)
    every = collect()
    by_name = {case.name: case for case in every}
    cases = [case for case in every if re.search(arguments.filter, case.name)]
    whole = len(cases)
    cases = cases[::arguments.sample]
    bad = False
    for way in arguments.way or WAYS:
        problems = run_way(way, cases, known, arguments.level, by_name)
        for name, problem in sorted(problems.items()):
            listed = known[way].get(name)
            if problem and (arguments.v or not listed):
                print(f"{'LISTED' if listed else 'FAILED'} {name}: {problem}")
            if not problem and listed:
                print(f"PASSED {name}, which is listed: {listed}")
            bad |= bool(problem) != bool(listed)
        passed = [name for name, problem in problems.items() if not problem]
        mixers = [name for name in problems if MIXERS.search(name)]
        print(f"[{way}] {len(passed)} of {len(problems)} cases passed, of mixers "
              f"{sum(not problems[name] for name in mixers)} of {len(mixers)} ({whole} cases in all)", flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
