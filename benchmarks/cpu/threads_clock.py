#!/usr/bin/env python3
"""Times mixers as compiled models on one thread and on two, by the clock.

    benchmarks/cpu/threads_clock.py [MIXER...] [--rounds 5]

Rounds alternate between the two; every round is the median of several runs of
ssm-bench, of the mixer at its default extents. Only a machine with two idle
processors has anything to say here: threads.py compares processor times.
"""
import argparse
import json
import statistics
import subprocess

# The strategy that the plan takes on one thread.
MIXERS = {"selective_scan": "recurrent", "scan": "recurrent", "semiseparable": "chunked", "delta_rule": "chunked",
          "quasiseparable": "recurrent", "attention": "recurrent"}


def milliseconds(mixer, threads):
    out = subprocess.run(["ssm-bench", mixer, f"--strategy={MIXERS[mixer]}", f"--threads={threads}", "--runs=15",
                          "--json"], capture_output=True, text=True, check=True).stdout
    return json.loads(out)["strategies"][0]["ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mixers", nargs="*", choices=[*MIXERS, []])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for mixer in args.mixers or MIXERS:
        pairs = [(milliseconds(mixer, 1), milliseconds(mixer, 2)) for _ in range(args.rounds)]
        one, two = (statistics.median(times) for times in zip(*pairs))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{mixer:15} one thread {one:8.3f} ms  two {two:8.3f} ms  ratio {ratio:.2f} (median of pairs)  "
              f"pairs: {' '.join(f'{a:.3f}/{b:.3f}' for a, b in pairs)}", flush=True)


if __name__ == "__main__":
    main()
