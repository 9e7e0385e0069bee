"""A model for a GPU opens and describes itself anywhere; where there is no driver, a run says so, and again."""
import json
import os
import subprocess
import sys

source, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
model = os.path.join(folder, "scale.so")
subprocess.run(["ssmc", source, "--target=cuda:sm_90a", "-o", model], check=True)
info = subprocess.run(["ssm-run", model, "--info"], capture_output=True, text=True)
assert info.returncode == 0 and "cuda:sm_90a" in info.stdout, info
# No libcuda.so.1 is found where LD_LIBRARY_PATH leads nowhere, unless there is one.
if any(os.path.exists(os.path.join(d, "libcuda.so.1")) for d in ("/usr/lib/x86_64-linux-gnu", "/usr/local/nvidia/lib64")):
    print("ok: there is a driver here")
    sys.exit(0)
run = subprocess.run(["ssm-run", model, "--input", "x=random", "--dim", "L=2"], capture_output=True, text=True)
assert run.returncode == 1, run
assert "the model runs on an NVIDIA GPU, and there is no driver here" in run.stderr, run.stderr
assert "compile it with --target=cpu" in run.stderr, run.stderr
print("ok")
