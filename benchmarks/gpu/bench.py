"""Times mixers on a GPU: compiled models, inputs and outputs on the device.

    bench.py FOLDER [--rounds=25] [--graph] [NAME ...]

FOLDER has what this script makes on a machine with the compiler:

    bench.py --prepare FOLDER [--target=cuda:sm_90a]

Events of CUDA around one run, behind a pass over 256 MB that empties the second
cache, and with --graph a second time with the run in a graph; medians and minima of
`rounds`. Rates are of the bytes that a mixer must move at least. torch owns the
memory.
"""
import ctypes
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
sys.path.insert(0, str(ROOT / "benchmarks" / "gpu"))

#: Name, mixer, batch, length.
SHAPES = [("rg_lru", 8, 4096), ("rg_lru", 1, 4096), ("rg_lru", 2, 1000), ("rg_lru", 1, 65537), ("rg_lru", 32, 100),
          ("mamba1", 8, 4096), ("mamba1", 1, 4096), ("mamba1", 2, 1000), ("mamba1", 1, 65537), ("mamba1", 32, 100),
          ("short_conv", 8, 4096), ("short_conv", 1, 4096), ("short_conv", 2, 1000), ("short_conv", 1, 65537),
          ("short_conv", 32, 100),
          ("ssd_f32", 8, 4096), ("ssd_f32", 1, 4096), ("ssd_f32", 1, 16), ("ssd_step", 64, 1), ("ssd_step", 1, 1),
          ("gla_f32", 8, 4096), ("gla_f32", 1, 4096)]


def prepare(folder, target):
    from mixers import MIXERS
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in MIXERS.items():
        source = folder / f"{name}.mlir"
        source.write_text(text())
        subprocess.run(["ssmc", source, f"--target={target}", "--cpu=x86-64-v3", "-o", source.with_suffix(".so")],
                       check=True)


def tensors(module, batch, length, torch):
    """Inputs and outputs of `forward` on the device: decays below one, small steps."""
    from ssmc import _native
    kinds = {1: torch.float32, 10: torch.float16, 16: torch.bfloat16}
    entry, memory = module.entries["forward"], []
    extents = {"B": batch, "L": length}
    arrays = (_native.Tensor * len(entry.inputs))(), (_native.Tensor * len(entry.outputs))()
    for values, structs, is_input in ((entry.inputs, arrays[0], True), (entry.outputs, arrays[1], False)):
        for value, struct in zip(values, structs):
            shape = [extents.get(d, d) for d in value.shape]
            array = torch.randn(shape, device="cuda") if is_input else torch.full(shape, float("nan"), device="cuda")
            if value.name == "a":
                array = torch.sigmoid(array + 2)
            if value.name == "dt":
                array = torch.nn.functional.softplus(array - 3)
            if value.name == "g":
                array = -torch.nn.functional.softplus(array - 3)
            if value.name == "A":
                array = -torch.exp(array)
            array = array.to(kinds[value.number])
            memory.append(array)
            struct.data, struct.dtype, struct.rank = array.data_ptr(), value.number, len(shape)
            for i, extent in enumerate(shape):
                struct.shape[i] = extent
    return entry, arrays, memory


def measure(folder, name, batch, length, rounds, torch, graph=False):
    import ssmc
    from ssmc import _native
    from ssmc.errors import check
    library = _native.runtime()
    with ssmc.load(folder / f"{name}.so") as module:
        entry, (inputs, outputs), memory = tensors(module, batch, length, torch)
        stream = torch.cuda.Stream()
        options = _native.RunOptions(stream=stream.cuda_stream)
        pointer = module._handle.acquire()

        def run():
            check(library.ssmrt_run(pointer, ctypes.byref(entry._desc), inputs, outputs, ctypes.byref(options)))

        times, flush = [], torch.empty(64 << 20, dtype=torch.float32, device="cuda")
        torch.cuda.synchronize()
        for i in range(rounds + 3):
            with torch.cuda.stream(stream):
                flush.zero_()
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
                run()
                end.record()
            stream.synchronize()
            if i >= 3:
                times.append(begin.elapsed_time(end))
        check(library.ssmrt_synchronize(pointer))
        replays = None
        if graph:
            captured = torch.cuda.CUDAGraph()
            with torch.cuda.graph(captured, stream=stream):
                run()
            replays = []
            for _ in range(rounds):
                with torch.cuda.stream(stream):
                    flush.zero_()
                    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                    begin.record()
                    captured.replay()
                    end.record()
                stream.synchronize()
                replays.append(begin.elapsed_time(end))
        unwritten = sum(int(torch.isnan(m).sum()) for m in memory)
        module._handle.release()
        moved = sum(m.numel() * m.element_size() for m in memory)
        median = statistics.median(times)
        return {"mixer": name, "batch": batch, "length": length, "ms": round(median, 5), "min_ms": round(min(times), 5),
                "bytes": moved, "tb_per_s": round(moved / median / 1e9, 3), "not_a_number": unwritten,
                "graph_ms": round(statistics.median(replays), 5) if replays else None,
                "all_ms": [round(t, 5) for t in times]}


def main():
    flags = dict(a[2:].split("=") for a in sys.argv[1:] if a.startswith("--") and "=" in a)
    folder, *names = [a for a in sys.argv[1:] if not a.startswith("--")]
    folder = pathlib.Path(folder)
    if "--prepare" in sys.argv:
        return prepare(folder, flags.get("target", "cuda:sm_90a"))
    import torch
    print(json.dumps({"gpu": torch.cuda.get_device_name(), "torch": torch.__version__,
                      "rounds": int(flags.get("rounds", 25))}))
    for graph in (False, True) if "--graph" in sys.argv else (False,):
        for name, batch, length in SHAPES:
            if (not names or name in names) and (folder / f"{name}.so").exists():
                print(json.dumps(measure(folder, name, batch, length, int(flags.get("rounds", 25)), torch, graph)),
                      flush=True)


main()
