"""Makes what check.py runs on a machine with a GPU, on one that need not have any.

    prepare.py FOLDER [--target=cuda:sm_90a] [FILE.onnx|FILE.mlir[:SYMBOL=N,...] ...]

Each model is compiled for the GPU, as NAME.so, and for the processor, which
computes what is expected of random inputs: NAME.in.npz and NAME.out.npz. Extents
that are free are those given, or 2 and 37, in turn. `ssmc` is found in PATH, and
`SSMC_LIBRARY_DIR` leads to build/lib.
"""
import pathlib
import subprocess
import sys
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import ssmc  # noqa: E402


def feeds_of(entry, extents, seed):
    """Random inputs: numbers of tokens and positions are small, the rest is normal."""
    rng, free = np.random.default_rng(seed), iter(())
    feeds = {}
    for value in entry.inputs:
        shape = []
        for dim in value.shape:
            if not isinstance(dim, int):
                if dim not in extents:
                    try:
                        dim = eval(str(dim), {}, extents)
                    except NameError:
                        extents[dim] = [2, 37][len(extents) % 2]
                        dim = extents[dim]
                else:
                    dim = extents[dim]
            shape.append(dim)
        kind = np.dtype(value.dtype).kind
        if value.number == 16:
            bits = (rng.standard_normal(shape) * 0.5).astype(np.float32).view(np.uint32) >> 16
            feeds[value.name] = bits.astype(np.uint16).view(value.dtype)
        elif kind == "b":
            feeds[value.name] = rng.random(shape) < 0.2
        elif kind in "iu":
            feeds[value.name] = rng.integers(0, 2 if "mask" in value.name else 20, shape).astype(value.dtype)
        else:
            feeds[value.name] = (rng.standard_normal(shape) * 0.5).astype(value.dtype)
        if value.name in ("dt", "a"):  # steps and decays are small and positive
            array = feeds[value.name]
            feeds[value.name] = (array.view(np.uint16) & 0x7fff).view(array.dtype) if value.number == 16 else abs(array)
        if value.name == "A":
            feeds[value.name] = -abs(feeds[value.name])
    return feeds


def named(entry, results):
    names = [value.name for value in entry.outputs]
    return dict(zip(names, [results] if len(names) == 1 else list(results)))


def bits(arrays):
    """npz files know no bf16."""
    return {k: v.view(np.uint16) if v.dtype.name == "bfloat16" else v for k, v in arrays.items()}


def prepare(folder, source, target, level="2", options=()):
    path, _, given = source.partition(":")
    extents = {k: int(v) for k, v in (pair.split("=") for pair in given.split(",") if pair)}
    path = pathlib.Path(path)
    tag = "_".join(f"{k}{v}" for k, v in extents.items())
    name = "_".join(x for x in (path.parent.name if path.suffix == ".onnx" else "", path.stem, f"O{level}", tag) if x)
    outputs = {}
    for kind, library in (("cpu", f"{name}.cpu.so"), (target, f"{name}.so")):
        done = subprocess.run(["ssmc", str(path), f"--target={kind}", f"-O{level}", "-o", str(folder / library),
                               *(["--cpu=x86-64-v3"] if kind != "cpu" else []), *options],
                              capture_output=True, text=True)
        if done.returncode:
            print(f"{name} {kind}: {done.stderr.strip().splitlines()[-1]}")
            return
    module = ssmc.load(folder / f"{name}.cpu.so")
    inputs, outputs = {}, {}
    for entry in module.entries.values():
        if entry.has_state:
            continue
        feeds = feeds_of(entry, dict(extents), zlib.crc32(name.encode()))
        results = named(entry, entry(**feeds))
        inputs.update({f"{entry.name}.{k}": v for k, v in bits(feeds).items()})
        outputs.update({f"{entry.name}.{k}": v for k, v in bits(results).items()})
    np.savez(folder / f"{name}.in.npz", **inputs)
    np.savez(folder / f"{name}.out.npz", **outputs)
    (folder / f"{name}.cpu.so").unlink()
    print(name, "ok")


def main():
    target = next((a.split("=")[1] for a in sys.argv[1:] if a.startswith("--target=")), "cuda:sm_90a")
    levels = next((a.split("=")[1] for a in sys.argv[1:] if a.startswith("--levels=")), "2")
    folder, *sources = [a for a in sys.argv[1:] if not a.startswith("--")]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        for level in levels.split(","):
            prepare(folder, source, target, level)


main()
