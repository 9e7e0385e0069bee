"""The flags of ssm-eval, right and wrong."""
import os
import subprocess
import sys

import numpy as np

models, tmp = sys.argv[1:]
os.makedirs(tmp)
path = lambda name: os.path.join(tmp, name)
graph = os.path.join(models, "forward.dynamo.onnx")
stored = np.load(os.path.join(models, "forward.npz"))
ids, logits = stored["input_ids"], stored["logits"]
np.savez(path("io.npz"), **{"in:input_ids": ids, "out:logits": logits})
np.savez(path("wrong.npz"), input_ids=ids[:, :-1], logits=logits + 1)
np.savez(path("float.npz"), input_ids=ids.astype("f4"))
open(path("two.mlir"), "w").write("""
func.func @twice(%x: tensor<2xf16>, %n: tensor<ui8>) -> (tensor<2xf16>, tensor<ui8>) {
  %0 = arith.addf %x, %x : tensor<2xf16>
  return %0, %n : tensor<2xf16>, tensor<ui8>
}
func.func private @none()
""")


def run(code, message, *arguments, model=graph):
    r = subprocess.run(["ssm-eval", model, *arguments], capture_output=True, text=True, cwd=tmp)
    assert r.returncode == code, (arguments, r)
    assert message in r.stdout + r.stderr, (message, r)


run(0, "logits: largest deviation", "--input", "@io.npz", "--expect", "@io.npz", "--output", "@out.npz")
assert np.load(path("out.npz"))["logits"].dtype == np.float64
assert np.allclose(np.load(path("out.npz"))["logits"], logits, atol=1e-4)
run(0, "tolerance 2.000e+00", "--input", "@io.npz", "--expect", "@wrong.npz", "--atol=2")
run(1, "elements beyond it", "--input", "@io.npz", "--expect", "@wrong.npz")
np.savez(path("int.npz"), logits=logits.astype("i8"))
run(1, "'logits' is of type float64, expected int64", "--input", "@io.npz", "--expect", "@int.npz")
run(1, "input 'input_ids' has extent 23 in dimension 1, expected 24", "--input", "@wrong.npz")
run(1, "input 'input_ids' is of type float32, expected i64", "--input", "@float.npz")
run(1, "ssm-eval: output 'logits': ", "--expect", "@io.npz")
run(2, "cannot write /nonexistent/o.npz: there is no folder", "--input", "@io.npz", "--output=@/nonexistent/o.npz")
run(2, "--expect names no output of the model: it has ", "--input", "@io.npz", "--expect", "@float.npz")
run(1, "absent.onnx: ", model="absent.onnx")
run(2, "nothing is random here", "--input", "input_ids=random")
run(2, "the model has no 'ids': it has input_ids", "--input", "ids=@io.npz:in:input_ids")
run(2, "--passes cannot be read", "--passes=no-such-pass")
run(2, "--output out.npz is not @FILE.npz", "--output=out.npz")
run(2, "the module has no function 'backward' of one block", "--function=backward")
run(2, "the module has no function 'none' of one block", "--function=none", model="two.mlir")

# Arguments without names have numbers; types that are not the array's own.
np.savez(path("numbers.npz"), **{"0": np.array([1, 2.5], "f4"), "1": np.uint8(200)})
run(0, "", "--function=twice", "--input=@numbers.npz", "--output=@twice.npz", model="two.mlir")
assert np.array_equal(np.load(path("twice.npz"))["0"], [2, 5])
assert np.load(path("twice.npz"))["1"] == 200
np.savez(path("calls.npz"), **{"a.twice.0": np.zeros(2), "a.twice.1": np.uint8(1), "b.twice.0": np.ones(2)})
run(1, "ssm-eval: b.twice: ", "--calls=@calls.npz", "--output=@results.npz", model="two.mlir")
assert sorted(np.load(path("results.npz")).files) == ["a.twice.0", "a.twice.1", "b.twice.0"]
np.savez(path("calls.npz"), **{"a.twice.7": np.zeros(2)})
run(2, "'a.twice.7' is no argument", "--calls=@calls.npz", model="two.mlir")
print("ok")
