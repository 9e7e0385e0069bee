"""Entries written as IR, compiled by ssmc and run by ssm-run, as a user would: all
calls of an artifact in one process."""
import pathlib
import subprocess

import numpy as np


class Failure(Exception):
    """What a tool said."""


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, command))}\n{(done.stdout + done.stderr)[:4000]}")


class Artifact:
    def __init__(self, source, level, *options):
        """Compiles `source`, a .mlir file; what it makes lies beside it."""
        self.base = pathlib.Path(f"{pathlib.Path(source).with_suffix('')}-O{level}")
        run("ssmc", source, f"-O{level}", *options, "-o", self.library)

    @property
    def library(self):
        return self.base.with_suffix(".so")

    def __call__(self, calls):
        """Calls are pairs of an entry's name and its inputs by name. Gives the
        outputs of each by name."""
        given, found = (self.base.with_suffix(f".{kind}.npz") for kind in ("in", "out"))
        np.savez(given, **{f"{c}.{entry}.{name}": np.asarray(array, order="C")
                           for c, (entry, inputs) in enumerate(calls) for name, array in inputs.items()})
        run("ssm-run", self.library, f"--calls=@{given}", f"--output=@{found}")
        results = [{} for _ in calls]
        with np.load(found) as outputs:
            for key in outputs.files:
                call, _, name = key.split(".")
                results[int(call)][name] = outputs[key]
        return results
