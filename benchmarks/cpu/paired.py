"""What the kernel benchmarks share: a peer behind its C interface, data as the
compiler's runtime lays it, and alternating runs on one thread.

Times are CPU times of the thread: what else the machine runs counts only as far
as it shares the caches. A ratio is the median of the ratios of neighbouring runs.
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
BIN = os.environ.get("SSMC_BIN", os.path.join(ROOT, "build", "bin"))
os.environ["PATH"] = os.pathsep.join([BIN, os.path.join(BIN, os.pardir, "llvm-bin"), os.environ["PATH"]])
from kernel_harness import build, descriptor  # noqa: E402


def arguments(description, rounds, peer=True):
    parser = argparse.ArgumentParser(description=description)
    if peer:
        parser.add_argument("--peer", required=True, help="what benchmarks/peers/build.sh prints")
    parser.add_argument("--cpu", default="native", help="that the code is for, as LLVM names it")
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser


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


def ours(text, name, passes, cpu, arrays, state):
    """A call of function `name` of the MLIR `text`, with the state zero before."""
    library = build(text, passes, "host" if cpu == "native" else cpu)
    refs = [descriptor(a) for a in arrays]
    function = getattr(library.handle, "_mlir_ciface_" + name)
    return lambda: (state.fill(0), function(*refs), library)[0]


class Peer:
    """peer_NAME_new(extents...) of the library, filled with `inputs`."""

    def __init__(self, path, name, extents, inputs, out_shape):
        self.library = ctypes.CDLL(path)
        new = getattr(self.library, f"peer_{name}_new")
        new.restype = ctypes.c_void_p
        self.library.peer_run.argtypes = [ctypes.c_void_p, ctypes.c_int]
        buffers = (ctypes.POINTER(ctypes.c_float) * len(inputs))()
        out = ctypes.POINTER(ctypes.c_float)()
        self.handle = new(*extents, buffers, ctypes.byref(out))
        for pointer, value in zip(buffers, inputs):
            np.ctypeslib.as_array(pointer, value.shape)[...] = value
        self.out = np.ctypeslib.as_array(out, out_shape)

    def __call__(self):
        self.library.peer_run(self.handle, 1)


def compare(found, peer):
    print(f"largest difference from the peer: {np.abs(found - peer).max():.2e} "
          f"of {np.abs(peer).max():.2f}")


def alternate(calls, peer, unit, per, what, args):
    """Runs `calls`, by name, in turn; prints nanoseconds for one of `per`, of
    which a call does `unit`, and the ratios to `peer`, the name of one of them."""
    times = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            times[name].append((time.thread_time() - start) * 1e9 / unit)
    print(f"{cpu_name()}, {platform.system()} {platform.release()}, code for {args.cpu}; "
          f"{what}, 1 thread, {args.rounds} alternating rounds")
    for name, t in times.items():
        print(f"{name:26s} ns per {per}: median {statistics.median(t):7.2f}  best {min(t):7.2f}"
              f"  p90 {sorted(t)[int(len(t) * .9)]:7.2f}")
    for name, t in times.items():
        if name != peer:
            ratio = statistics.median(theirs / mine for theirs, mine in zip(times[peer], t))
            print(f"{name}: {ratio:.1f}x {peer} (median of paired ratios)")
    print(f"raw ns per {per}:")
    for name, t in times.items():
        print(f"  {name}: " + " ".join(f"{v:.3f}" for v in t))
