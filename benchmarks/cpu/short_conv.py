#!/usr/bin/env python3
"""Times the short convolution of one layer beside ggml's, on one thread.

    benchmarks/cpu/short_conv.py --peer LIBGGML_MIXERS.SO

Ours also adds the bias, applies SiLU and keeps the state, which are separate
operators of the peer and not in its time. The peer reads its input with time
innermost; the transposition that a model needs for that is not in its time.
Times are CPU times of the thread.
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
from selective_scan import aligned, cpu_name, view  # noqa: E402


def kernel(length, channels, width):
    x, s = f"memref<1x{length}x{channels}xf32>", f"memref<1x{width - 1}x{channels}xf32>"
    w, bias = f"memref<{channels}x{width}xf32>", f"memref<{channels}xf32>"
    return f"""
func.func @conv(%x: {x}, %w: {w}, %b: {bias}, %y: {x}, %s: {s})
    attributes {{llvm.emit_c_interface}} {{
  ssm.short_conv activation(silu) ins(%x, %w : {x}, {w}) bias(%b : {bias})
    outs(%y, %s : {x}, {s})
  return
}}"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--cpu", default="native")
    parser.add_argument("--rounds", type=int, default=51)
    args = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join(
        [os.environ.get("SSMC_BIN", os.path.join(ROOT, "build", "bin")), "/usr/lib/llvm-22/bin",
         os.environ["PATH"]])
    L, C, W = 512, 1536, 4
    library = build(kernel(L, C, W), ["ssm-lower-short-conv"],
                    "host" if args.cpu == "native" else args.cpu)
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    x, w, bias = f(1, L, C), f(C, W), aligned(np.zeros(C, np.float32))
    y, s = f(1, L, C), aligned(np.zeros((1, W - 1, C), np.float32))
    refs = [descriptor(a) for a in (x, w, bias, y, s)]
    function = library.handle._mlir_ciface_conv
    peer = ctypes.CDLL(args.peer)
    peer.peer_short_conv_new.restype = ctypes.c_void_p
    peer.peer_run.argtypes = [ctypes.c_void_p, ctypes.c_int]
    buffers, out = (ctypes.POINTER(ctypes.c_float) * 2)(), ctypes.POINTER(ctypes.c_float)()
    handle = peer.peer_short_conv_new(L, C, W, buffers, ctypes.byref(out))
    view(buffers[0], (C, L + W - 1))[...] = np.pad(x[0].T, ((0, 0), (W - 1, 0)))
    view(buffers[1], (C, W))[...] = w
    calls = {"ssmc conv + bias + silu": lambda: (s.fill(0), function(*refs)),
             "ggml ssm_conv": lambda: peer.peer_run(handle, 1)}
    for call in calls.values():
        call()
    want = view(out, (L, C)).astype(np.float64)
    want /= 1 + np.exp(-want)
    print(f"largest difference from ggml: {np.abs(y[0] - want).max():.2e}")
    times = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            times[name].append((time.thread_time() - start) * 1e9 / (L * C))
    print(f"{cpu_name()}, {platform.system()} {platform.release()}, code for {args.cpu}; "
          f"L{L} C{C} W{W} fp32, 1 thread, {args.rounds} alternating rounds")
    for name, t in times.items():
        print(f"{name:26s} ns per (channel, token): median {statistics.median(t):6.2f}"
              f"  best {min(t):6.2f}")
    ours, theirs = times.values()
    print(f"{statistics.median(b / a for a, b in zip(ours, theirs)):.1f}x ggml "
          "(median of paired ratios)")
    print("raw ns per (channel, token):")
    for name, t in times.items():
        print(f"  {name}: " + " ".join(f"{v:.3f}" for v in t))


if __name__ == "__main__":
    main()
