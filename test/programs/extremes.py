"""extremes.py FOLDER: every op with a state at -O0 and -O2 beside its oracle, at
lengths around the kernels' blocks of 64 tokens, with decays that forget all,
nothing, or next to either. Backwards is between two flips, a packed sequence is
its parts run one by one, and pieces continue one another. Then what special.py
has."""
import pathlib
import sys

import numpy as np

from artifact import Artifact
from ops import OPS
import special

LENGTHS = [1, 63, 64, 65, 127, 129]
FACTORS = [0, 1e-7, 0.5, 1 - 1e-7, 1]


def compare(what, found, expected, tolerance):
    size, error = (np.abs(x).max(initial=0) for x in (expected, np.float64(found) - expected))
    if found.shape != expected.shape or not error <= tolerance * size:
        sys.exit(f"{what}: off by {error:.3g}, the largest value is {size:.3g}")


def results(outputs):
    return [outputs[name] for name in ("y", "last") if name in outputs]


class Case:
    def __init__(self, rng, op, kind, length, factors):
        self.op, self.kind, self.length = op, kind, length
        self.given = op.inputs_of(rng, 2, length, factors)
        if kind == "packed":
            self.given["resets"] = rng.random((2, length)) < 0.05
        self.what = f"{op.name}_{kind} of {length} tokens" + (" with extreme decays" if factors else "")
        self.cut = int(rng.integers(0, length + 1))

    def call(self, given, kind=None):
        return f"{self.op.name}_{kind or self.kind}", given


def check_oracle(cases, machine):
    found = machine([c.call(c.given) for c in cases])
    for case, outputs in zip(cases, found):
        for x, y in zip(results(outputs), case.op.expected(case.kind, case.given)):
            compare(case.what, x, y, case.op.tolerance)
    return found


def check_pieces(cases, whole, machine):
    """What is left by the piece that runs first begins the second."""
    kept = [(c, x) for c, x in zip(cases, whole) if c.op.state]
    pieces = []
    for case, _ in kept:
        early, late = slice(0, case.cut), slice(case.cut, case.length)
        pieces.append((late, early) if case.kind == "backwards" else (early, late))
    first = machine([c.call(c.op.part(c.given, a)) for (c, _), (a, _) in zip(kept, pieces)])
    second = machine([c.call(c.op.part(c.given, b) | {"state": x["last"]})
                      for (c, _), (_, b), x in zip(kept, pieces, first)])
    for (case, x), a, b in zip(kept, first, second):
        early, late = (b, a) if case.kind == "backwards" else (a, b)
        compare(case.what + " in pieces", np.concatenate([early["y"], late["y"]], 1), x["y"], case.op.tolerance)
        compare(case.what + " in pieces: state", b["last"], x["last"], case.op.tolerance)


def check_flips(cases, whole, machine):
    kept = [(c, x) for c, x in zip(cases, whole) if c.kind == "backwards"]
    found = machine([c.call({n: c.op.flip(n, x) for n, x in c.given.items()}, "forwards") for c, _ in kept])
    for (case, x), y in zip(kept, found):
        compare(case.what + " as a flip", y["y"][:, ::-1], x["y"], case.op.tolerance)
        compare(case.what + " as a flip: state", y["last"], x["last"], case.op.tolerance)


def check_sequences(cases, whole, machine):
    """Each sequence of a packed row by itself."""
    calls, parts = [], []
    for case, x in zip(cases, whole):
        if case.kind != "packed":
            continue
        for b in range(2):
            row = {n: v[b:b + 1] if case.op.is_timed(n) or n == "state" else v for n, v in case.given.items()}
            flags = row.pop("resets")[0]
            begins = [0, *(t for t in range(1, case.length) if flags[t]), case.length]
            for first, end in zip(begins, begins[1:]):
                part = case.op.part(row, slice(first, end))
                if case.op.state and flags[first]:
                    part["state"] = np.zeros_like(part["state"])
                calls.append(case.call(part, "forwards"))
                parts.append((case, x, b, first, end))
    for (case, x, b, first, end), found in zip(parts, machine(calls)):
        size = np.abs(x["y"]).max()
        compare(case.what + " one by one", found["y"] / size, x["y"][b:b + 1, first:end] / size,
                case.op.tolerance / max(np.abs(x["y"][b, first:end]).max() / size, 1e-30))
        if case.op.state and end == case.length:
            compare(case.what + " one by one: state", found["last"], x["last"][b:b + 1], case.op.tolerance)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "ops.mlir"
    source.write_text("module {\n" + "".join(op.text(kind) for op in OPS for kind in op.kinds)
                      + special.text() + "}\n")
    rng = np.random.default_rng(3)
    cases = [Case(rng, op, kind, length, factors) for op in OPS for kind in op.kinds for length in LENGTHS
             for factors in [None] + [FACTORS] * (op.forget is not None)]
    for level in (0, 2):
        machine = Artifact(source, level)
        whole = check_oracle(cases, machine)
        check_pieces(cases, whole, machine)
        check_flips(cases, whole, machine)
        check_sequences(cases, whole, machine)
        more = special.check_ops(machine, rng) + special.check_attention(machine, rng)
        print(f"-O{level}: {len(cases)} and {more} cases ok")


if __name__ == "__main__":
    main()
