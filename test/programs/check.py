"""check.py [--count=N] [--first=SEED] [--batch=N] [--jobs=N] [--keep=FOLDER]: compares
random programs compiled at -O2 with the reference, -O0.

A program is made of its seed alone. Those of a batch are entries of one artifact,
so that compiling them costs little; one that fails is left in FOLDER, with its
inputs, and named with the command that runs it by itself."""
import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile

import numpy as np

from artifact import Artifact, Failure
from generate import generate
from program import FAMILY

# Of the largest value of a result.
TOLERANCES = {"f32": 1e-5, "f64": 1e-12, "f16": 2e-2, "bf16": 2e-2}


def tolerance(program):
    """Each mixer rounds what it is given in its own order."""
    one = TOLERANCES[program.storage]
    if program.storage == "f32" and "ssm.delta_rule" in program.mixers:
        one = 1e-4
    return one * len(program.mixers)


def deviation(found, expected):
    """Of what is finite in `expected`, by the largest."""
    finite = np.isfinite(expected)
    size = np.abs(expected[finite]).max(initial=0)
    error = np.abs(found[finite].astype(np.float64) - expected[finite]).max(initial=0)
    return error / size if size else error


def compare(name, found, expected):
    """The deviation; what is not finite must be the same."""
    if found.shape != expected.shape:
        raise Failure(f"{name} has shape {found.shape} instead of {expected.shape}")
    found, expected = (x.astype(np.float64) for x in (found, expected))
    if np.isnan(expected).any():
        raise Failure(f"{name} of the reference is not a number")
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite]) or not np.isfinite(found[finite]).all():
        raise Failure(f"{name} is infinite or no number where the reference is not")
    return deviation(found, expected)


def is_as_exact(seed, name, found, expected, allowed, folder):
    """Whether what is found is not further from the same program in double
    precision than twice what the reference is: some programs, as those that take
    the tanh of differences of large numbers, make much of little."""
    program, text = generate(seed, double=True)
    source = pathlib.Path(folder, f"{seed}-double.mlir")
    source.write_text(f"module {{\n{text}}}\n")
    exact = Artifact(source, 0)([(program.name, program.arrays())])[0][name]
    return deviation(found, exact) <= allowed + 2 * deviation(expected, exact)


def failures(programs, folder):
    """Pairs of a seed and what is wrong. Programs that fail together are tried in
    halves."""
    seeds = list(programs)
    source = pathlib.Path(folder, f"{seeds[0]}-{seeds[-1]}.mlir")
    source.write_text(f"module {{\n{''.join(text for _, text in programs.values())}}}\n")
    calls = [(p.name, p.arrays()) for p, _ in programs.values()]
    try:
        reference, found = (Artifact(source, level)(calls) for level in (0, 2))
    except Failure as failure:
        if len(seeds) == 1:
            return [(seeds[0], failure)]
        halves = (seeds[:len(seeds) // 2], seeds[len(seeds) // 2:])
        return [f for half in halves for f in failures({s: programs[s] for s in half}, folder)]
    wrong = []
    for (seed, (program, _)), expected, outputs in zip(programs.items(), reference, found):
        for name in expected:
            allowed = tolerance(program)
            try:
                error = compare(name, outputs[name], expected[name])
                if error > allowed and not (program.storage == "f32" and is_as_exact(
                        seed, name, outputs[name], expected[name], allowed, folder)):
                    raise Failure(f"{name} is off by {error:.3g} of its largest value, above {allowed:.3g}")
            except Failure as failure:
                wrong.append((seed, failure))
                break
    return wrong


def keep(seed, folder):
    """The program by itself, and its inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    program, text = generate(seed)
    path = folder / f"{seed}.mlir"
    path.write_text("module {\n" + text + "}\n")
    np.savez(folder / f"{seed}.npz", **program.arrays())
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--batch", type=int, default=FAMILY)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("failed-programs"))
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count)
    batches = [list(seeds[i:i + options.batch]) for i in range(0, len(seeds), options.batch)]
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        found = [f for part in pool.map(lambda seeds: failures({s: generate(s) for s in seeds}, folder), batches)
                 for f in part]
    for seed, failure in found:
        print(f"program {seed}: {failure}\n  {keep(seed, options.keep)}\n"
              f"  {sys.executable} {__file__} --first={seed} --count=1 --keep={options.keep}")
    if found:
        sys.exit(f"{len(found)} of {len(seeds)} programs differ or fail")
    print(f"{len(seeds)} programs ok")


if __name__ == "__main__":
    main()
