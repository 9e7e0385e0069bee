"""Times the entry `step` of a model on a GPU, with tokens and logits on the device.

    decode.py MODEL.so [--batch=1] [--steps=200] [--random-weights]

Steps follow one another on one stream, as a decoder's do, once with the same
memory for the logits, so that the runtime launches a graph for each step, and once
with 40 in turn, so that it does not. Times are those of a whole run by events,
divided by its steps: the median of 9. --random-weights fills the weights of a copy
of the model with random numbers, for one whose weights were left out.
"""
import ctypes
import json
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))


def fill_weights(path):
    """A copy of the library with random weights."""
    import numpy as np
    begin, size = (int(n) for n in path.with_suffix(".weights").read_text().split())
    bits = bytearray(path.read_bytes())
    numbers = np.random.default_rng(0).standard_normal(size // 4, np.float32) * np.float32(0.02)
    bits[begin:begin + numbers.nbytes] = numbers.tobytes()
    made = path.with_name("random-" + path.name)
    made.write_bytes(bits)
    return made


def main():
    import torch

    flags = dict(a[2:].split("=") for a in sys.argv[1:] if a.startswith("--") and "=" in a)
    path = pathlib.Path(next(a for a in sys.argv[1:] if not a.startswith("--")))
    if "--random-weights" in sys.argv:
        path = fill_weights(path)
    import ssmc
    from ssmc import _native
    from ssmc.errors import check
    batch, steps = int(flags.get("batch", 1)), int(flags.get("steps", 200))
    library, kinds = _native.runtime(), {1: torch.float32, 7: torch.int64, 10: torch.float16, 16: torch.bfloat16}
    with ssmc.load(path) as module:
        entry, state = module.entries["step"], module.new_state(batch)
        stream = torch.cuda.Stream()
        options = _native.RunOptions(stream=stream.cuda_stream)

        def tensors(values):
            arrays, structs = [], (_native.Tensor * len(values))()
            for value, struct in zip(values, structs):
                shape = [d if isinstance(d, int) else batch for d in value.shape]
                arrays.append(torch.zeros(shape, dtype=kinds[value.number], device="cuda"))
                struct.data, struct.dtype, struct.rank = arrays[-1].data_ptr(), value.number, len(shape)
                for i, extent in enumerate(shape):
                    struct.shape[i] = extent
            return arrays, structs

        tokens, inputs = tensors(entry.inputs)
        with module._handle.use() as pointer, state._borrow() as held:
            for places in (1, 40):
                outputs, times = [tensors(entry.outputs) for _ in range(places)], []

                def step(i):
                    check(library.ssmrt_advance(pointer, ctypes.byref(entry._desc), held, inputs,
                                                outputs[i % places][1], ctypes.byref(options)))
                for _ in range(10):
                    for i in range(4):
                        step(i)
                    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                    torch.cuda.synchronize()
                    begin.record(stream)
                    for i in range(steps):
                        step(i)
                    end.record(stream)
                    torch.cuda.synchronize()
                    times.append(begin.elapsed_time(end) / steps)
                check(library.ssmrt_synchronize(pointer))
                assert not any(array.any() for array in tokens)
                print(json.dumps({"model": path.name, "batch": batch, "steps": steps, "graphs": places == 1,
                                  "ms_per_step": round(statistics.median(times[1:]), 5),
                                  "all_ms": [round(t, 5) for t in times]}), flush=True)


main()
