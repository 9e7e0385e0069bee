"""Mixers whose batch and length are free, on an emulated device (emulate.py), beside
what the processor makes of the same file: at lengths about those of tiles and chunks,
and at none.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[3] / "benchmarks" / "gpu")]
import emulate  # noqa: E402
import mixers  # noqa: E402
from tensor_cores import Attention, DeltaRule, Quasiseparable, Semiseparable  # noqa: E402

os.environ["SSMC_EMULATOR_PROCESSORS"] = "132"  # time is cut into many segments
CASES = {
    "sm_80": {
        "rg_lru": mixers.rg_lru("bf16", 72), "mamba": mixers.mamba1("bf16", 40), "short_conv": mixers.short_conv("bf16", 72),
        "ssd": Semiseparable(2, 1, 1, 48, 32, kind="f32").text(), "gla": Semiseparable(1, 1, 1, 64, 64, decay="key").text(),
        "gated_delta": DeltaRule(1, 64, 48).text(),
    },
    "sm_90a": {
        "attention": Attention(2, 1, 64, left=90).text(), "packed": Semiseparable(2, 1, 1, 64, 64, resets=True).text(),
        "hydra": Quasiseparable(2, 1, 1, 64, 64).text(),
    },
}
SIZES = [(2, 1), (1, 0), (0, 5), (2, 15), (1, 16), (1, 17), (1, 63), (2, 65), (1, 129), (1, 200), (1, 321)]


def feed(value, sizes, rng):
    """Decays that forget, keys of length one, and else what is random."""
    shape = [eval(str(extent), {}, sizes) for extent in value.shape]
    if value.dtype == np.bool_:
        return rng.random(shape) < 0.1
    array = rng.standard_normal(shape)
    if value.name in ("g", "gf", "gb", "A"):
        array = -rng.random(shape)
    elif value.name in ("a", "dt", "beta"):
        array = rng.random(shape)
    elif value.name in ("q", "k"):
        array = array / np.linalg.norm(array, axis=-1, keepdims=True)
    return array.astype(np.float32).astype(value.dtype)


def deviation(found, wanted):
    found, wanted = (array.astype(np.float64) for array in (found, wanted))
    return np.abs(found - wanted).max(initial=0) / (np.abs(wanted).max(initial=0) or 1)


def check(name, entry, reference):
    tolerance = 1e-5 if all(value.dtype == np.float32 for value in entry.inputs) else 1.5e-2
    for number, sizes in enumerate(SIZES):
        rng, sizes = np.random.default_rng(number), dict(zip(("B", "L"), sizes))
        feeds = [feed(value, sizes, rng) for value in entry.inputs]
        for value, found, wanted in zip(entry.outputs, emulate.call(entry, feeds), emulate.call(reference, feeds)):
            error = deviation(found, wanted)
            print(f"{name} {sizes} {value.name}: {error:.2e}")
            if not error <= tolerance:
                sys.exit(f"{name} {sizes}: {value.name} deviates by {error:.3g}")


for chip, cases in CASES.items():
    for name, text in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            source, library = (pathlib.Path(folder) / f"{name}.{suffix}" for suffix in ("mlir", "cpu.so"))
            source.write_text(text)
            subprocess.run(["ssmc", source, "-o", library], check=True)
            check(name, emulate.compiled(source, folder, chip).entries["forward"],
                  emulate.ssmc.load(library).entries["forward"])
print("ok")
