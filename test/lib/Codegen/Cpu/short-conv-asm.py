"""The code of the short convolution's loop over time: vectors of the target's
width only, no call, every input loaded once, the window in registers."""
import re
import sys

from kernel_harness import assembly, function_text, loops

t3, state = "memref<1x?x1536xf32>", "memref<1x3x1536xf32>"
source = f"""
func.func @conv(%x: {t3}, %w: memref<1536x4xf32>, %bias: memref<1536xf32>, %y: {t3},
                %h: {state}) {{
  ssm.short_conv activation(silu) ins(%x, %w : {t3}, memref<1536x4xf32>)
    bias(%bias : memref<1536xf32>) outs(%y, %h : {t3}, {state})
  return
}}"""
# A parallel iteration owns 16 channels.
for cpu, register, vectors in (("znver3", "ymm", 2), ("skylake-avx512", "zmm", 1),
                               ("znver4", "zmm", 1)):
    text = function_text(assembly(source, ["ssm-lower-short-conv"], cpu), "conv")
    if re.search(r"\tcall", text):
        sys.exit(f"{cpu}: calls a function")
    # The loops over time are those that divide: x / (1 + e^-x).
    bodies = [body for body in loops(text) if any("vdivps" in line for line in body)]
    if not bodies:
        sys.exit(f"{cpu}: no loop over time")
    body = max(bodies, key=len)
    count = lambda pattern: sum(bool(re.search(pattern, line)) for line in body)
    steps = count(rf"vdivps.*%{register}") / vectors
    if steps < 1 or steps % 1:
        sys.exit(f"{cpu}: {steps} steps in the loop over time")
    # Four taps and a polynomial of degree five.
    fused = count(rf"vfn?m(add|sub)\w+ps.*%{register}")
    if fused < steps * vectors * 9:
        sys.exit(f"{cpu}: {fused} fused multiply-adds in {steps} steps")
    if count(r"v(fn?m\w+|add|sub|mul|max|div)ss\b"):
        sys.exit(f"{cpu}: scalar arithmetic in the loop over time")
    if count(rf"vmov\w+\s+%{register}\d+, .*\(%rsp"):
        sys.exit(f"{cpu}: vectors stored to the stack in the loop over time")
