"""Runs the models of test/models on a GPU, and compares with what is stored beside
them: whole sequences, prompts, and decoders that are derived from a forward graph.

    models.py --prepare FOLDER [--target=cuda:sm_90a]   where the compiler is
    models.py FOLDER                                    where the GPU is

A graph of a prompt beside which nothing is stored is compared with what the
processor makes of it. Deviations are relative to the largest number of an output;
1e-4 is allowed. Exit code 1 where one is above, or a run fails.
"""
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import ssmc  # noqa: E402

MODELS = ROOT / "test" / "models"
#: Graph, what is stored beside it, and options of the compiler.
GRAPHS = [(f"{model}/{graph}.onnx", archives, ()) for model, graph, archives in [
    ("mamba", "forward.dynamo", "forward"), ("mamba", "forward.dynamo_dyn", "forward"),
    ("mamba", "forward.ts", "forward"), ("mamba", "generation.prefill", "generation.prefill"),
    ("mamba", "generation.decode", "generation.decode"), ("mamba2", "forward.dynamo", "forward"),
    ("mamba2", "forward.dynamo_dyn", "forward"), ("mamba2", "generation.prefill", ""),
    ("mamba2", "generation.decode", "generation.decode"), ("mobius_mamba2", "model", "prompt,decode"),
    ("mobius_qwen3_5", "model", "prompt,decode"), ("qwen3_next", "forward.dynamo", "forward"),
    ("qwen3_next", "generation.prefill", ""), ("qwen3_next", "generation.decode", "generation.decode"),
    ("recurrent_gemma", "forward.dynamo", "forward"), ("recurrent_gemma", "forward.dynamo_dyn", "forward"),
    ("recurrent_gemma", "generation.prefill", ""), ("xlstm", "forward.dynamo", "forward"),
    ("xlstm", "forward.ts", "forward")]]
#: Decoders: batch and length are free, beside lengths.npz.
DECODERS = [("mamba", ()), ("mamba2", ()), ("qwen3_next", ("--max-length=128",)), ("recurrent_gemma", ()), ("xlstm", ())]
ENTRIES = "--entry=forward,prefill,prefill_lengths,step,verify"
TOLERANCE = 1e-4


def compile_model(source, library, target, *options):
    kind = [f"--target={target}", "--cpu=x86-64-v3"] if target != "cpu" else []
    done = subprocess.run(["ssmc", str(source), "-o", str(library), *kind, *options], capture_output=True, text=True)
    if done.returncode:
        print(f"{library.stem}: {done.stderr.strip().splitlines()[-1]}")
    return done.returncode == 0


def ordinary_feeds(entry):
    """A prompt without padding."""
    feeds, rng = {}, np.random.default_rng(3)
    for value in entry.inputs:
        shape = [d if isinstance(d, int) else [2, 24][i] if i < 2 else 1 for i, d in enumerate(value.shape)]
        if "position" in value.name:
            feeds[value.name] = np.broadcast_to(np.arange(shape[-1]), shape).astype(value.dtype)
        elif "ids" in value.name:
            feeds[value.name] = rng.integers(0, 100, shape).astype(value.dtype)
        else:  # other numbers are masks, whatever their names
            feeds[value.name] = np.full(shape, value.dtype.kind in "iub", value.dtype)
    return feeds


def call(entry, feeds):
    results = entry(**feeds)
    names = [value.name for value in entry.outputs]
    return dict(zip(names, [results] if len(names) == 1 else list(results)))


def prepare(folder, target):
    folder.mkdir(parents=True, exist_ok=True)
    for graph, archives, options in GRAPHS:
        source = MODELS / graph
        name = f"{source.parent.name}-{source.stem}"
        if not compile_model(source, folder / f"{name}.so", target, *options):
            continue
        for i, archive in enumerate(filter(None, archives.split(","))):
            np.savez(folder / f"{name}.{i}.npz", **np.load(source.parent / f"{archive}.npz"))
        if not archives:
            compile_model(source, folder / "expected", "cpu", *options)
            with ssmc.load(folder / "expected") as module:
                entry = module.entries["forward"]
                feeds = ordinary_feeds(entry)
                np.savez(folder / f"{name}.0.npz", **{f"in:{k}": v for k, v in feeds.items()},
                         **{f"out:{k}": v for k, v in call(entry, feeds).items()})
            (folder / "expected").unlink()
    for model, options in DECODERS:
        library = folder / f"{model}-decoder.so"
        if compile_model(MODELS / model / "forward.dynamo.onnx", library, target, "--dim=input_ids:0=B",
                         "--dim=input_ids:1=L", ENTRIES, *options):
            np.savez(folder / f"{model}-decoder.lengths.npz", **np.load(MODELS / model / "lengths.npz"))


def deviation(found, wanted):
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.dtype.kind != "f":
        return float((found != wanted).any())
    if not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - wanted).max(initial=0) / max(np.abs(wanted).max(initial=0), 1e-30))


def check_graph(module, archive):
    stored, worst = np.load(archive), {}

    def of(values, prefix):
        keys = {v.name: prefix + v.name if prefix + v.name in stored.files else v.name for v in values}
        return {name: stored[key] for name, key in keys.items()}
    entry = module.entries["forward"]
    feeds, wanted = of(entry.inputs, "in:"), of(entry.outputs, "out:")
    first, second = call(entry, feeds), call(entry, feeds)
    for name, found in first.items():
        worst[name] = deviation(found, wanted[name])
        if found.tobytes() != second[name].tobytes():
            raise ValueError(f"'{name}' has other bits the second time")
    return worst


def check_decoder(module, archive):
    stored, worst = np.load(archive), {}
    for length in (1, 7, 24, 40, 100):
        ids, logits = stored[f"input_ids_L{length}"], stored[f"logits_L{length}"]
        for rows in ([0], [0, 1], [1, 0, 0, 1, 1]):
            found = module(ids[rows])
            worst[f"forward of {length}"] = max(worst.get(f"forward of {length}", 0), deviation(found, logits[rows]))
    ids, logits = stored["input_ids_L40"], stored["logits_L40"]
    state, found = module.new_state(2), []
    for begin, end in ((0, 9), (9, 24)):
        found.append(module.prefill(ids[:, begin:end], state))
    for t in range(24, 40):
        found.append(module.step(ids[:, t:t + 1], state))
    worst["prefill"] = max(deviation(found[0], logits[:, :9]), deviation(found[1], logits[:, 9:24]))
    worst["step"] = deviation(np.concatenate(found[2:], 1), logits[:, 24:])
    # Rows of different lengths, then a draft of which some tokens are kept.
    begin, state = np.array([5, 17]), module.new_state(2)
    prompts = np.where(np.arange(20) < begin[:, None], ids[:, :20], 0)
    module.prefill(prompts, state, lengths=begin)
    draft = np.stack([ids[row, begin[row]:begin[row] + 4] for row in range(2)])
    found = module.verify(draft, state)
    wanted = np.stack([logits[row, begin[row]:begin[row] + 4] for row in range(2)])
    worst["verify"] = deviation(found, wanted)
    state.accept(np.array([1, 3]))
    at = begin + [1, 3]
    found = module.step(ids[[0, 1], at][:, None], state)
    worst["accept"] = deviation(found[:, 0], logits[[0, 1], at])
    return worst


def main():
    flags = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--") and "=" in a)
    folder = pathlib.Path(next(a for a in sys.argv[1:] if not a.startswith("--")))
    if "--prepare" in sys.argv:
        return prepare(folder, flags.get("target", "cuda:sm_90a"))
    failures = 0
    for archive in sorted(folder.glob("*.npz")):
        name, kind, _ = archive.name.rsplit(".", 2)
        try:
            with ssmc.load(folder / f"{name}.so") as module:
                worst = (check_decoder if kind == "lengths" else check_graph)(module, archive)
            failures += (bad := not max(worst.values()) <= TOLERANCE)
            where = max(worst, key=worst.get)
            said = f"{'FAIL' if bad else 'ok'} {worst[where]:.2e} ({where})"
            if kind == "lengths":
                said += " " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items())
        except (ssmc.RunError, OSError, KeyError, ValueError) as error:
            failures, said = failures + 1, f"FAIL {error}"
        print(f"{archive.stem:36} {said}", flush=True)
    print(f"{failures} failures")
    return failures > 0


sys.exit(main())
