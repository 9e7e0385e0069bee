"""Models for a GPU that the processor plays (test/emulator), called from numpy.

    emulate.py FILE.mlir [SYMBOL=1,7,24 ...] [--target=sm_80] [--rtol=1e-5]

compares entry `forward` on random inputs with the numpy oracle that stands in the
file, as ../execute.py does on the processor.
"""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[4]
LIBRARIES = pathlib.Path(shutil.which("ssmc")).resolve().parents[1] / "lib"
os.environ["SSMC_LIBRARY_DIR"] = str(LIBRARIES)
sys.path.insert(0, str(ROOT / "python"))
# A real library knows no emulated device.
os.environ.setdefault("SSMRT_CUBLASLT", "")
import ssmc  # noqa: E402

# The runtime loads libcuda.so.1, and one of this name is there already.
driver = ctypes.CDLL(str(LIBRARIES / "emulator" / "libcuda.so.1"))


def launches(which="launches"):
    """How many kernels have run so far; or `together`: those whose blocks meet."""
    return ctypes.c_uint64.in_dll(driver, f"emulated_{which}").value


def kernel():
    """The name of the last one."""
    return ctypes.c_char_p.in_dll(driver, "emulated_kernel").value.decode()


def compiled(source, folder, chip="sm_80", *options):
    """The module of a file, on a device of the chip it is compiled for."""
    os.environ["SSMC_EMULATOR_CHIP"] = re.search(r"\d+", chip)[0]
    library = pathlib.Path(folder) / f"{pathlib.Path(source).stem}.{chip}.so"
    done = subprocess.run(["ssmc", str(source), f"--target=cuda:{chip}", "-o", str(library), *options],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{source}: {done.stderr}")
    return ssmc.load(library)


# In which order warps run, and when copies are done: nothing may depend on it.
SCHEDULES = [("backward", "late"), ("forward", "late"), ("backward", "early"), ("forward", "early")]


def call(entry, inputs):
    """The outputs in their order; they have the same bits in all schedules."""
    wanted = None
    for order, copies in SCHEDULES:
        os.environ.update(SSMC_EMULATOR_ORDER=order, SSMC_EMULATOR_COPIES=copies)
        try:
            results = entry(*inputs)
        except ssmc.RunError as error:
            sys.exit(f"{entry.name}: {error}")
        found = [results] if len(entry.outputs) == 1 else list(results)
        wanted = wanted or found
        for value, array, first in zip(entry.outputs, found, wanted):
            if array.tobytes() != first.tobytes():
                sys.exit(f"{entry.name}: {value.name} has other bits where warps run {order} and copies are {copies}")
    return wanted


def weights_of(text):
    """Resources by name, read from a file's text."""
    shapes = dict(re.findall(r"dense_resource<(\w+)> : tensor<(.*?)xf32>", text))
    return {name: np.frombuffer(bytes.fromhex(data), np.float32).reshape([int(n) for n in shapes[name].split("x")])
            for name, data in re.findall(r'(\w+): "0x[0-9A-F]{8}([0-9A-F]*)"', text)}


def random_input(value, sizes, rng):
    shape = [eval(str(extent).replace("floordiv", "//"), {}, sizes) for extent in value.shape]
    if value.dtype.kind == "f":
        return rng.standard_normal(shape).astype(value.dtype)
    return rng.integers(0, 2 if value.dtype == np.bool_ else 5, shape).astype(value.dtype)


def check(entry, sizes, text, rtol):
    oracle = "\n".join(re.findall(r"^// ORACLE: ?(.*)$", text, re.M))
    rng = np.random.default_rng(sum(sizes.values()))
    feeds = [random_input(value, sizes, rng) for value in entry.inputs]
    scope = {"np": np, **weights_of(text), **sizes, **{v.name: a for v, a in zip(entry.inputs, feeds)}}
    before, found = launches(), call(entry, feeds)
    exec(oracle, scope)
    for value, array in zip(entry.outputs, found):
        want = np.asarray(scope[value.name])
        assert want.shape == array.shape, (value.name, want.shape, array.shape)
        error, scale = (np.abs(a).max(initial=0) for a in (array.astype(np.float64) - want, want))
        print(f"{sizes} {value.name}: error {error:.2e}, launches {(launches() - before) // len(SCHEDULES)}")
        if not error <= rtol * scale:
            sys.exit(f"{value.name}: off by {error:.3e} of {scale:.3e}")


def main():
    path, *given = sys.argv[1:]
    options = dict(a[2:].split("=") for a in given if a.startswith("--"))
    choices = dict(a.split("=") for a in given if not a.startswith("--"))
    text = pathlib.Path(path).read_text()
    with tempfile.TemporaryDirectory() as folder:
        entry = compiled(path, folder, options.get("target", "sm_80")).entries["forward"]
        for row in zip(*[map(int, sizes.split(",")) for sizes in choices.values()]):
            check(entry, dict(zip(choices, row)), text, float(options.get("rtol", 1e-5)))


if __name__ == "__main__":
    main()
