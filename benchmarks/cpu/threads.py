#!/usr/bin/env python3
"""Times two threads that do half of the channels or heads of a mixer each, as the
runtime's loop divides them, beside one thread that does all.

    benchmarks/cpu/threads.py [MIXER...] [--rounds 15]

Times are of the processor: of two threads that of the slower one, so that other
jobs count only through caches and memory, and waiting for a free processor or for
each other does not count at all. Every thread has buffers of its own.
"""
import statistics
import threading
import time

import numpy as np

import quasiseparable
import selective_scan
import semiseparable
import short_conv
from paired import aligned, arguments, cpu_name, ours

L = 512


def mixers(part):
    """Of each mixer a part, 1 or 1/2: name, kernel, passes and the arrays' shapes."""
    D, N, W = 1536 // part, 16, 4
    t = (1, L, D)
    yield ("selective_scan", "scan", selective_scan.kernel(L, D, N), ["ssm-lower-selective-scan"],
           [t, t, (D, N), (1, L, N), (1, L, N), t, (1, D, N)])
    yield ("short_conv", "conv", short_conv.kernel(L, D, W), ["ssm-lower-short-conv"],
           [t, (D, W), (D,), t, (1, W - 1, D)])
    for name in ("mamba2", "gla"):
        _, H, G, N, P = semiseparable.SHAPES[name]
        H, G = H // part, max(1, G // part)
        q, v, rank = (1, L, G, N), (1, L, H, P), 3 if G == 1 else 4
        g = (1, L, H) if rank == 3 else (1, L, H, N)
        yield (name, "f", semiseparable.kernel(L, H, G, N, P, rank), ["ssm-lower-semiseparable"],
               [q, q, v, g, v, (1, H, N, P)])
    H, N, P = 24 // part, quasiseparable.N, quasiseparable.P
    quasiseparable.H = H
    q, k, v, g = (1, L, 1, N), (1, L, H, N), (1, L, H, P), (1, L, H)
    yield ("quasiseparable", "f", quasiseparable.both(L), ["ssm-lower-quasiseparable"],
           [q, k, q, k, v, g, g, g, v])


def calls_of(part, args, buffers):
    rng = np.random.default_rng(1)
    calls = {}
    for name, function, text, passes, shapes in mixers(part):
        if args.mixers and name not in args.mixers:
            continue
        make = lambda: [aligned(rng.uniform(-1, 0, s).astype(np.float32) * 0.1) for s in shapes]
        none = np.zeros(1)
        kept = [make() for _ in range(part)]
        calls[name] = [ours(text, function, passes, args.cpu, arrays, none) for arrays in kept]
        buffers.extend(kept)
    return calls


def together(calls):
    """The processor time of the slower of the threads, in ms."""
    spent, begin = [0.0] * len(calls), threading.Barrier(len(calls))

    def run(i):
        begin.wait()
        start = time.thread_time()
        calls[i]()
        spent[i] = (time.thread_time() - start) * 1e3
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(spent)


def main():
    parser = arguments(__doc__, 15, peer=False)
    parser.add_argument("mixers", nargs="*")
    args = parser.parse_args()
    buffers = []  # which the calls do not own
    one, two = calls_of(1, args, buffers), calls_of(2, args, buffers)
    print(f"{cpu_name()}, code for {args.cpu}; {L} tokens, processor time of the slower thread,"
          f" {args.rounds} alternating rounds")
    for name in one:
        times = [(together(one[name]), together(two[name])) for _ in range(args.rounds + 1)][1:]
        a, b = zip(*times)
        print(f"{name:15s} one thread {statistics.median(a):7.3f} ms  two {statistics.median(b):7.3f} ms"
              f"  one of two {statistics.median(x / y for x, y in times):5.2f}")
        for threads, t in (("one", a), ("two", b)):
            print(f"    {threads}: " + " ".join(f"{v:.3f}" for v in t))


if __name__ == "__main__":
    main()
