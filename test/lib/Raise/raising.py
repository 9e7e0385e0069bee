"""Checks what is raised in graphs, and that they still compute the same.

    raising.py models DIR      every stored model: the ops it is raised to
    raising.py planted DIR     a wrong raise is refused, by name
"""
import pathlib
import re
import subprocess
import sys

import onnx

PASSES = "onnx-inline-functions,onnx-infer-shapes,onnx-fold,ssm-raise"
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
MAMBA2 = ["ssm.short_conv", "ssm.semiseparable"] * 2
GRIFFIN = ["ssm.short_conv", "ssm.scan"] * 2
EXPECTED = {
    "mamba/forward.dynamo": MAMBA, "mamba/forward.dynamo_dyn": MAMBA, "mamba/forward.ts": MAMBA,
    "mamba/generation.prefill": MAMBA,
    "recurrent_gemma/forward.dynamo": GRIFFIN + ["ssm.attention"],
    "recurrent_gemma/forward.dynamo_dyn": GRIFFIN + ["ssm.attention"],
    "recurrent_gemma/generation.prefill": GRIFFIN + ["ssm.attention"],
    # One token shows no recurrence.
    "mamba/generation.decode": [],
    # It sees what a cache holds.
    "qwen3_next/generation.decode": ["ssm.attention"],
    "mamba2/forward.dynamo": MAMBA2, "mamba2/forward.dynamo_dyn": MAMBA2, "mamba2/generation.prefill": MAMBA2,
    "qwen3_next/forward.dynamo": ["ssm.short_conv", "ssm.delta_rule", "ssm.attention"],
    "qwen3_next/generation.prefill": ["ssm.short_conv", "ssm.delta_rule", "ssm.attention"],
    # The states of the tokens before come in, those of the last ones go out.
    "mobius_mamba2/model": MAMBA2,
    # Its attention reads a cache.
    "mobius_qwen3_5/model": ["ssm.short_conv", "ssm.delta_rule", "ssm.attention"],
    # Their maxima are a scan of their own, the report names the mixer.
    "xlstm/forward.dynamo": ["ssm.semiseparable"] * 2, "xlstm/forward.ts": ["ssm.semiseparable"] * 2,
}


def models(folder):
    for name, ops in EXPECTED.items():
        path = folder / f"{name}.onnx"
        found, report, _ = raised(path)
        check(found == ops, name, "is raised to", found)
        if name.startswith("mamba/forward"):
            simplified, _, _ = raised(path, passes=SIMPLIFIED)
            check(simplified == ops, name, "simplified is raised to", simplified)
        if name in ("mamba/generation.prefill", "mamba2/generation.prefill"):
            check(report.count("it takes tokens, and computes nothing") == 2, name, "does not report its caches:", report)
        deviations = [float(d) for d in re.findall(r"\bdeviation = (\S+) :", report)]
        check(all(d < 1e-12 for d in deviations), name, "deviates by", deviations)
        if found:
            feed = folder / (name.split("/")[0] + "/forward.npz")
            if name.endswith("/model"):
                continue  # run by test/integration
            if "generation" in name and not path.with_suffix(".npz").exists():
                continue  # no outputs are stored
            if "generation" in name:
                evaluate(path, *(f"{flag}=@{path.with_suffix('.npz')}" for flag in ("--input", "--expect")))
            else:
                evaluate(path, "--input", f"input_ids=@{feed}:input_ids", "--expect", f"logits=@{feed}:logits")


def planted(folder):
    path = folder / "mamba/forward.dynamo.onnx"
    right, report, _ = raised(path)
    sites = re.findall(r'\bsite = "([^"]*)"', report)
    check(len(sites) == len(right) == 4, "has", sites)
    nodes = {node.name: node for node in onnx.load(path).graph.node}
    makers = {name: node.name for node in nodes.values() for name in node.output}

    def above(name):
        """The names of a node and of all that it follows from."""
        found, waiting = set(), [name]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [makers[value] for value in nodes[node].input if value in makers]
        return found

    for number, site in enumerate(sites):
        found, report, stderr = raised(path, "{plant-error=%d}" % number)
        check(found == right[:number] + right[number + 1:], "planted at", number, "is raised to", found)
        refusals = re.findall(r"the nodes from '([^']*)' to '([^']*)' looked like (\S+) but the check refused it",
                              stderr)
        check(len(refusals) == 1, "planted at", number, "says", stderr)
        for first, last, op in refusals:
            check((last, op) == (site, right[number]), "planted at", number, "names", last, op)
            check(first in nodes and first in above(last), "planted at", number, "begins at", first)
            # Nodes of another layer are none of it.
            check(number < 2 or sites[number - 2] in above(first), "planted at", number, "begins above, at", first)
        kept = re.findall(r'op = "", reason = "([^"]*)", site = "([^"]*)"', report)
        check([s for _, s in kept] == [site], "planted at", number, "reports", kept)
        check(all(reason.startswith(right[number] + ": deviates by") for reason, _ in kept),
              "planted at", number, "has the reason", kept)


if __name__ == "__main__":
    {"models": models, "planted": planted}[sys.argv[1]](pathlib.Path(sys.argv[2]))
    sys.exit(1 if failures else 0)
