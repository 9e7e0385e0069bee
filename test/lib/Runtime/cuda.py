"""What the runtime asks of a driver, and says when that fails, on fake-cuda.c.

    cuda.py SOURCE_DIR BUILD_DIR FOLDER
"""
import ctypes
import os
import pathlib
import subprocess
import sys

import numpy as np

os.environ["SSMRT_CUBLASLT"] = ""  # which would look for a device
source, build, folder = map(pathlib.Path, sys.argv[1:4])
DRIVER = build / "lib" / "fake-cuda"
NAMES = ("model", "cell", "wide", "attention", "copied")
model, cell, wide, attention, copied = (folder / f"{name}.so" for name in NAMES)
if "LD_LIBRARY_PATH" not in os.environ:  # read when a program starts
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssmc", source / "test/models/mamba/forward.dynamo.onnx", "--target=cuda:sm_90a", "-o", model,
                    "--dim=input_ids:0=B", "--dim=input_ids:1=L", "--entry=prefill,step"], check=True)
    sys.path[:0] = [str(source / "test"), str(source / "benchmarks" / "gpu")]
    import lstm
    import mixers
    import recurrent_cells
    import tensor_cores
    random = np.random.default_rng(0)
    weights = (random.standard_normal(s).astype(np.float32) for s in ((4, 256), (64, 256), (2, 256)))
    for library, text in {cell: recurrent_cells.module("lstm", 2, *weights), wide: lstm.text(1, 1024, "f32"),
                          attention: tensor_cores.Attention(4, 4, 64, steps=1).text(),
                          copied: mixers.module([("x", "f32", ("s0", "s1"))], [("y", "f32", ("s0", "s1"))],
                                                "linalg.exp ins(%x : {x}) outs(%empty : {y})")}.items():
        library.with_suffix(".mlir").write_text(text.replace("%r:1 =", "%r =").replace("%r#0", "%r"))
        subprocess.run(["ssmc", library.with_suffix(".mlir"), "--target=cuda:sm_90a", "-o", library], check=True)
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
COUNTS = ("launches", "recorded", "graphs", "allocs", "waits", "to_device", "to_host")
numbers = (ctypes.c_int64 * len(COUNTS)).in_dll(library, "fake_counts")


def counted(call):
    """What the call asks for."""
    before = list(numbers)
    call()
    return {name: after - was for name, after, was in zip(COUNTS, numbers, before)}


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
        "bad-code": ("the model was compiled for cuda:sm_90a, and its code cannot be loaded on Fake 0, which is sm_90: "
                     "compile it for that, or install a newer driver", ssmc.Code.UNSUPPORTED),
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
def run_at(address, offset=0, of=(module, "step"), workspace=(None, 0), **sizes):
    module, desc, runtime = of[0], of[0].entries[of[1]]._desc, _native.runtime()
    inputs, outputs = ((_native.Tensor * n)() for n in (desc.num_inputs, desc.num_outputs))
    at = address
    for tensors, values, count in ((inputs, desc.inputs, desc.num_inputs), (outputs, desc.outputs, desc.num_outputs)):
        for i in range(count):
            value = values[i]
            names = [value.dim_name[d].decode() for d in range(value.rank)]
            shape = [int(name) if name.isdigit() else sizes.get(name, 2) for name in names]
            tensors[i].data, tensors[i].dtype, tensors[i].rank = at + offset, value.dtype, value.rank
            for d, extent in enumerate(shape):
                tensors[i].shape[d] = extent
            at += 64 << 10
    options = _native.RunOptions(*workspace, stream=device)
    with module._handle.use() as pointer:
        check(runtime.ssmrt_run(pointer, ctypes.byref(desc), inputs, outputs, ctypes.byref(options)))


half = device + (8 << 20)
for _ in range(3):
    last = counted(lambda: run_at(half - (2 << 20)))
assert last["graphs"] == 1 and last["launches"] == last["waits"] == last["allocs"] == last["to_device"] == 0, last
fails(lambda: run_at(half - (2 << 20), offset=4), "is not aligned to 16 bytes on the GPU", ssmc.Code.INVALID_ARGUMENT)
fails(lambda: run_at(half), "lies on GPU 1, and the model runs on GPU 0: copy it there", ssmc.Code.INVALID_ARGUMENT)
for workspace, text in (((ids.ctypes.data, 1 << 30), "the workspace does not lie on the GPU"),
                        ((half - 252, 1 << 30), "'workspace' is not aligned to 16 bytes on the GPU"),
                        ((half + 256, 1 << 30), "'workspace' lies on GPU 1, and the model runs on GPU 0"),
                        ((half - 256, 16), "the workspace has 16 bytes, expected at least")):
    fails(lambda: run_at(half - (2 << 20), workspace=workspace), text, ssmc.Code.INVALID_ARGUMENT)
step()

# A run that needs more memory than there is leaves the next one what it had.
fault("no-memory")
fails(lambda: module.prefill(np.zeros((2, 99), np.int64), state),
      "bytes of the GPU's memory for inputs and outputs on the host: out of memory", ssmc.Code.OUT_OF_MEMORY)
fault("")
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

# A launch that the chip or any chip has no room for; memory is not looked at.
at = half - (2 << 20)
unit_loop = (ssmc.load(wide), "forward")
fault("small")
fails(lambda: run_at(at, of=unit_loop), "bytes of shared memory, and a block of this GPU has 101376: "
      "the model was compiled for cuda:sm_90a, compile it for this GPU", ssmc.Code.UNSUPPORTED)
fault("")
run_at(at, of=unit_loop)
for library, sizes, text in (
        (attention, {"B": 1 << 29, "L": 1},
         "in dimension 0, and 2147483647 is the most: make the batch or the length smaller"),
        (copied, {"B": 1 << 30, "L": 129}, "more elements than a launch on the device can have; make the batch or the "
         "length smaller: found 2147483648, expected 2147483647")):
    of = (ssmc.load(library), "forward")
    fails(lambda: run_at(at, of=of, **sizes), text, ssmc.Code.RUNTIME)
    run_at(at, of=of)

# A kernel that fails ruins the context: every call says so, and none aborts.
fault("lost")
long = np.zeros((2, 9), np.int64)
fails(lambda: module.prefill(long, state), "a fake error", ssmc.Code.RUNTIME)
fault("")
fails(step, "the GPU's context was lost in an earlier run; start the process again", ssmc.Code.RUNTIME)
fails(state.save, "the GPU's context was lost", ssmc.Code.RUNTIME)
print("ok")
