"""What the rules of kernels choose on a GPU, beside all else that could be chosen.

    plan.py prepare FOLDER [NAME ...]   compiles the mixers; needs ssmc in PATH, no GPU
    plan.py run FOLDER [NAME ...]       needs a GPU, torch, and SSMC_LIBRARY_DIR or an installed ssmc

Of each mixer there is an artifact as it is compiled, `plan`, and one for each choice
that `ssm.choices` forces: numbers of segments, tiles, warps, other kernels. All are
compared with what the processor makes of the same numbers (the norm of the
difference over that of what is right, infinite where not a number), and timed in
turns: medians of events around one run, the L2 cache flushed before. A ratio is the
time of the plan over that of the fastest.
"""
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "benchmarks" / "gpu")]
import mixers  # noqa: E402
import products  # noqa: E402
from tensor_cores import Attention, DeltaRule, Semiseparable, deviation, timed  # noqa: E402

TOLERANCE = {"bf16": 1.5e-2, "f32": 1e-4}
MOST = 1.15  # of the fastest
SEGMENTS = [{"segments": n} for n in (1, 2, 4, 8, 16, 24, 32, 48, 64, 96)]
TILES = [{"tile": n} for n in (64, 128)]
products.SHAPES["odd"] = (1000, 712, False)
# Name: text, type, other choices, (batch, length) to measure.
CASES = {
    "rg_lru": (mixers.rg_lru("bf16", 1544), "bf16", SEGMENTS, [(3, 1777), (1, 65537), (32, 100)]),
    "mamba1": (mixers.mamba1("bf16", 1032), "bf16", SEGMENTS, [(5, 701), (1, 30001)]),
    "short_conv": (mixers.short_conv("bf16", 1800), "bf16", SEGMENTS, [(2, 9999)]),
    "ssd": (Semiseparable(24, 1, 1, 128, 64).text(), "bf16", SEGMENTS[:6], [(3, 3001), (1, 65537)]),
    "ssd_f32": (Semiseparable(6, 1, 1, 64, 64, kind="f32").text(), "f32", SEGMENTS, [(2, 1111)]),
    "gla_f32": (Semiseparable(5, 5, 5, 64, 48, kind="f32", decay="key").text(), "f32", SEGMENTS, [(1, 5003)]),
    "attention_step": (Attention(16, 4, 128, steps=1).text(), "bf16", SEGMENTS, [(7, 20011), (1, 511)]),
    "attention": (Attention(12, 12, 128).text(), "bf16", [{"tile": 64}], [(2, 1537)]),
    "product_f32": (products.text("odd", "f32"), "f32", [*TILES, {"few_rows": 0}], [(1, 13), (3, 259)]),
    "product_bf16": (products.text("odd", "bf16"), "bf16", [*TILES, {"few_rows": 0}], [(1, 13), (2, 1501)]),
    "gated_delta": (DeltaRule(12, 128, 128).text(), "bf16", [{"warps": 1}, {"warps": 2}, {"chunks": 0}], [(2, 2049)]),
    "kda": (DeltaRule(6, 128, 128, decay="key").text(), "bf16", [{"warps": 2}, {"warps": 4}, {"chunks": 0}], [(1, 1025)]),
}


def variants(name):
    """Choices by the name of their artifact."""
    listed = lambda choice: "-".join(f"{n}{x}" for n, x in choice.items())  # noqa: E731
    return {"plan": {}, **{listed(choice): choice for choice in CASES[name][2]}}


def prepare(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        text = CASES[name][0]
        for variant, choice in variants(name).items():
            source = folder / f"{name}.{variant}.mlir"
            said = ", ".join(f"{n} = {x} : i64" for n, x in choice.items())
            source.write_text(text.replace("module {", f"module attributes {{ssm.choices = {{{said}}}}} {{", 1))
            subprocess.run(["ssmc", source, "--target=cuda:sm_90a", "--cpu=x86-64-v3", "-o", source.with_suffix(".so")],
                           check=True)
        subprocess.run(["ssmc", folder / f"{name}.plan.mlir", "--cpu=x86-64-v3", "-o", folder / f"{name}.cpu.so"],
                       check=True)
        print(name, flush=True)


def draw(torch, value, sizes, is_output):
    """An input: decays that forget, steps that are small, and else what is random."""
    kinds = {1: torch.float32, 9: torch.bool, 10: torch.float16, 16: torch.bfloat16}
    shape, name = [eval(str(extent), {}, sizes) for extent in value.shape], value.name
    array = torch.randn(shape, device="cuda")
    if is_output:
        return array.fill_(float("nan")).to(kinds[value.number])
    array = {"a": lambda: torch.sigmoid(array + 2), "dt": lambda: torch.nn.functional.softplus(array - 3),
             "g": lambda: -torch.nn.functional.softplus(array - 3), "A": lambda: -torch.exp(array),
             "beta": lambda: torch.sigmoid(array), "q": lambda: torch.nn.functional.normalize(array, dim=-1),
             "k": lambda: torch.nn.functional.normalize(array, dim=-1)}.get(name, lambda: array)()
    return array.to(kinds[value.number])


def bind(module, inputs, outputs, **options):
    """A call of `forward` on tensors of torch, wherever they lie."""
    from ssmc import _native
    from ssmc.errors import check
    entry, library = module.entries["forward"], _native.runtime()

    def structs(values, tensors):
        result = (_native.Tensor * len(values))()
        for struct, value, tensor in zip(result, values, tensors):
            struct.data, struct.dtype, struct.rank = tensor.data_ptr(), value.number, tensor.dim()
            for d, extent in enumerate(tensor.shape):
                struct.shape[d] = extent
        return result
    given, gives = structs(entry.inputs, inputs), structs(entry.outputs, outputs)
    settings, pointer = _native.RunOptions(**options), module._handle.acquire()
    return lambda: check(library.ssmrt_run(pointer, ctypes.byref(entry._desc), given, gives, ctypes.byref(settings)))


def worst(torch, found, wanted):
    return max(deviation(torch, a.cpu(), b.double()) for a, b in zip(found, wanted))


def measure(torch, folder, name, batch, length):
    import ssmc
    modules = {v: ssmc.load(folder / f"{name}.{v}.so") for v in [*variants(name), "cpu"]}
    entry, sizes = modules["plan"].entries["forward"], {"B": batch, "L": length}

    def make(values, is_output):
        return [draw(torch, value, sizes, is_output) for value in values]
    torch.manual_seed(length)
    inputs = make(entry.inputs, False)
    wanted = [tensor.cpu() for tensor in make(entry.outputs, True)]
    given = [tensor.cpu() for tensor in inputs]
    bind(modules.pop("cpu"), given, wanted, num_threads=os.cpu_count())()
    stream, calls, deviations = torch.cuda.current_stream().cuda_stream, {}, {}
    for variant, module in modules.items():
        found = make(entry.outputs, True)
        calls[variant] = bind(module, inputs, found, stream=stream)
        calls[variant]()
        torch.cuda.synchronize()
        deviations[variant] = worst(torch, found, wanted)
        calls[variant].memory = found  # it is written again
    times = {v: statistics.median(ms) for v, ms in timed(torch, calls).items()}
    best = min(times, key=times.get)
    return {"mixer": name, "batch": batch, "length": length, "plan_ms": round(times["plan"], 4), "best": best,
            "best_ms": round(times[best], 4), "ratio": round(times["plan"] / times[best], 3),
            "deviation": max(deviations.values()), "ms": {v: round(ms, 4) for v, ms in times.items()},
            "deviations": {v: float(f"{x:.2e}") for v, x in deviations.items()}}


def run(folder, names):
    import torch
    print(torch.cuda.get_device_name(), torch.__version__, flush=True)
    wrong, slow = [], []
    with torch.cuda.stream(torch.cuda.Stream()):
        for name in names:
            for batch, length in CASES[name][3]:
                found = measure(torch, folder, name, batch, length)
                print(json.dumps(found), flush=True)
                if not found["deviation"] <= TOLERANCE[CASES[name][1]]:
                    wrong.append((name, batch, length))
                if found["ratio"] > MOST:
                    slow.append((name, batch, length, found["ratio"], found["best"]))
    print("wrong:", wrong)
    print(f"more than {MOST} of the fastest:", slow)
    return bool(wrong or slow)


if __name__ == "__main__":
    what, where, *given = sys.argv[1:]
    sys.exit({"prepare": prepare, "run": run}[what](pathlib.Path(where), given or list(CASES)))
