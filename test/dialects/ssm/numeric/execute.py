"""Runs ops of the ssm dialect on numpy arrays in three ways: compiled, by
ssm-decompose and upstream's passes; the same after tiling all loops, time too;
and by the evaluator, in double precision. Each takes all functions and all
calls of a test at once."""
import ctypes
import os
import shutil
import subprocess

import numpy as np

NAMES = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "i1",
         "float16": "f16", "bfloat16": "bf16",
         "complex64": "complex<f32>", "complex128": "complex<f64>"}
PIPELINE = """-ssm-decompose -convert-elementwise-to-linalg -canonicalize -cse
-one-shot-bufferize=
-convert-linalg-to-loops -scf-forall-to-for -ssm-expand-shapes -expand-strided-metadata -lower-affine
-convert-scf-to-cf -convert-math-to-libm -convert-complex-to-llvm
-convert-to-llvm -reconcile-unrealized-casts""".split()
# A step given by a test need not be in place.
PIPELINE[PIPELINE.index("-one-shot-bufferize=")] += \
    "bufferize-function-boundaries allow-return-allocs-from-loops"


# For memrefCopy.
LLVM_LIBRARIES = os.path.join(os.path.dirname(os.path.realpath(shutil.which("mlir-translate"))), "..", "lib")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


class Function:
    """An op with operands `ins` and destinations `outs`, each a pair of dtype
    and shape with None for unknown extents. `op` is its text, in which
    {0}, {1}, ... are the operands and {t0}, {t1}, ... their types. `tiles` are
    the sizes of the tiles, small enough to be many; without them it is
    not tiled."""

    def __init__(self, name, ins, outs, op, tiles):
        self.name, self.ins, self.outs = name, ins, outs
        self.body, self.tiles = op, tiles
        self.attributes = ""

    def by(self, strategy):
        """The same, computed by a strategy, NAME or NAME:CHUNK."""
        name, _, chunk = strategy.partition(":")
        other = Function(f"{self.name}_{name}{chunk}", self.ins, self.outs, self.body, self.tiles)
        chunk = f", chunk = {chunk}" if chunk else ""
        other.attributes = f" {{ssm.strategy = #ssm.strategy<{name}{chunk}>}}"
        return other

    def tile(self):
        if not self.tiles:
            return ""
        loops = len(self.tiles) - self.tiles.count(0)
        handles = ["!transform.any_op"] * (loops + 1)
        op = self.body.split()[0]
        return f"""
    %f_{self.name} = transform.structured.match attributes {{sym_name = "{self.name}"}} in %root
        : (!transform.any_op) -> !transform.any_op
    %o_{self.name} = transform.structured.match ops{{["{op}"]}} in %f_{self.name}
        : (!transform.any_op) -> !transform.any_op
    %t_{self.name}, %l_{self.name}:{loops} = transform.structured.tile_using_for %o_{self.name}
        tile_sizes {self.tiles} : (!transform.any_op) -> ({", ".join(handles)})"""

    def types(self, kind):
        return [f"{kind}<" + "".join(f"{'?' if n is None else n}x" for n in shape)
                + NAMES[np.dtype(dtype).name] + ">" for dtype, shape in self.ins + self.outs]

    def op(self):
        types = self.types("tensor")
        names = [f"%a{i}" for i in range(len(types))]
        results = ", ".join(f"%r{i}" for i in range(len(self.outs)))
        text = self.body.format(*names, **{f"t{i}": t for i, t in enumerate(types)})
        return f"  {results} = {text}{self.attributes} -> {', '.join(types[len(self.ins):])}\n"

    def on_tensors(self):
        types = self.types("tensor")
        outs = types[len(self.ins):]
        args = ", ".join(f"%a{i}: {t}" for i, t in enumerate(types))
        results = ", ".join(f"%r{i}" for i in range(len(outs)))
        return (f"func.func @{self.name}({args}) -> ({', '.join(outs)}) {{\n{self.op()}"
                f"  return {results} : {', '.join(outs)}\n}}\n")

    def on_buffers(self):
        text, types = "", self.types("memref")
        args = ", ".join(f"%m{i}: {t}" for i, t in enumerate(types))
        for i, (memref, tensor) in enumerate(zip(types, self.types("tensor"))):
            writable = " writable" if i >= len(self.ins) else ""
            text += f"  %a{i} = bufferization.to_tensor %m{i} restrict{writable} : {memref} to {tensor}\n"
        text += self.op()
        for i, tensor in enumerate(self.types("tensor")[len(self.ins):]):
            m = len(self.ins) + i
            text += (f"  bufferization.materialize_in_destination %r{i} in restrict writable %m{m}"
                     f" : ({tensor}, {types[m]}) -> ()\n")
        return f"func.func @{self.name}({args}) {{\n{text}  return\n}}\n"


SCHEDULE = """module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    TILES
    transform.yield
  }
}
"""


class Compiled:
    def __init__(self, functions, folder, tiled=False, passes=()):
        base = os.path.join(folder, "tiled" if tiled else "compiled")
        with open(base + ".mlir", "w") as file:
            file.writelines(f.on_buffers() for f in functions)
        first = list(passes)
        if tiled:
            with open(base + ".schedule.mlir", "w") as file:
                file.write(SCHEDULE.replace("TILES", "".join(f.tile() for f in functions)))
            first = [f"-transform-preload-library=transform-library-paths={base}.schedule.mlir",
                     "-transform-interpreter", "-canonicalize", "-cse"]
        run("ssm-opt", *first, *PIPELINE, base + ".mlir", "-o", base + ".llvm.mlir")
        run("mlir-translate", "--mlir-to-llvmir", base + ".llvm.mlir", "-o", base + ".ll")
        run("clang", "-O0", "-Wno-override-module", "-shared", "-fPIC", base + ".ll", "-lm",
            "-L" + LLVM_LIBRARIES, "-Wl,-rpath," + LLVM_LIBRARIES, "-lmlir_c_runner_utils",
            "-o", base + ".so")
        self.library = ctypes.CDLL(base + ".so")

    def __call__(self, calls):
        """Calls are lists of a function, inputs and initial destinations."""
        results = []
        for function, ins, outs in calls:
            ins = [np.asarray(x, order="C") for x in ins]
            outs = [np.array(out) for out in outs]
            words = []
            for array in ins + outs:
                pointer = array.ctypes.data
                words += [pointer, pointer, 0, *array.shape,
                          *(s // array.itemsize for s in array.strides)]
            call = getattr(self.library, function.name)
            call(*(ctypes.c_int64(w) for w in words))
            results.append(outs)
        return results


class Evaluated:
    def __init__(self, functions, folder):
        self.base = os.path.join(folder, "evaluated")
        with open(self.base + ".mlir", "w") as file:
            file.writelines(f.on_tensors() for f in functions)

    def __call__(self, calls):
        inputs = {}
        for c, (function, ins, outs) in enumerate(calls):
            for i, array in enumerate([*ins, *outs]):
                inputs[f"{c}.{function.name}.{i}"] = np.asarray(array, order="C")
        np.savez(self.base + ".in.npz", **inputs)
        run("ssm-eval", self.base + ".mlir", f"--calls=@{self.base}.in.npz",
            f"--output=@{self.base}.out.npz")
        found = np.load(self.base + ".out.npz")
        return [[found[f"{c}.{f.name}.{i}"] for i in range(len(outs))]
                for c, (f, ins, outs) in enumerate(calls)]
