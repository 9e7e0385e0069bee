"""--weights=bf16 and f16: weights of products are rounded to the nearest, ties to
even, and take half the room; what f16 cannot hold stays f32; a model deviates
little. --products=bf16: rows are rounded too, and sums are not. A model of bf16 or
f16 has the same kernels by itself."""
import os
import re
import subprocess
import sys

import ml_dtypes
import numpy as np

tmp, model, archive = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
library = os.path.join(tmp, "model.so")
K, N = 64, 300


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def compile(source, *flags):
    """The bytes of weights in the library."""
    run("ssmc", source, "-o", library, *flags)
    return int(re.search(r"weights_bytes = (\d+)",
                         run("ssmc", source, "--emit=tiled", "-o", "-", *flags))[1])


def evaluate(**inputs):
    given, found = os.path.join(tmp, "in.npz"), os.path.join(tmp, "out.npz")
    np.savez(given, **inputs)
    run("ssm-run", library, f"--input=@{given}", f"--output=@{found}")
    with np.load(found) as outputs:
        return {name: outputs[name] for name in outputs.files}


def product(W):
    source = os.path.join(tmp, "product.mlir")
    with open(source, "w") as file:
        file.write(f"""
func.func @forward(%x: tensor<{K}x{K}xf32> {{onnx.name = "x"}}) -> (tensor<{K}x{N}xf32> {{onnx.name = "y"}}) {{
  %w = arith.constant dense<"0x{W.tobytes().hex()}"> : tensor<{K}x{N}xf32>
  %zero = arith.constant dense<0.0> : tensor<{K}x{N}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{K}x{K}xf32>, tensor<{K}x{N}xf32>) outs(%zero : tensor<{K}x{N}xf32>) -> tensor<{K}x{N}xf32>
  return %y : tensor<{K}x{N}xf32>
}}""")
    return source


# Rows of the unit matrix give the weight as it is stored. Halves of the last
# place, both ways, are among the elements.
rng = np.random.default_rng(0)
W = rng.standard_normal((K, N)).astype(np.float32)
W[:8] = (W[:8].view(np.uint32) & 0xFFFF0000 | 0x8000).view(np.float32)
W[8:16] = (W[8:16].view(np.uint32) & 0xFFFFE000 | 0x1000).view(np.float32)
one = np.eye(K, dtype=np.float32)
full = compile(product(W))
for name, half in (("bf16", ml_dtypes.bfloat16), ("f16", np.float16)):
    size = compile(product(W), f"--weights={name}")
    assert full == 2 * size, (name, full, size)
    np.testing.assert_array_equal(evaluate(x=one)["y"], W.astype(half).astype(np.float32), name)

# Both factors rounded, the sum in f32, with the instruction for it and without.
x = rng.standard_normal((K, K)).astype(np.float32)
x[:8] = (x[:8].view(np.uint32) & 0xFFFF0000 | 0x8000).view(np.float32)
exact = x.astype(np.float64) @ W
rounded = x.astype(ml_dtypes.bfloat16).astype(np.float64) @ W.astype(ml_dtypes.bfloat16).astype(np.float64)
for cpu in ("host", "x86-64-v3"):
    assert compile(product(W), "--products=bf16", f"--cpu={cpu}") < 0.6 * full  # panels differ in width
    got = evaluate(x=x)["y"]
    np.testing.assert_allclose(got, rounded, atol=1e-6 * np.abs(rounded).max(), rtol=0, err_msg=cpu)
    assert 1e-4 < np.abs(got - exact).max() / np.abs(exact).max() < 2e-2


def half_product(W, name):
    """Rows and weight as a model in half precision has them."""
    source = os.path.join(tmp, "half.mlir")
    with open(source, "w") as file:
        file.write(f"""
func.func @forward(%x: tensor<{K}x{K}xf32> {{onnx.name = "x"}}) -> (tensor<{K}x{N}xf32> {{onnx.name = "y"}}) {{
  %rows = arith.truncf %x : tensor<{K}x{K}xf32> to tensor<{K}x{K}x{name}>
  %w = arith.constant dense<"0x{W.tobytes().hex()}"> : tensor<{K}x{N}x{name}>
  %zero = arith.constant dense<0.0> : tensor<{K}x{N}xf32>
  %y = linalg.matmul ins(%rows, %w : tensor<{K}x{K}x{name}>, tensor<{K}x{N}x{name}>)
      outs(%zero : tensor<{K}x{N}xf32>) -> tensor<{K}x{N}xf32>
  return %y : tensor<{K}x{N}xf32>
}}""")
    return source


for name, half in (("bf16", ml_dtypes.bfloat16), ("f16", np.float16)):
    rounded = x.astype(half).astype(np.float64) @ W.astype(half).astype(np.float64)
    source = half_product(W.astype(half), name)
    code = run("ssmc", source, "--emit=asm", "-o", "-", "--cpu=znver4")
    assert "ssm_kernel_ssm_linear" in code and ("vdpbf16ps" in code) == (name == "bf16"), name
    for cpu in ("host", "x86-64-v3"):
        compile(source, f"--cpu={cpu}")
        np.testing.assert_allclose(evaluate(x=x)["y"], rounded, atol=1e-6 * np.abs(rounded).max(), rtol=0,
                                   err_msg=f"{name} {cpu}")

W[3, 5] = 65520.0
assert compile(product(W), "--weights=f16") == full
np.testing.assert_array_equal(evaluate(x=one)["y"], W)

# A model, within 2e-2 of the largest output.
with np.load(archive) as stored:
    arrays = {name: stored[name] for name in stored.files}
inputs = {name.removeprefix("in:"): a for name, a in arrays.items()
          if name.startswith("in:") or name == "input_ids"}
sizes = {}
outputs = {}
variants = {"f32": [], "bf16": ["--weights=bf16"], "f16": ["--weights=f16"], "products": ["--products=bf16"]}
for name, flags in variants.items():
    sizes[name] = compile(model, *flags)
    outputs[name] = evaluate(**inputs)
for name in ("bf16", "f16", "products"):
    assert sizes[name] < 0.75 * sizes["f32"], sizes
    for key, exact in outputs["f32"].items():
        if exact.dtype != np.float32:
            continue
        error = np.abs(outputs[name][key] - exact).max() / np.abs(exact).max()
        assert 0 < error < 2e-2, (name, key, error)
        print(name, key, f"{error:.1e}", sizes)
