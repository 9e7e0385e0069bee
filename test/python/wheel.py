"""Builds the wheel, installs it into an empty environment, and uses it there:
wheel.py SOURCE BUILD FOLDER. Nothing is fetched: NumPy is the one of this
Python."""
import glob
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy

source, build, folder = map(pathlib.Path, sys.argv[1:])
bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SSMC_LIBRARY_DIR")}


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), env={**bare, **environment}, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
run(*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", folder, source, SSMC_BUILD_DIR=str(build))
(wheel,) = glob.glob(str(folder / "*.whl"))
print(wheel)
# The folder of the package is the same package.
run(*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", folder / "again", source / "python", SSMC_BUILD_DIR=str(build))
(again,) = glob.glob(str(folder / "again" / "*.whl"))
names = [sorted(zipfile.ZipFile(path).namelist()) for path in (wheel, again)]
assert os.path.basename(wheel) == os.path.basename(again) and names[0] == names[1], (wheel, again, names)
run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
python = folder / "venv/bin/python"
run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
(pathlib.Path(site) / "numpy.pth").write_text(str(pathlib.Path(numpy.__file__).parents[1]))

models = source / "test/models/mamba"
said = run(python, "-c", f"""
import numpy as np, ssmc
assert ssmc.__file__.startswith({str(folder)!r}), ssmc.__file__
stored = np.load({str(models / 'lengths.npz')!r})
module = ssmc.compile({str(models / 'forward.ts.onnx')!r}, {str(folder / 'm.so')!r}, dim={{"input_ids:0": "B", "input_ids:1": "L"}})
right = 0
for length in (1, 7, 24, 40, 100):
    expected = stored[f"logits_L{{length}}"]
    right += abs(module(stored[f"input_ids_L{{length}}"]) - expected).max() <= 1e-4 * abs(expected).max()
print("right:", right, "of 5")
""")
print(said)
for program in ("ssmc", "ssm-run"):
    run(folder / "venv/bin" / program, "--version")
