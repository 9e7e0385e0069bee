"""What the runtime asks of a driver, and says when that fails, on fake-cuda.c.

    cuda.py SOURCE_DIR BUILD_DIR FOLDER
"""
import ctypes
import os
import pathlib
import subprocess
import sys

import numpy as np

source, build, folder = map(pathlib.Path, sys.argv[1:4])
DRIVER = build / "lib" / "fake-cuda"
model, cell = folder / "model.so", folder / "cell.so"
if "LD_LIBRARY_PATH" not in os.environ:  # read when a program starts
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssmc", source / "test/models/mamba/forward.dynamo.onnx", "--target=cuda:sm_90a", "-o", model,
                    "--dim=input_ids:0=B", "--dim=input_ids:1=L", "--entry=prefill,step"], check=True)
    sys.path.insert(0, str(source / "test"))
    import recurrent_cells
    random = np.random.default_rng(0)
    weights = (random.standard_normal(s).astype(np.float32) for s in ((4, 256), (64, 256), (2, 256)))
    cell.with_suffix(".mlir").write_text(recurrent_cells.module("lstm", 2, *weights))
    subprocess.run(["ssmc", cell.with_suffix(".mlir"), "--target=cuda:sm_90a", "-o", cell], check=True)
    again = [sys.executable, *sys.argv]
    for fault in ("old", "none", "bad-code", "launch", "no-memory", ""):
        subprocess.run(again, check=True, env={**os.environ, "LD_LIBRARY_PATH": str(DRIVER), "FAKE_CUDA": fault})
    sys.exit(0)

sys.path.insert(0, str(source / "python"))
os.environ["SSMC_LIBRARY_DIR"] = str(build / "lib")
import ssmc  # noqa: E402
from ssmc import _native  # noqa: E402
from ssmc.errors import check  # noqa: E402

library = ctypes.CDLL(str(DRIVER / "libcuda.so.1"))
device = ctypes.addressof((ctypes.c_char * (16 << 20)).in_dll(library, "fake_device"))
NAMES = ("launches", "recorded", "graphs", "allocs", "waits", "to_device", "to_host")
numbers = (ctypes.c_int64 * len(NAMES)).in_dll(library, "fake_counts")


def counted(call):
    """What the call asks for."""
    before = list(numbers)
    call()
    return {name: after - was for name, after, was in zip(NAMES, numbers, before)}


def fault(name):
    os.environ["FAKE_CUDA"] = name


def fails(call, text, code=None):
    try:
        call()
    except ssmc.RunError as error:
        assert text in str(error) and code in (None, error.code), error
        print("ok:", str(error)[:100])
    else:
        sys.exit(f"no error: {text}")


module = ssmc.load(model)
ids = np.zeros((2, 1), np.int64)
state = module.new_state(2)
asked = os.environ["FAKE_CUDA"]
if asked:
    text, code = {
        "old": ("the NVIDIA driver is for CUDA 11.4, and 12.0 is needed", ssmc.Code.UNSUPPORTED),
        "none": ("the driver shows none", ssmc.Code.UNSUPPORTED),
        "bad-code": ("the model was compiled for cuda:sm_90a, and its code cannot be loaded on Fake 0, which is sm_90",
                     ssmc.Code.UNSUPPORTED),
        "launch": ("ssm_kernel", ssmc.Code.RUNTIME),
        "no-memory": ("out of memory", ssmc.Code.OUT_OF_MEMORY)}[asked]
    for _ in range(2):
        fails(lambda: module.step(ids, state), text, code)
    if asked not in ("old", "none"):  # those are found once
        fault("")
        module.step(ids, state)
    sys.exit(0)

# States stay on the device; like runs are graphs, one for each direction between
# the two blocks of states.
logits, step = np.empty((2, 1, 128), np.float32), lambda: module.step(ids, state, out=logits)
runs = [counted(step) for _ in range(6)]
print(runs)
many = runs[0]["launches"]
assert many > 10 and runs[1]["launches"] == many and runs[0]["recorded"] == 0, runs
for run in runs[2:4]:
    assert run["recorded"] == many and run["launches"] == 0 and run["graphs"] == 1, run
for run in runs[4:]:
    assert run["recorded"] == run["launches"] == run["allocs"] == 0 and run["graphs"] == 1, run
    assert run["to_device"] == ids.nbytes and run["to_host"] == logits.nbytes + 24, run

# The host sees them when it looks, and they go back when it has written.
bytes_of_states = sum(int(np.prod([2, *v.shape[1:]])) * v.dtype.itemsize for v in module.states)
looked = counted(lambda: state.save())
assert bytes_of_states <= looked["to_host"] <= 3 * bytes_of_states, looked
assert counted(lambda: state.save())["to_host"] == 0
assert counted(step)["to_device"] == ids.nbytes
state.reset(1)
assert counted(step)["to_device"] >= bytes_of_states
other = state.select([1, 0])
assert module.load_state(other.save()).save() == other.save()
module.step(ids, other)
del other

# Values on the device in a stream of the caller: nothing is copied or waited for.
entry = module.entries["step"]


def run_at(address, offset=0, stream=device):
    desc, runtime = entry._desc, _native.runtime()
    inputs, outputs = ((_native.Tensor * n)() for n in (desc.num_inputs, desc.num_outputs))
    at = address
    for tensors, values, count in ((inputs, desc.inputs, desc.num_inputs), (outputs, desc.outputs, desc.num_outputs)):
        for i in range(count):
            value = values[i]
            shape = [int(value.dim_name[d]) if value.dim_name[d].isdigit() else 2 for d in range(value.rank)]
            tensors[i].data, tensors[i].dtype, tensors[i].rank = at + offset, value.dtype, value.rank
            for d, extent in enumerate(shape):
                tensors[i].shape[d] = extent
            at += 64 << 10
    options = _native.RunOptions(stream=stream)
    with module._handle.use() as pointer:
        check(runtime.ssmrt_run(pointer, ctypes.byref(desc), inputs, outputs, ctypes.byref(options)))


half = device + (8 << 20)
for _ in range(3):
    last = counted(lambda: run_at(half - (2 << 20)))
assert last["graphs"] == 1 and last["launches"] == last["waits"] == last["allocs"] == last["to_device"] == 0, last
fails(lambda: run_at(half - (2 << 20), offset=4), "is not aligned to 16 bytes on the GPU", ssmc.Code.INVALID_ARGUMENT)
fails(lambda: run_at(half), "lies on GPU 1, and the model runs on GPU 0: copy it there", ssmc.Code.INVALID_ARGUMENT)
step()

# Blocks that wait for each other are no more than fit; a launch that is refused
# leaves nothing behind.
recurrent = ssmc.load(cell)
steps = lambda: recurrent(x=np.zeros((5, 2, 4), np.float32))
for reason in ("together", "no-room"):
    fault(reason)
    fails(steps, "720", ssmc.Code.RUNTIME)
    fault("")
    steps()

# A kernel that fails ruins the context: every call says so, and none aborts.
fault("lost")
long = np.zeros((2, 9), np.int64)
fails(lambda: module.prefill(long, state), "a fake error", ssmc.Code.RUNTIME)
fault("")
fails(step, "the GPU's context was lost in an earlier run; start the process again", ssmc.Code.RUNTIME)
fails(state.save, "the GPU's context was lost", ssmc.Code.RUNTIME)
print("ok")
