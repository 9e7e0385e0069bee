#!/usr/bin/env python3
"""How good ssm-plan's choices are: plan.py [MIXER...] [--runs N] [--threads N].

Every strategy of a mixer is timed by ssm-bench over a grid of extents and types;
printed is what the plan chose, what was fastest, and the time of the former in
terms of the latter's. A time is the median by the clock or, on one thread where it
is less, the mean of the processor time: other jobs make both longer only.
What is estimated to take longer than --limit is not run and cannot be chosen."""
import argparse
import json
import subprocess
import sys

HEADS = "H=4 N=64 P=64"
GRID = {
    "scan": ["L=512 D=16", "L=4096 D=64", "L=4096 D=1536", "B=8 L=512 D=64"],
    "selective_scan": ["L=1 D=256", "L=64 D=64", "L=512 D=64"],
    "semiseparable": [f"L=4 {HEADS}", f"L=16 {HEADS}", f"L=64 {HEADS}", f"L=256 {HEADS}",
                      "L=256 H=4 N=16 P=16", "L=512 H=8 N=128 P=64"],
    "quasiseparable": [f"L=16 {HEADS}", f"L=64 {HEADS}", f"L=256 {HEADS}", "L=256 H=4 N=16 P=16"],
    "delta_rule": [f"L=16 {HEADS} J=4 G=4", f"L=64 {HEADS} J=4 G=4", f"L=256 {HEADS} J=4 G=4"],
    "attention": ["L=16 J=4 G=4", "L=256 J=4 G=1"],
    "associative_scan": ["L=64 H=4 P=16", "L=1024 H=8 P=64"],
}


def measure(mixer, dims, kind, options):
    command = ["ssm-bench", mixer, "--json", "--type", kind, "--runs", str(options.runs),
               "--threads", str(options.threads), "--limit", str(options.limit), "--cpu", options.cpu]
    for dim in dims.split():
        command += ["--dim", dim]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def name(row):
    return row["strategy"] + (f":{row['chunk']}" if "chunk" in row else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mixers", nargs="*", default=list(GRID))
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=0.03)
    parser.add_argument("--cpu", default="host")
    options = parser.parse_args()

    def time(row):
        return min(row["ms"], row["cpu_ms"]) if options.threads == 1 else row["ms"]
    ratios = []
    print("$ plan.py " + " ".join(sys.argv[1:]))
    print(f"{'mixer and extents':44s} {'type':4s} {'plan':20s} {'ms':>9s} {'fastest':20s} {'ms':>9s} {'ratio':>6s}")
    for mixer in options.mixers:
        for dims in GRID[mixer]:
            for kind in ("f32", "f64"):
                rows = [row for row in measure(mixer, dims, kind, options)["strategies"] if "ms" in row]
                planned = next(row for row in rows if row["planned"])
                best = min(rows, key=time)
                ratios.append(time(planned) / time(best))
                print(f"{mixer + ' ' + dims:44s} {kind:4s} {name(planned):20s} {time(planned):9.4f} "
                      f"{name(best):20s} {time(best):9.4f} {ratios[-1]:6.2f}", flush=True)
    share = [sum(ratio <= 1 + x for ratio in ratios) for x in (0.1, 0.25)]
    print(f"{len(ratios)} choices on {options.threads} thread{'s' * (options.threads > 1)}: {share[0]} within 10 % "
          f"of the fastest, {share[1]} within 25 %, the worst {max(ratios):.2f} times it")


if __name__ == "__main__":
    main()
