#!/usr/bin/env python3
"""Times a compiled model beside ONNX Runtime on the file it was made from.

Both get the same input and as many threads, and write into the same outputs in
every run. Timing alternates between the two (pairs), so that a busy machine
slows both; reported are medians, and the median of the pairs' ratios, by the
clock and by processor time. With several threads the first is what users see, on
a quiet machine; processor time with `--threads 1` is comparable on a busy one
too. `--feeds FILE.npz` gives every input NAME that the file holds as `in:NAME`:
a step of a decoder with its states, for one.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np


def read(spec):
    """NAME=@FILE.npz:KEY -> (name, array)"""
    name, _, source = spec.partition("=@")
    path, _, key = source.partition(".npz:")
    return name, np.load(path + ".npz")[key]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("onnx")
    parser.add_argument("library")
    parser.add_argument("--input", action="append", default=[], help="NAME=@FILE.npz:KEY")
    parser.add_argument("--feeds", help="FILE.npz with an array in:NAME for every input")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--runs", type=int, default=5, help="runs of each side in a pair")
    parser.add_argument("--ssm-run", default="ssm-run")
    parser.add_argument("--json", help="write the raw times to this file")
    args = parser.parse_args()
    if args.feeds:
        names = [key[3:] for key in np.load(args.feeds) if key.startswith("in:")]
        args.input += [f"{name}=@{args.feeds}:in:{name}" for name in names]
    if not args.input:
        parser.error("one of --input and --feeds is needed")

    # Models of opsets that it does not call released yet.
    os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(args.onnx, options, providers=["CPUExecutionProvider"])
    load = time.perf_counter() - start
    feeds = dict(read(spec) for spec in args.input)
    # Of inputs without token numbers: rows times tokens of the first.
    tokens = min([array.size for array in feeds.values() if array.dtype.kind in "iu"]
                 or [int(np.prod(next(iter(feeds.values())).shape[:2]))])

    # Like ours: inputs and outputs in memory that is there before the first run.
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    for output, array in zip(session.get_outputs(), session.run(None, feeds)):
        binding.bind_ortvalue_output(output.name, onnxruntime.OrtValue.ortvalue_from_numpy(array))

    def peer():
        start, busy = time.perf_counter(), time.process_time()
        session.run_with_iobinding(binding)
        return (time.perf_counter() - start) * 1e3, (time.process_time() - busy) * 1e3

    def ours():
        command = [args.ssm_run, args.library, f"--bench={args.runs}", "--json",
                   "--threads", str(args.threads)]
        for spec in args.input:
            command += ["--input", spec]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(result.stderr)
        return json.loads(result.stdout)

    peer()
    pairs = {"clock": [], "processor": []}
    for _ in range(args.pairs):
        theirs = [statistics.median(times) for times in zip(*(peer() for _ in range(args.runs)))]
        mine = ours()
        pairs["clock"].append((mine["p50_ms"], theirs[0]))
        pairs["processor"].append((mine["cpu_ms"], theirs[1]))
    print(f"{tokens} tokens, {args.threads} threads, ONNX Runtime {onnxruntime.__version__} (load {load:.2f} s), "
          f"medians of {args.pairs} pairs")
    ratios = {}
    for kind, times in pairs.items():
        mine, theirs = (statistics.median(side) for side in zip(*times))
        ratios[kind] = statistics.median(b / a for a, b in times)
        print(f"  {kind:9s} ssmc {mine:9.2f} ms {tokens / mine * 1e3:6.0f} tokens/s   ONNX Runtime "
              f"{theirs:9.2f} ms {tokens / theirs * 1e3:6.0f} tokens/s   ratio {ratios[kind]:5.2f} x")
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"onnx": os.path.basename(args.onnx), "tokens": tokens, "threads": args.threads,
                       "onnxruntime": onnxruntime.__version__, "load_s": load,
                       "pairs_ms": pairs, "ratio": ratios}, file, indent=1)


if __name__ == "__main__":
    main()
