"""Compiles functions on buffers with the CPU kernels and calls them from numpy.

    lib = build(mlir, ["ssm-lower-scan"], cpu="znver3")
    lib.call("f", x, y)          # arrays become memrefs with their own strides

A function must be public and carry `llvm.emit_c_interface`.
"""
import ctypes
import os
import subprocess
import sys
import tempfile

import numpy as np

# Passes that add to the module.
OF_MODULES = "ssm-lower-long-conv"
LOWERING = [
    "ssm-hoist-alloca", "canonicalize", "cse", "convert-vector-to-scf",
    "lower-affine", "convert-scf-to-cf", "expand-strided-metadata",
    "lower-affine", "canonicalize", "cse", "arith-expand{include-bf16=true}",
    "convert-vector-to-llvm",
    "convert-math-to-llvm", "convert-index-to-llvm", "convert-arith-to-llvm",
    "finalize-memref-to-llvm", "convert-func-to-llvm", "convert-cf-to-llvm",
    "reconcile-unrealized-casts", "canonicalize", "cse"]


def run(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[:4000]}")
    return done.stdout


def nested(name):
    """A pass in a pipeline on the module."""
    return f"func.func({name})" if name.startswith("ssm-") and not name.startswith(OF_MODULES) else name


def host_runs(cpu):
    """Whether this machine can execute code for `cpu`."""
    flags = open("/proc/cpuinfo").read()
    needed = {"skylake-avx512": "avx512dq", "znver4": "avx512_bf16"}
    return needed.get(cpu, "avx2") in flags


def assembly(mlir, passes, cpu):
    """The assembly text of all functions, optimised for `cpu`."""
    target = ["-mtriple=x86_64-linux-gnu", f"-mcpu={'native' if cpu == 'host' else cpu}"]
    passes = [p if p in ("canonicalize", "cse") else f"{p}{{cpu={cpu}}}" for p in passes]
    passes += LOWERING
    pipeline = ",".join(map(nested, passes))
    lowered = run(["ssm-opt", f"--pass-pipeline=builtin.module({pipeline})"], mlir)
    ir = run(["mlir-translate", "--mlir-to-llvmir"], lowered)
    ir = run(["opt", "-O3", "-S", *target], ir)
    return run(["llc", "-O3", "-relocation-model=pic", *target], ir)


def descriptor(array):
    """A pointer to the memref descriptor of a numpy array."""
    class MemRef(ctypes.Structure):
        _fields_ = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p),
                    ("offset", ctypes.c_int64)] + ([
                        ("sizes", ctypes.c_int64 * array.ndim),
                        ("strides", ctypes.c_int64 * array.ndim)] if array.ndim else [])
    ref = MemRef(array.ctypes.data, array.ctypes.data, 0)
    for i in range(array.ndim):
        ref.sizes[i] = array.shape[i]
        ref.strides[i] = array.strides[i] // array.itemsize
    return ctypes.byref(ref)


class Library:
    def __init__(self, assembly_text):
        self.assembly = assembly_text
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kernel.so")
            run(["clang", "-shared", "--rtlib=compiler-rt", "-x", "assembler", "-", "-o", path, "-lm"],
                assembly_text)
            self.handle = ctypes.CDLL(path)

    def call(self, name, *arrays):
        getattr(self.handle, "_mlir_ciface_" + name)(*[descriptor(a) for a in arrays])


def build(mlir, passes, cpu):
    return Library(assembly(mlir, passes, cpu))


def function_text(assembly_text, name):
    """The instructions of one function."""
    start = assembly_text.index(f"\n{name}:")
    return assembly_text[start:assembly_text.index(".Lfunc_end", start)]


def loops(text):
    """The bodies of the innermost loops: from a label to the branch back."""
    lines, labels, found = text.splitlines(), {}, []
    for i, line in enumerate(lines):
        if line.startswith(".L") and ":" in line:
            labels[line.split(":")[0]] = i
        parts = line.split()
        if len(parts) == 2 and parts[0].startswith("j") and parts[1] in labels:
            body = lines[labels[parts[1]]:i + 1]
            if sum(1 for l in body if l.startswith(".L")) == 1:
                found.append(body)
    return found


def check(name, got, want, tolerance):
    """Fails the test when the largest deviation exceeds `tolerance` of max|want|."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    scale = max(1e-30, float(np.max(np.abs(want), initial=0.0)))
    error = float(np.max(np.abs(got - want), initial=0.0)) / scale
    if not error <= tolerance:
        sys.exit(f"{name}: deviation {error:.3g} of max|y| exceeds {tolerance:.3g}")
    return error


def strided(array, pad=5):
    """The same values as a slice of a wider buffer: unit stride only inside."""
    wide = np.full(array.shape[:-1] + (array.shape[-1] + pad,), np.nan, array.dtype)
    wide[..., pad // 2:pad // 2 + array.shape[-1]] = array
    return wide[..., pad // 2:pad // 2 + array.shape[-1]]
