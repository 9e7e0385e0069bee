"""Runs the indented code of a page as one program, in a folder with the small
Mamba model: page.py PAGE.md SOURCE FOLDER"""
import os
import sys

page, source, folder = sys.argv[1:]
lines = [line for line in open(page).read().splitlines() if not line.strip() or line.startswith("    ")]
program = "\n".join(line[4:] for line in lines)
os.makedirs(folder)
os.symlink(os.path.join(source, "test/models/mamba/forward.dynamo.onnx"), os.path.join(folder, "mamba.onnx"))
os.chdir(folder)
exec(compile(program, page, "exec"))
print(f"{program.count('ssmc.')} calls")
