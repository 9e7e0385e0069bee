#!/usr/bin/env python3
"""Times the selective scan of one layer beside ggml's, on one thread.

    benchmarks/cpu/selective_scan.py --peer LIBGGML_MIXERS.SO [--cpu host]

LIBGGML_MIXERS.SO is made by benchmarks/peers/build.sh. Both kernels run
alternately on equal data (their results are compared first); the ratio is the
median of the ratios of neighbouring runs. Times are CPU times of the thread:
what else the machine runs is not counted. Needs the project's build folder.
"""
import argparse
import ctypes
import os
import platform
import statistics
import sys
import time

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "test"))
from kernel_harness import build, descriptor  # noqa: E402


def kernel(length, channels, states, full, cpu):
    lxd, lxn = f"memref<1x{length}x{channels}xf32>", f"memref<1x{length}x{states}xf32>"
    extra = f"%D: memref<{channels}xf32>, %z: {lxd}, " if full else ""
    optional = (f"skip(%D : memref<{channels}xf32>) gate(%z : {lxd})" if full else "")
    return f"""
func.func @scan({extra}%u: {lxd}, %dt: {lxd}, %A: memref<{channels}x{states}xf32>,
                %B: {lxn}, %C: {lxn}, %y: {lxd}, %h: memref<1x{channels}x{states}xf32>)
    attributes {{llvm.emit_c_interface}} {{
  ssm.selective_scan ins(%u, %dt, %A, %B, %C : {lxd}, {lxd},
      memref<{channels}x{states}xf32>, {lxn}, {lxn}) {optional}
      outs(%y, %h : {lxd}, memref<1x{channels}x{states}xf32>)
  return
}}"""


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def aligned(array):
    """A copy at a multiple of a cache line, as the compiler's runtime lays buffers."""
    raw = np.empty(array.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start:start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def view(pointer, shape):
    return np.ctypeslib.as_array(pointer, shape)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer")
    parser.add_argument("--cpu", default="native")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--channels", type=int, default=1536)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=25)
    args = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join(
        [os.environ.get("SSMC_BIN", os.path.join(ROOT, "build", "bin")), "/usr/lib/llvm-22/bin",
         os.environ["PATH"]])
    L, D, N = args.length, args.channels, args.states
    passes = ["ssm-lower-selective-scan"]
    cpu = "host" if args.cpu == "native" else args.cpu
    plain = build(kernel(L, D, N, False, cpu), passes, cpu)
    gated = build(kernel(L, D, N, True, cpu), passes, cpu)

    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    u, z, B, C, skip = f(1, L, D), f(1, L, D), f(1, L, N), f(1, L, N), f(D)
    raw = rng.uniform(-3, 0, (1, L, D)).astype(np.float32)
    dt = aligned(np.log1p(np.exp(raw.astype(np.float64))).astype(np.float32))
    A = aligned(rng.uniform(-8, -1, (D, N)).astype(np.float32))
    y, h = aligned(u), aligned(np.zeros((1, D, N), np.float32))
    calls = {}

    def prepare(name, library, arrays):
        refs = [descriptor(a) for a in arrays]
        function = library.handle._mlir_ciface_scan
        calls[name] = lambda: (h.fill(0), function(*refs))

    prepare("ssmc scan", plain, [u, dt, A, B, C, y, h])
    prepare("ssmc scan + skip + gate", gated, [skip, z, u, dt, A, B, C, y, h])
    if args.peer:
        peer = ctypes.CDLL(args.peer)
        peer.peer_selective_scan_new.restype = ctypes.c_void_p
        peer.peer_run.argtypes = [ctypes.c_void_p, ctypes.c_int]
        buffers, out = (ctypes.POINTER(ctypes.c_float) * 6)(), ctypes.POINTER(ctypes.c_float)()
        handle = peer.peer_selective_scan_new(L, D, N, buffers, ctypes.byref(out))
        for pointer, value in zip(buffers, [np.zeros((D, N)), u[0], raw[0], A, B[0], C[0]]):
            view(pointer, value.shape)[...] = value
        calls["ggml ssm_scan"] = lambda: peer.peer_run(handle, 1)
        calls["ggml ssm_scan"]()
        calls["ssmc scan"]()
        want = view(out, (L, D))
        print(f"largest difference from ggml: {np.abs(y[0] - want).max():.2e} "
              f"of {np.abs(want).max():.2f}")
    times = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            times[name].append(time.thread_time() - start)
    unit = 1e9 / (L * D)
    print(f"{cpu_name()}, {platform.system()} {platform.release()}, code for {args.cpu}; "
          f"L{L} D{D} N{N} fp32, 1 thread, {args.rounds} alternating rounds")
    for name, t in times.items():
        t = sorted(t)
        print(f"{name:26s} ns per (channel, token): median {statistics.median(t) * unit:7.2f}"
              f"  best {t[0] * unit:7.2f}  p90 {t[int(len(t) * .9)] * unit:7.2f}")
    if args.peer:
        for name in list(calls)[:2]:
            ratios = [p / o for p, o in zip(times["ggml ssm_scan"], times[name])]
            print(f"{name}: {statistics.median(ratios):.1f}x ggml (median of paired ratios)")
    print("raw seconds:")
    for name, t in times.items():
        print(f"  {name}: " + " ".join(f"{s:.6f}" for s in t))


if __name__ == "__main__":
    main()
