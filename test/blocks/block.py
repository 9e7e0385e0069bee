"""Compiles a block that is written as IR with ssmc, at -O0 and -O2, and runs it
with ssm-run, as a user would."""
import pathlib
import re
import subprocess
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent


class Block:
    def __init__(self, path, level, folder, options=()):
        self.folder = pathlib.Path(folder)
        self.library = self.folder / f"O{level}.so"
        # // INCLUDE FILE puts in what blocks share.
        path = pathlib.Path(path)
        text = re.sub(r"^// INCLUDE (.*)$", lambda match: (HERE / match[1]).read_text(),
                      path.read_text(), flags=re.M)
        whole = self.folder / path.name
        whole.write_text(text)
        self.run("ssmc", whole, f"-O{level}", "-o", self.library, *options)

    @staticmethod
    def run(*command):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")

    def __call__(self, **inputs):
        given, found = self.folder / "in.npz", self.folder / "out.npz"
        np.savez(given, **inputs)
        self.run("ssm-run", self.library, f"--input=@{given}", f"--output=@{found}")
        with np.load(found) as outputs:
            return {name: outputs[name] for name in outputs.files}


def check(path, test, levels=(0, 2), options=()):
    """Calls `test` with the block at each level."""
    with tempfile.TemporaryDirectory() as folder:
        for level in levels:
            test(Block(path, level, folder, options))
    print("ok")


def compare(what, found, expected, tolerance=1e-5):
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    error, size = (np.abs(x).max(initial=0) for x in (found - expected, expected))
    assert error <= tolerance * size, f"{what}: off by {error:.3g}, its largest value is {size:.3g}"


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)
