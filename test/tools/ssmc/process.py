"""Progress on a terminal; a crash; a linker that fails; and a compilation that
is ended while the linker runs."""
import glob
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

scale, graph, tmp = sys.argv[1:]
temporary = os.path.join(tmp, "temporary")
os.makedirs(temporary)
environment = dict(os.environ, TMPDIR=temporary)
out = os.path.join(tmp, "out.so")


def start(*command):
    """A process with its errors on a terminal, and that terminal."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(command, stderr=terminal, env=environment)
    os.close(terminal)
    return process, master


def read(terminal, until=None):
    text = ""
    while until is None or until not in text:
        try:
            text += os.read(terminal, 4096).decode()
        except OSError:  # the other side has closed it
            assert until is None, text
            break
    return text.replace("\r", "")


# One line a phase on a terminal, none elsewhere.
process, terminal = start("ssmc", graph, "-o", out, "-O0", "--dim=input_ids:1=L")
lines = read(terminal).splitlines()
assert process.wait() == 0, lines
assert lines[0].startswith("ssmc: compiling for "), lines
phases = ["import", "simplify", "raise", "lengths", "lower", "codegen", "llvm", "optimize", "package"]
for i, (line, phase) in enumerate(zip(lines[1:], phases, strict=True)):
    assert re.fullmatch(rf"\[{i + 1}/{len(phases)}\] +\d+\.\d\d s  {phase}", line), lines
quiet = subprocess.run(["ssmc", scale, "-o", out], capture_output=True, check=True)
assert not quiet.stderr and not quiet.stdout, quiet

# A crash while a phase waits to write its dump: its input and pipeline are left.
dump = os.path.join(tmp, "dump")
os.makedirs(dump)
os.mkfifo(os.path.join(dump, "02-simplify.mlir"))
process, terminal = start("ssmc", graph, "-o", os.path.join(tmp, "never.so"), f"--dump-ir={dump}")
read(terminal, until="simplify")
process.send_signal(signal.SIGSEGV)
said = read(terminal)
assert process.wait() == 70, said
assert "internal error in phase simplify: this is a fault of the compiler" in said, said
(reproducer,) = glob.glob(os.path.join(temporary, "ssmc-reproducer-*.mlir"))
assert f"(run it with: ssm-opt --run-reproducer {reproducer})" in said, said
again = subprocess.run(["ssm-opt", "--run-reproducer", reproducer], capture_output=True, text=True)
assert again.returncode == 0 and "onnx.node" in again.stdout, again.stderr
assert "onnx-infer-shapes" in open(reproducer).read()
os.remove(reproducer)

# The linker is the one beside ssmc: here one that fails, and one that hangs.
tools = os.path.join(tmp, "tools")
os.makedirs(tools)
ssmc = shutil.copy(shutil.which("ssmc"), tools)
linker = os.path.join(tools, "ld.lld")


def link_with(script):
    with open(linker, "w") as file:
        file.write("#!/bin/sh\n" + script)
    os.chmod(linker, 0o755)


folder = os.path.join(tmp, "folder")
os.makedirs(folder)
lib = os.path.join(folder, "model.so")
link_with("echo half a library; echo no space >&2; exit 1\n")
failed = subprocess.run([ssmc, scale, "-o", lib], capture_output=True, text=True, env=environment)
assert failed.returncode == 70, failed
assert "failed\nno space" in failed.stderr and "internal error in phase package" in failed.stderr, failed
assert not os.listdir(folder) and not os.listdir(temporary), (os.listdir(folder), os.listdir(temporary))

started, go_on = os.path.join(tmp, "started"), os.path.join(tmp, "go_on")
link_with(f"echo half; touch {started}; while [ ! -e {go_on} ]; do sleep 0.02; done; echo rest; touch {go_on}.done\n")
process = subprocess.Popen([ssmc, scale, "-o", lib], env=environment)
while not os.path.exists(started):
    time.sleep(0.01)
assert os.listdir(folder) and lib not in os.listdir(folder)
process.terminate()
assert process.wait() == -signal.SIGTERM
open(go_on, "w").close()
while not os.path.exists(go_on + ".done"):
    time.sleep(0.01)
assert not os.listdir(folder) and not os.listdir(temporary), (os.listdir(folder), os.listdir(temporary))
print("ok")
