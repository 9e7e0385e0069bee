#!/usr/bin/env python3
"""How far a compiled Mamba is from what the machine can do.

    floor.py mamba4x512.so --layers 4 --length 512 [--json FILE]

The floor counts what no implementation of the same mathematics avoids: the
multiply-adds of the products, and of the selective scan the nine instructions
for each channel and state that need a multiply-add unit (see ../cpu/README.md).
It is divided by a bare loop of multiply-adds on registers, measured on each
thread before and after. Beside it stands the time to read every weight once.
Both are compared with the processor time of a run, so that other jobs on the
machine do not count.
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

LOOPS = """
#include <stddef.h>
typedef float V __attribute__((vector_size(64)));
float peak(long n) {
  V a[12], x, y;
  for (int j = 0; j < 16; ++j) { x[j] = 1 - 1e-7f * j; y[j] = 1e-9f * j; }
  for (int i = 0; i < 12; ++i) a[i] = y + (float)i;
  for (long t = 0; t < n; ++t) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; ++i) a[i] = a[i] * x + y;
  }
  for (int i = 1; i < 12; ++i) a[0] += a[i];
  return a[0][0];
}
float read_all(const V *p, size_t n) {
  V s[8] = {0};
  for (size_t i = 0; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; ++j) s[j] += p[i + j];
  for (int j = 1; j < 8; ++j) s[0] += s[j];
  return s[0][0];
}
"""
CHUNK = 256 << 20


class Machine:
    def __init__(self, threads):
        self.threads = threads
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "loops.so")
            subprocess.run(["clang-22", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC",
                            "-mprefer-vector-width=512", "-x", "c", "-", "-o", path],
                           input=LOOPS, text=True, check=True)
            self.loops = ctypes.CDLL(path)
        self.loops.peak.argtypes = [ctypes.c_long]
        self.loops.read_all.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.data = [np.ones(CHUNK // 4, np.float32) for _ in range(threads)]

    def on_all(self, work):
        """What one thread does a second of its own processor time, the mean of all."""
        rates = []

        def run(i):
            start = time.thread_time()
            amount = work(i)
            rates.append(amount / (time.thread_time() - start))
        threads = [threading.Thread(target=run, args=[i]) for i in range(self.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return statistics.mean(rates)

    def multiply_adds(self):
        n = 20_000_000
        return self.on_all(lambda i: (self.loops.peak(n), 2.0 * 12 * 16 * n)[1])

    def bandwidth(self):
        return self.on_all(lambda i: (self.loops.read_all(
            self.data[i].ctypes.data, CHUNK // 64), float(CHUNK))[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("library")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--state", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=50280)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--ssm-run", default="ssm-run")
    parser.add_argument("--json", help="write the numbers to this file")
    args = parser.parse_args()

    inner, rank = 2 * args.hidden, -(-args.hidden // 16)
    layer = args.hidden * 2 * inner + inner * (rank + 2 * args.state) + rank * inner + inner * args.hidden
    head = args.hidden * args.vocabulary
    products = 2.0 * args.length * (args.layers * layer + head)
    scan = 2.0 * 9 * args.length * args.layers * inner * args.state
    weights = 4.0 * (args.layers * layer + head)

    machine = Machine(args.threads)
    peaks, widths = [machine.multiply_adds()], [machine.bandwidth()]
    done = subprocess.run(
        [args.ssm_run, args.library, "--input", "input_ids=random", "--dim", "B=1",
         "--dim", f"L={args.length}", f"--bench={args.runs}", "--json", "--threads", str(args.threads)],
        capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    run = json.loads(done.stdout)
    peaks.append(machine.multiply_adds())
    widths.append(machine.bandwidth())
    peak, width = statistics.mean(peaks), statistics.mean(widths)
    floor = (products + scan) / peak * 1e3
    report = {"library": os.path.basename(args.library), "tokens": args.length, "threads": args.threads,
              "gflop_products": products / 1e9, "gflop_scan_slots": scan / 1e9,
              "weight_mbytes": weights / 1e6, "peak_gflops_per_thread": peak / 1e9,
              "read_gbytes_per_thread": width / 1e9, "floor_cpu_ms": floor,
              "read_weights_cpu_ms": weights / width * 1e3, "cpu_ms": run["cpu_ms"],
              "p50_ms": run["p50_ms"], "times_floor": run["cpu_ms"] / floor, "load": os.getloadavg()}
    print(json.dumps(report, indent=1))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
