"""Runs every command of a page: commands.py PAGE.md SOURCE BUILD FOLDER

Commands are the indented lines that are no output, in one shell, in a folder
that looks like a checkout. Names that a page uses for the reader's own files
stand for the small Mamba model.
"""
import os
import re
import subprocess
import sys

import numpy as np

page, source, build, folder = sys.argv[1:]
PROGRAMS = ("ssmc", "ssm-run", "ssm-opt", "ssm-eval", "export", "model=", "lengths=")

lines = open(page).read().splitlines()
commands = [line[4:] for line in lines if line.startswith("    ")]
text = "\n".join(commands).replace("\\\n", "")
# A file that is written on the page is one command.
commands = re.findall(r"^cat > .* << 'END'\n(?s:.*?)\nEND$|^.+$", text, re.MULTILINE)
commands = [command for command in commands if command.split()[0].startswith((*PROGRAMS, "cat"))]
named = [line for line in lines if re.search(r"^\s*(ssmc|ssm-run|ssm-opt|ssm-eval) ", line)]
assert commands and len(commands) >= len(named), (commands, named)

os.makedirs(folder)
for name, target in (("test", os.path.join(source, "test")), ("build", build)):
    os.symlink(target, os.path.join(folder, name))
mamba = os.path.join(source, "test/models/mamba")
os.symlink(os.path.join(mamba, "forward.dynamo.onnx"), os.path.join(folder, "forward.onnx"))
stored = np.load(os.path.join(mamba, "lengths.npz"))
np.savez(os.path.join(folder, "ids.npz"), input_ids=stored["input_ids_L40"], logits=stored["logits_L40"])

done = subprocess.run(["bash", "-euo", "pipefail", "-x", "-c", "\n".join(commands)], cwd=folder, text=True,
                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
print(done.stdout)
print(f"{len(commands)} commands, exit code {done.returncode}")
sys.exit(done.returncode)
