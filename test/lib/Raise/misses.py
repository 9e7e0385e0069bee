"""Near misses: what is raised of each variant of a layer, and that all are right.

    misses.py LENGTH [ssmc options]

A variant that is not raised must have its reason in the report, and every one
is compiled and compared with ONNX Runtime.
"""
import pathlib
import re
import sys
import tempfile

import onnx

import make_mamba
from compiled import compile_model, peer_outputs, run_model
from variants import TWINS, VARIANTS

SIZE = {"inner": 12, "state": 4, "hidden": 8, "vocabulary": 32}


def check(layers, length, path, folder, options):
    """What is wrong with the model of these layers."""
    size = {**SIZE, "layers": len(layers), "length": length, **layers[0].options}
    arguments = [word for name, value in size.items() for word in (f"--{name}", str(value))]
    onnx.save(make_mamba.build(make_mamba.arguments([str(path), "--seed", "1", *arguments]), *layers), path)
    library, report = compile_model(path, folder, *options)
    ops = [entry["op"] for entry in report if entry["op"]]
    reasons = " ".join(entry["reason"] for entry in report if not entry["op"])
    expected = [layer.raised for layer in layers]
    if None not in expected and ops != sum(expected, []):
        yield f"is raised to {ops}, not {expected}"
    for layer in layers:
        if layer.reason and not re.search(layer.reason, reasons):
            yield f"has the reason '{reasons}'"
    yield run_model(library, peer_outputs(path), folder)


def main(length, *options):
    failures = 0
    models = {name: [layer] for name, layer in VARIANTS.items()} | TWINS
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        for name, layers in sorted(models.items()):
            wrong = [text for text in check(layers, length, folder / "model.onnx", folder, options) if text]
            for text in wrong:
                print(f"{name} ({layers[-1].__doc__}): {text}")
            failures += bool(wrong)
    print(f"{len(models)} variants, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
