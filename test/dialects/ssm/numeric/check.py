"""check.py OP FOLDER [PASS | STRATEGY[:CHUNK]...]: compares an op with its dense
oracle on random shapes, in one go and in two pieces of which the second continues
the first; that ops which claim to be linear are, and that combiners are
associative. With PASS, the compiled op alone, after it; with strategies, computed
by each of them."""
import copy
import importlib
import sys
import zlib

import numpy as np

from common import wide
from execute import Compiled, Evaluated


def garbage(rng, dtype, shape):
    """What an output holds before the op must not matter."""
    if np.issubdtype(dtype, np.integer):
        return np.full(shape, 77, dtype)
    return np.full(shape, np.nan, dtype)


def compare(what, found, expected, tolerance, sizes=None):
    """`sizes` has what each result is measured by, if not by its own largest
    value. Where that is zero only zero is right."""
    for i, (x, y) in enumerate(zip(found, expected)):
        if x.shape != y.shape:
            sys.exit(f"{what}: result {i} has shape {x.shape} instead of {y.shape}")
        if x.dtype == bool:
            x, y = x.astype(int), y.astype(int)
        size = sizes[i] if sizes else np.abs(y[np.isfinite(y)]).max(initial=0.0)
        with np.errstate(invalid="ignore"):
            # Flags have no difference of their own.
            apart = np.subtract(x, y, dtype=np.result_type(x, y, np.float64))
            error = np.where(x == y, 0, np.abs(apart)).max(initial=0.0)
        if not error <= tolerance * size:
            sys.exit(f"{what}: result {i} is off by {error:.3g}, its largest value is {size:.3g}")


def check_linear(machine, name, cases, tolerance, rng):
    """f(x + 2 x') = f(x) + 2 f(x') in the inputs and states that a case names."""
    cases = [case for case in cases if case.linear]
    calls = []
    for case in cases:
        # Of few digits, so that sums of them are exact.
        values, n = [(np.round(wide(x) * 64) / 64).astype(x.dtype) for x in [*case.ins, *case.states]], len(case.ins)
        other = [rng.permutation(x.ravel()).reshape(x.shape) for x in values]
        both = [(x + 2 * y).astype(x.dtype) for x, y in zip(values, other)]
        for of in (values, other, both):
            mixed = [of[i] if i in case.linear else x for i, x in enumerate(values)]
            calls.append((case.function, mixed[:n], [garbage(rng, y.dtype, y.shape) for y in case.ys] + mixed[n:]))
    found = machine(calls) if calls else []
    for i, case in enumerate(cases):
        one, other, both = found[3 * i:3 * i + 3]
        # Rounding is of the parts, which may cancel.
        sizes = [np.abs(x).max(initial=0.0) + np.abs(y).max(initial=0.0) for x, y in zip(one, other)]
        compare(f"{name}: linearity of {case}", both, [x + 2 * y for x, y in zip(one, other)],
                8 * tolerance(case), sizes)


def check_associative(machine, name, cases, tolerance, rng):
    """Where a combiner has an identity: the state after the first piece, combined
    with that of the second one scanned by itself, is the state after both."""
    cases = [c for c in cases if c.identity and c.length and c.ins[0].dtype == c.states[0].dtype]
    cut = [(c, *c.split(rng)) for c in cases]
    if not cut:
        return

    def scan(calls):
        found = machine([(f, ins, [garbage(rng, x.dtype, x.shape) for x in ins] + states)
                         for f, ins, states in calls])
        return [x[len(x) // 2:] for x in found]
    first = scan([(c.function, a.ins, c.states) for c, a, b in cut])
    second = scan([(c.function, b.ins, c.identity) for c, a, b in cut])
    both = scan([(c.function, [np.expand_dims(x, axis) for x, axis in zip(later, c.axes)], earlier)
                 for (c, a, b), earlier, later in zip(cut, first, second)])
    for (c, a, b), found in zip(cut, both):
        compare(f"{name}: combined: {c}", found, c.expected()[len(c.ys):], 4 * tolerance(c))


def check(machine, name, cases, tolerance):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    whole = machine([(c.function, c.ins, [garbage(rng, y.dtype, y.shape) for y in c.ys] + c.states)
                     for c in cases])
    for case, found in zip(cases, whole):
        compare(f"{name}: {case}", found, case.expected(), tolerance(case))
    check_linear(machine, name, cases, tolerance, rng)
    check_associative(machine, name, cases, tolerance, rng)

    # A time axis is cut in two; the state goes from the first piece to run to
    # the other, and outputs are put together.
    cut = [(c, c.split(rng)) for c in cases if c.length is not None]
    if not cut:
        return
    first = machine([(c.function, a.ins, [garbage(rng, y.dtype, y.shape) for y in a.ys] + a.states)
                     for c, (a, b) in cut])
    calls = []
    for (c, (a, b)), found in zip(cut, first):
        calls.append((c.function, b.ins,
                      [garbage(rng, y.dtype, y.shape) for y in b.ys] + found[len(a.ys):]))
    second = machine(calls)
    for (c, (a, b)), x, y in zip(cut, first, second):
        joined = c.join(x, y)
        compare(f"{name}: in two pieces: {c}", joined, c.expected(), tolerance(c))


def has(case, strategy):
    """Whether a strategy applies: a number that a matrix multiplies by zero must
    be one, and the matrix of a scan is of real numbers."""
    if strategy.startswith("recurrent"):
        return True
    if any(np.isnan(x).any() for x in case.ins):
        return False
    real = np.dtype(case.ins[0].dtype).name in ("float64", "float32", "float16", "bfloat16")
    return real or not strategy.startswith("dense")


def is_covered(case, strategy, others):
    """Half precision is once more the conversions that bfloat16 checks; further
    sizes of chunks are for lengths, not for types."""
    name, dtype = strategy.split(":")[0], case.ins[0].dtype
    if name in [other.split(":")[0] for other in others]:
        return dtype == np.float32
    return dtype != np.float16


def by(case, strategy):
    case = copy.copy(case)
    case.function = case.function.by(strategy)
    return case


def main():
    op, folder, *how = sys.argv[1:]
    passes = [x for x in how if x.startswith("-")]
    cases = importlib.import_module("cases_" + op).cases(np.random.default_rng(7))
    if passes:
        # Numbers that are not used may be multiplied by zero.
        cases = [c for c in cases if c.ins[0].dtype in (np.float32, np.float16)
                 and not any(np.isnan(x).any() for x in c.ins)]
    strategies = [x for x in how if x not in passes]
    if strategies:
        cases = [by(c, s) for i, s in enumerate(strategies) for c in cases if has(c, s)
                 and is_covered(c, s, strategies[:i])]
        passes = ["-ssm-lower-strategies"]
    functions = list({c.function.name: c.function for c in cases}.values())
    if passes:
        check(Compiled(functions, folder, passes=passes), passes[0], cases,
              lambda c: c.tolerance)
        print(f"{op}: {len(cases)} cases ok")
        return
    for name, tiled in (("compiled", False), ("tiled", True)):
        check(Compiled(functions, folder, tiled), name, cases,
              lambda c: c.tolerance)
    # The evaluator is given real numbers of at least single precision.
    held = (np.float32, np.float64, np.int32)
    real = [c for c in cases if all(x.dtype in held for x in (*c.ins[:1], *c.ys[:1]))]
    names = {c.function.name for c in real}
    check(Evaluated([f for f in functions if f.name in names], folder), "evaluated", real,
          lambda c: 1e-12)
    print(f"{op}: {len(cases)} cases ok")


if __name__ == "__main__":
    main()
