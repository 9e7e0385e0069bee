"""kernel_cases.py CPU OP[:STRATEGY]...: kernels whose operands are stored in half precision,
on the cases that the tests of the dialect have for their ops, against the same
dense oracles: in one go and in pieces."""
import importlib
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "dialects/ssm/numeric"))
import numpy as np  # noqa: E402
from check import check  # noqa: E402
from execute import Function  # noqa: E402
from kernel_harness import build, host_runs, nested, run  # noqa: E402


def on_buffers(function):
    types = function.types("memref")
    names = [f"%m{i}" for i in range(len(types))]
    args = ", ".join(f"{n}: {t}" for n, t in zip(names, types))
    op = function.body.format(*names, **{f"t{i}": t for i, t in enumerate(types)})
    return f"func.func @{function.name}({args}) attributes {{llvm.emit_c_interface}} {{\n  {op}{function.attributes}\n  return\n}}\n"


def specialise(cases, strategy):
    """The largest case of each function, with all its extents but those of time."""
    largest = {}
    for case in cases:
        if case.ins[0].dtype.itemsize == 2:
            name = case.function.name
            largest[name] = max(largest.get(name, case), case, key=lambda c: c.ys[0].size)
    for case in largest.values():
        arrays = [*case.ins, *case.ys, *case.states]
        axes = [*case.axes, *[None] * len(case.states)]
        types = [(x.dtype, [None if d == axis else n for d, n in enumerate(x.shape)])
                 for x, axis in zip(arrays, axes)]
        f, n = case.function, len(case.ins)
        case.function = Function(f.name, types[:n], types[n:], f.body, f.tiles)
        if strategy:
            case.function = case.function.by(strategy)
    return list(largest.values())


def has_kernel(functions, kernel, cpu):
    """The names of those whose op the pass replaces."""
    text = run(["ssm-opt", f"--pass-pipeline=builtin.module({nested(f'{kernel}{{cpu={cpu}}}')})"],
               "".join(map(on_buffers, functions)))
    bodies = re.split(r"func\.func @", text)[1:]
    return {body.split("(")[0] for body in bodies if " ssm." not in body}


class Kernels:
    def __init__(self, functions, kernel, cpu):
        self.library = build("".join(map(on_buffers, functions)), [kernel], cpu)

    def __call__(self, calls):
        results = []
        for function, ins, outs in calls:
            outs = [np.array(out) for out in outs]
            self.library.call(function.name, *[np.asarray(x, order="C") for x in ins], *outs)
            results.append(outs)
        return results


def main():
    cpu, *ops = sys.argv[1:]
    for name in ops:
        op, _, strategy = name.partition(":")
        kernel = "ssm-lower-" + op.replace("_", "-")
        cases = specialise(importlib.import_module("cases_" + op).cases(np.random.default_rng(8)), strategy)
        functions = [c.function for c in cases]
        names = has_kernel(functions, kernel, cpu)
        taken = [f for f in functions if f.name in names]
        cases = [c for c in cases if c.function.name in names]
        if host_runs(cpu):
            check(Kernels(taken, kernel, cpu), kernel, cases, lambda c: c.tolerance)
        types = sorted({str(np.dtype(f.ins[0][0])) for f in taken})
        print(f"{name}: {len(taken)} of {len(functions)} functions, of {' '.join(types)}")


if __name__ == "__main__":
    main()
