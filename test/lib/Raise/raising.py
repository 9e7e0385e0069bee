"""Checks what is raised in graphs, and that they still compute the same.

    raising.py models DIR      every stored model: the ops it is raised to
    raising.py planted DIR     a wrong raise is refused, by name
"""
import pathlib
import re
import subprocess
import sys

PASSES = "onnx-infer-shapes,onnx-fold,ssm-raise"
# Weights are transposed by nodes then.
SIMPLIFIED = "onnx-infer-shapes,onnx-fold,onnx-simplify,ssm-raise"
failures = []


def check(condition, *message):
    if not condition:
        failures.append(" ".join(map(str, message)))
        print("FAILED:", *message)


def raised(path, option="", passes=PASSES):
    """Names of the ops in the report, in order; and what was printed."""
    imported = subprocess.run(["ssm-import", "--locations", "--elide", "0", str(path)], capture_output=True, text=True)
    pipeline = f"builtin.module({passes}{option})"
    done = subprocess.run(["ssm-opt", f"--pass-pipeline={pipeline}"], input=imported.stdout,
                          capture_output=True, text=True)
    check(imported.returncode == 0 and done.returncode == 0, path, imported.stderr, done.stderr)
    report = re.search(r"ssmc\.report = \[(.*)\]\}", done.stdout)
    ops = re.findall(r'\bop = "([^"]*)"', report.group(1)) if report else []
    return [op for op in ops if op], report.group(1) if report else "", done.stderr


def evaluate(path, *arguments):
    """Compares the raised graph, in double precision, with stored outputs."""
    done = subprocess.run(["ssm-eval", str(path), f"--passes={PASSES}", *arguments],
                          capture_output=True, text=True)
    check(done.returncode == 0, path, done.stdout, done.stderr)


MAMBA = ["ssm.short_conv", "ssm.selective_scan"] * 2
GRIFFIN = ["ssm.short_conv", "ssm.scan"] * 2
EXPECTED = {
    "mamba/forward.dynamo": MAMBA, "mamba/forward.dynamo_dyn": MAMBA, "mamba/forward.ts": MAMBA,
    "mamba/generation.prefill": MAMBA,
    "recurrent_gemma/forward.dynamo": GRIFFIN, "recurrent_gemma/forward.dynamo_dyn": GRIFFIN,
    "recurrent_gemma/generation.prefill": GRIFFIN,
    # One token shows no recurrence.
    "mamba/generation.decode": [],
    # Their mixers are not in the catalogue: only the convolutions are.
    "mamba2/forward.dynamo": ["ssm.short_conv"] * 2,
    "qwen3_next/forward.dynamo": ["ssm.short_conv"],
    "xlstm/forward.dynamo": [],
}


def models(folder):
    for name, ops in EXPECTED.items():
        path = folder / f"{name}.onnx"
        found, report, _ = raised(path)
        check(found == ops, name, "is raised to", found)
        if name.startswith("mamba/forward"):
            simplified, _, _ = raised(path, passes=SIMPLIFIED)
            check(simplified == ops, name, "simplified is raised to", simplified)
        deviations = [float(d) for d in re.findall(r"\bdeviation = (\S+) :", report)]
        check(all(d < 1e-12 for d in deviations), name, "deviates by", deviations)
        if name.startswith(("mamba/", "recurrent")):
            feed = folder / (name.split("/")[0] + "/forward.npz")
            if "gemma/generation" in name:
                continue  # no outputs are stored
            if "generation" in name:
                evaluate(path, *(f"{flag}=@{path.with_suffix('.npz')}" for flag in ("--input", "--expect")))
            else:
                evaluate(path, "--input", f"input_ids=@{feed}:input_ids", "--expect", f"logits=@{feed}:logits")


def planted(folder):
    path = folder / "mamba/forward.dynamo.onnx"
    for number in range(4):
        found, _, stderr = raised(path, "{plant-error=%d}" % number)
        check(len(found) == 3, "planted at", number, "is raised to", found)
        check("refused" in stderr, "planted at", number, "says", stderr)
        check("node_" in stderr, "planted at", number, "names no node:", stderr)


if __name__ == "__main__":
    {"models": models, "planted": planted}[sys.argv[1]](pathlib.Path(sys.argv[2]))
    sys.exit(1 if failures else 0)
