#!/usr/bin/env python3
"""How compile time grows with the number of unrolled steps that are not raised
(test/lib/Codegen/unrolled.py): processor time of ssmc.

unrolled_steps.py [STEPS...]
"""
import pathlib
import resource
import subprocess
import sys
import tempfile

import onnx

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "test" / "lib" / "Codegen"))
from unrolled import make  # noqa: E402


def processor_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


print(f"{'steps':>6} {'-O0, s':>8} {'-O2, s':>8}")
with tempfile.TemporaryDirectory() as folder:
    for steps in map(int, sys.argv[1:] or (50, 100, 200, 400)):
        model, library = f"{folder}/steps.onnx", f"{folder}/steps.so"
        onnx.save(make(steps), model)
        seconds = [min(processor_seconds(["ssmc", model, "-o", library, level]) for _ in range(2))
                   for level in ("-O0", "-O2")]
        print(f"{steps:6} {seconds[0]:8.2f} {seconds[1]:8.2f}", flush=True)
