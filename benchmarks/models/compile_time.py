"""What compiling a model takes: by the clock, of the processor, of memory; and opening it.

    compile_time.py MODEL [MODEL ...] [--runs=3] [--output FILE]

needs ssmc and ssm-run in PATH. The first lines of `ssmc --time` (the stages) are kept. Models are
those of export_mamba.py, whose weights should lie in the page cache: the first run of
each is not counted.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

STAGES = re.compile(r"^\s+[\d.]+ \(.*\)\s\s(\w+)$")


def compiled(model, folder):
    """The lines of one run."""
    begin = time.monotonic()
    process = subprocess.Popen(["ssmc", str(model), "-o", str(folder / "model.so"), "--time"],
                               stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - begin
    if status:
        raise SystemExit(f"ssmc {model} failed:\n{errors}")
    begin_opening = time.monotonic()
    subprocess.run(["ssm-run", folder / "model.so", "--info"], check=True, stdout=subprocess.DEVNULL)
    opened = time.monotonic() - begin_opening
    stages = [line for line in errors.splitlines() if STAGES.match(line)]
    return [f"$ ssmc {model.name} --time", *stages,
            f"{took:.2f} s by the clock, {usage.ru_utime + usage.ru_stime:.2f} s of "
            f"processor time, {usage.ru_maxrss} KiB; opened in {opened * 1e3:.1f} ms", ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=pathlib.Path)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    commit = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True,
                            cwd=pathlib.Path(__file__).parent).stdout.strip()
    lines = [f"ssmc {commit}",
             f"{os.cpu_count()} processors, load of the last minute {load:.1f}", ""]
    with tempfile.TemporaryDirectory() as folder:
        for model in given.models:
            runs = [compiled(model, pathlib.Path(folder)) for _ in range(given.runs + 1)]
            for run in runs[1:]:
                lines += run
    text = "\n".join(lines)
    print(text)
    if given.output:
        given.output.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
