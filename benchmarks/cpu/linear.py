#!/usr/bin/env python3
"""Times ssm.linear beside bare loops, numpy's BLAS and, where torch can be
imported, oneDNN with its own packed weight, one thread.

    OPENBLAS_NUM_THREADS=1 benchmarks/cpu/linear.py [--cpu native] [--weights bf16] [--products bf16]

All run alternately; times are CPU times of the thread. The bare loops are of
multiply-adds (fp32) on registers and of loads of as many bytes as the weight has: what
they reach is the core's practical peak in the same minute. With one row the
weight is read once, and its GB/s are set beside those of the loads.
"""
import argparse
import ctypes
import os
import platform
import statistics
import tempfile
import time

import numpy as np

from paired import aligned, cpu_name  # sets paths
from kernel_harness import build, descriptor, run

PEAK = """
typedef float V __attribute__((vector_size(%d)));
float peak(long n) {
  V a[12], x, y;
  for (int j = 0; j < %d; ++j) { x[j] = 1 - 1e-7f * j; y[j] = 1e-9f * j; }
  for (int i = 0; i < 12; ++i) a[i] = y + (float)i;
  for (long t = 0; t < n; ++t) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; ++i) a[i] = a[i] * x + y;
  }
  V s = a[0];
  for (int i = 1; i < 12; ++i) s += a[i];
  return s[0];
}
"""


READ = """
typedef float V __attribute__((vector_size(64), aligned(64)));
float read(const V *p, long n) {
  V a[8] = {0};
  for (long t = 0; t + 8 <= n; t += 8) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; ++i) a[i] += p[t + i];
  }
  V s = a[0];
  for (int i = 1; i < 8; ++i) s += a[i];
  return s[0];
}
"""


def compile_c(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "loop.so")
        run(["clang", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC",
             "-mprefer-vector-width=512", "-x", "c", "-", "-o", path], text)
        return ctypes.CDLL(path)


def read_loop():
    """Reads an array; only whole groups of 512 bytes."""
    function = compile_c(READ).read
    function.argtypes = [ctypes.c_void_p, ctypes.c_long]
    return lambda array: function(array.ctypes.data, array.nbytes // 64)


def onednn(x, w, products):
    """A call of oneDNN's product on its own layout of the weight, or None."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    x, w = torch.from_numpy(x), torch.from_numpy(np.ascontiguousarray(w.T))
    if products == "bf16":
        x, w = x.bfloat16(), w.bfloat16()
    packed = torch.ops.mkldnn._reorder_linear_weight(w, x.shape[0])
    return lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")


def peak_loop(lanes):
    function = compile_c(PEAK % (lanes * 4, lanes)).peak
    function.argtypes = [ctypes.c_long]
    n = 400000
    return (lambda: function(n)), 2.0 * 12 * lanes * n


def kernel(k, n, width, weights, rows="f32"):
    panels = -(-n // width)
    x = f"memref<?x{k}x{rows}>"
    w = f"memref<{panels}x{k}x{width}x{weights}>"
    return f"""
func.func @linear(%x: {x}, %w: {w}, %y: memref<?x{n}xf32>)
    attributes {{llvm.emit_c_interface}} {{
  ssm.linear ins(%x, %w : {x}, {w}) outs(%y : memref<?x{n}xf32>) {{
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }}
  return
}}"""


def round_to(w, weights):
    return store(w, weights).astype(np.float32) if weights == "f16" else (
        (store(w, weights).astype(np.uint32) << 16).view(np.float32) if weights == "bf16" else w)


def store(w, weights):
    """As the kernel has it; bf16 as its bits, cut off."""
    return {"f32": lambda: w, "f16": lambda: w.astype(np.float16),
            "bf16": lambda: (w.view(np.uint32) >> 16).astype(np.uint16)}[weights]()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", default="native")
    parser.add_argument("--lanes", type=int, help="of the CPU; by default of this machine")
    parser.add_argument("--weights", choices=["f32", "bf16", "f16"], default="f32")
    parser.add_argument("--products", choices=["f32", "bf16"], default="f32",
                        help="type of the rows; with bf16 of the weights too")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shapes", default="512x768x3072,128x1536x768,100x1536x768,64x768x3072,"
                        "33x768x3072,17x768x3072,16x768x3072,13x768x3072,8x768x3072,7x768x3072,"
                        "4x768x3072,3x768x3072,2x768x3072,1x768x3072")
    args = parser.parse_args()
    if args.products == "bf16":
        args.weights = "bf16"
    cpu = "host" if args.cpu == "native" else args.cpu
    lanes = args.lanes or (16 if "avx512dq" in open("/proc/cpuinfo").read() else 8)
    width = 2 * lanes
    peak, peak_flops = peak_loop(lanes)
    rng = np.random.default_rng(0)
    print(f"{cpu_name()}, {platform.system()} {platform.release()}, code for {args.cpu}, "
          f"{args.rounds} alternating rounds, {args.weights} weights, {args.products} rows, 1 thread; GF/s as median [best]")
    read = read_loop()
    built = {}
    for shape in args.shapes.split(","):
        m, k, n = map(int, shape.split("x"))
        if (k, n) not in built:
            library = build(kernel(k, n, width, args.weights, args.products), ["ssm-lower-linear"], cpu)
            w = rng.standard_normal((k, n)).astype(np.float32)
            w = round_to(w, args.weights)
            packed = aligned(store(np.ascontiguousarray(
                w.reshape(k, n // width, width).transpose(1, 0, 2)), args.weights))
            built[k, n] = library, w, packed
        library, w, packed = built[k, n]
        x = aligned(round_to(rng.standard_normal((m, k)).astype(np.float32), args.products))
        y, z = aligned(np.zeros((m, n), np.float32)), np.zeros((m, n), np.float32)
        given = aligned(store(x, args.products))
        refs = [descriptor(a) for a in (given, packed, y)]
        function, repeat = library.handle._mlir_ciface_linear, max(1, int(2e8 / (2 * m * k * n)))
        flops = 2.0 * m * k * n * repeat
        calls = {"ssmc": (lambda: [function(*refs) for _ in range(repeat)], flops),
                 "numpy": (lambda: [np.matmul(x, w, out=z) for _ in range(repeat)], flops),
                 "peak": (peak, peak_flops)}
        if peer := onednn(x, w, args.products):
            calls["oneDNN"] = lambda: [peer() for _ in range(repeat)], flops
        if m == 1:
            bytes_read = packed.nbytes // 512 * 512 * repeat
            calls["read GB/s"] = lambda: [read(packed) for _ in range(repeat)], bytes_read
        rates = {name: [] for name in calls}
        for _ in range(args.rounds):
            for name, (call, work) in calls.items():
                start = time.thread_time()
                call()
                rates[name].append(work / (time.thread_time() - start) / 1e9)
        assert np.abs(y - z).max() < 1e-3 * np.sqrt(k)
        def ratio(a, b):
            return statistics.median(x / y for x, y in zip(rates[a], rates[b]))
        line = (f"{shape:14s} " + "  ".join(
            f"{name} {statistics.median(r):6.1f} [{max(r):6.1f}]" for name, r in rates.items())
            + f"  ssmc/peak {ratio('ssmc', 'peak'):.2f} (median of pairs), "
              f"{max(rates['ssmc']) / max(rates['peak']):.2f} (best)")
        if "oneDNN" in rates:
            line += f", ssmc/oneDNN {ratio('ssmc', 'oneDNN'):.2f}"
        if m == 1:
            # A product of one row reads this many bytes for an operation.
            line += f", of reading {ratio('ssmc', 'read GB/s') * packed.nbytes / (2 * k * n):.2f}"
        print(line)


if __name__ == "__main__":
    main()
