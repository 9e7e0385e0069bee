#!/usr/bin/env python3
"""Times a draft of K tokens of which some are taken back beside a step of one token.

    ssmc model.onnx --dim=input_ids:0=B --dim=input_ids:1=L --entry=prefill,step,verify -o model.so
    drafts.py model.so [--tokens 4] [--rows 1] [--threads 1] [--rounds 25] [--json FILE]

Each round runs a step and a draft with 0 to K tokens accepted, one after the
other; the ratios are those of a round. Processor time is what one thread takes,
also on a machine with other work; with more threads the times are wall times.
Needs the Python package.
"""
import argparse
import json
import statistics
import time

import numpy as np

import ssmc


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, default=4, help="K")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json")
    args = parser.parse_args()
    module = ssmc.load(args.model)
    module.num_threads = args.threads
    clock = time.process_time if args.threads == 1 else time.perf_counter
    rng = np.random.default_rng(1)
    state = module.new_state(args.rows)
    tokens = lambda n: rng.integers(0, 100, (args.rows, n))

    def step():
        module.step(tokens(1), state)

    def draft(accepted):
        module.verify(tokens(args.tokens), state)
        if accepted < args.tokens:
            state.accept([accepted] * args.rows)

    kinds = {"step": step, **{f"{n} of {args.tokens} accepted": lambda n=n: draft(n) for n in range(args.tokens + 1)}}
    times = {name: [] for name in kinds}
    for round in range(args.rounds + 2):  # the first two warm up
        for name, run in kinds.items():
            start = clock()
            run()
            if round > 1:
                times[name].append((clock() - start) * 1e3)
    cpu = "processor" if args.threads == 1 else "wall"
    print(f"{args.rows} rows, {args.threads} threads, {cpu} time, {args.rounds} rounds, medians")
    for name, one in times.items():
        ratio = statistics.median(a / b for a, b in zip(one, times["step"]))
        print(f"{name:16} {statistics.median(one):8.3f} ms  {ratio:5.2f} of a step")
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"tokens": args.tokens, "rows": args.rows, "threads": args.threads, "clock": cpu,
                       "times_ms": times}, file, indent=1)


if __name__ == "__main__":
    main()
