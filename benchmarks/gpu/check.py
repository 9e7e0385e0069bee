"""Runs the models of prepare.py on a GPU, compares with what the processor gave,
and checks that a second run has the same bits.

    check.py FOLDER [--rtol=2e-5]

Deviations are relative to the largest number of an output; 2e-2 is allowed in 16
bits. Exit code 1 where one is above the tolerance, or a run fails.
"""
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import ssmc  # noqa: E402


def deviation(found, wanted):
    if found.dtype.name == "bfloat16":
        found = found.view(np.uint16)
    if found.dtype == np.uint16:  # bf16
        found, wanted = ((a.astype(np.uint32) << 16).view(np.float32) for a in (found, wanted))
    if found.dtype.kind not in "f":
        return float((found != wanted).any())
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    if not np.array_equal(np.isfinite(found), np.isfinite(wanted)):
        return float("inf")
    finite = np.isfinite(wanted)
    scale = np.abs(wanted[finite]).max(initial=0) or 1
    return float(np.abs(found - wanted)[finite].max(initial=0) / scale)


def run(entry, feeds):
    results = entry(**feeds)
    names = [value.name for value in entry.outputs]
    return dict(zip(names, [results] if len(names) == 1 else list(results)))


def check(library, tolerance):
    base = str(library)[:-len(".so")]
    inputs, wanted = np.load(base + ".in.npz"), np.load(base + ".out.npz")
    worst, narrow = 0.0, False
    with ssmc.load(library) as module:
        for entry in module.entries.values():
            if entry.has_state:
                continue
            feeds = {value.name: inputs[f"{entry.name}.{value.name}"].view(value.dtype) for value in entry.inputs}
            first, second = run(entry, feeds), run(entry, feeds)
            for name, found in first.items():
                narrow |= found.dtype.itemsize == 2
                worst = max(worst, deviation(np.asarray(found), wanted[f"{entry.name}.{name}"]))
                if found.tobytes() != second[name].tobytes():
                    return f"FAIL {name} has other bits the second time"
    return f"{'ok' if worst <= (2e-2 if narrow else tolerance) else 'FAIL'} {worst:.2e}"


def main():
    folder = pathlib.Path(next(a for a in sys.argv[1:] if not a.startswith("--")))
    tolerance = float(next((a.split("=")[1] for a in sys.argv[1:] if a.startswith("--rtol=")), "2e-5"))
    failures = 0
    for library in sorted(folder.glob("*.so")):
        try:
            said = check(library, tolerance)
        except (ssmc.RunError, OSError, KeyError) as error:
            said = f"FAIL {error}"
        failures += "FAIL" in said
        print(f"{library.stem:50} {said}", flush=True)
    print(f"{failures} failures")
    return failures > 0


sys.exit(main())
