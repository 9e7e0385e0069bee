"""Does what a page tells: walk.py PAGE.md SOURCE FOLDER

Copies the sources, and puts every block of code that follows a line

    New file `PATH`:
    In `PATH`, behind `LINE`:
    In `PATH`, before `LINE`:

where it says. A file that is there, or a line that is not there once, is an
error, and so is a block of code without such a line."""
import pathlib
import re
import shutil
import sys

page, source, folder = map(pathlib.Path, sys.argv[1:])
for part in ("cmake", "dialects", "lib/Plan", "lib/Codegen", "include"):
    shutil.copytree(source / part, folder / part)
shutil.copy(source / "CMakeLists.txt", folder)

where, blocks, lines = None, 0, iter(page.read_text().splitlines())
for line in lines:
    if line.startswith("```"):
        if where is None:
            sys.exit(f"{page}: a block of code that belongs nowhere")
        code = []
        for line in lines:
            if line == "```":
                break
            code.append(line)
        path, order, anchor = where
        target = folder / path
        if order is None:
            if target.exists():
                sys.exit(f"{page}: {path} is no new file")
            target.write_text("\n".join(code) + "\n")
        else:
            text = target.read_text().splitlines()
            if text.count(anchor) != 1:
                sys.exit(f"{page}: {path} has {text.count(anchor)} lines '{anchor}'")
            at = text.index(anchor) + (order == "behind")
            target.write_text("\n".join(text[:at] + code + text[at:]) + "\n")
        where, blocks = None, blocks + 1
        continue
    told = re.fullmatch(r"(?:New file|In) `([^`]+)`(?:, (behind|before) `(.+)`)?:", line)
    if told:
        where = told.groups()
print(f"{blocks} blocks")
