"""Evaluates every stored model in fp64, after the passes given, and compares
with its stored outputs: PyTorch's or ONNX Runtime's, in fp32."""
import pathlib
import subprocess
import sys

models, passes = pathlib.Path(sys.argv[1]), sys.argv[2]
# Their mixers are operators of another domain; see the tests of those.
skipped = set(sys.argv[3:])


def stored(feed):
    """Inputs and outputs by their names."""
    return ["--input", f"@{feed}", "--expect", f"@{feed}"]


def feeds(model):
    folder = model.parent
    if model.name.startswith("forward"):
        feed = f"@{folder / 'forward.npz'}"
        return [["--input", f"input_ids={feed}:input_ids", "--expect", f"logits={feed}:logits"]]
    if model.name == "model.onnx":
        return [stored(folder / name) for name in ("prompt.npz", "decode.npz")]
    feed = model.with_suffix(".npz")
    return [stored(feed)] if feed.exists() else []


failures = runs = 0
for model in sorted(models.glob("*/*.onnx")):
    if model.parent.name in skipped:
        continue
    for feed in feeds(model):
        runs += 1
        done = subprocess.run(["ssm-eval", str(model), f"--passes={passes}", *feed],
                              capture_output=True, text=True)
        if done.returncode:
            failures += 1
            print(model, feed, done.stdout, done.stderr, sep="\n")
print(f"{runs} runs, {failures} failures")
sys.exit(failures != 0 or runs < 15)
