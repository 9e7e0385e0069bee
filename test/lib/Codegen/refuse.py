"""Compiles a .mlir test with ssmc at -O0 and -O2 and runs its entries on inputs
that fit and on inputs that do not, which must end the run with a message.

    refuse.py FILE.mlir FOLDER

Lines of the file, Python with numpy as np and `ones`, f32 of these extents:

    // GIVES ENTRY: dict(a=ones(3)) -> dict(y=2 * ones(3))
    // FAILS ENTRY: dict(a=ones(3)) -> "part of the message"
"""
import os
import re
import subprocess
import sys

import numpy as np

path, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
scope = dict(np=np, ones=lambda *shape: np.ones(shape, np.float32))
with open(path) as file:
    cases = re.findall(r"^// (GIVES|FAILS) (\w+): (.*) -> (.*)$", file.read(), re.M)
assert cases, "no case in the file"

for level in (0, 2):
    model = os.path.join(folder, f"O{level}.so")
    subprocess.run(["ssmc", path, f"-O{level}", "-o", model], check=True)
    for number, (kind, entry, inputs, expected) in enumerate(cases):
        where = f"-O{level}, case {number}, {kind} {entry}: {inputs}"
        given, wanted = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
        np.savez(given, **eval(inputs, scope))
        done = subprocess.run(["ssm-run", model, f"--entry={entry}", f"--input=@{given}", f"--output=@{wanted}"],
                              capture_output=True, text=True)
        if kind == "FAILS":
            if done.returncode != 1 or eval(expected) not in done.stderr:
                sys.exit(f"{where}\nended with {done.returncode}:\n{done.stderr}")
            continue
        if done.returncode:
            sys.exit(f"{where}\nended with {done.returncode}:\n{done.stderr}")
        with np.load(wanted) as found:
            for name, value in eval(expected, scope).items():
                if not np.array_equal(found[name], value):
                    sys.exit(f"{where}\n{name} is\n{found[name]}\nnot\n{value}")
print(len(cases), "cases")
