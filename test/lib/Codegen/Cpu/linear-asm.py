"""The loop over K of the largest register tile: no spill, no call, loads folded."""
import re
import sys

from kernel_harness import assembly, function_text, loops

for cpu, register, width, rows in (("znver3", "ymm", 16, 6), ("skylake-avx512", "zmm", 32, 12),
                                   ("znver4", "zmm", 32, 12)):
    w = f"memref<96x768x{width}xf32>"
    n = 96 * width
    text = function_text(assembly(f"""
func.func @linear(%x: memref<?x768xf32>, %w: {w}, %bias: memref<{n}xf32>, %y: memref<?x{n}xf32>) {{
  ssm.linear ins(%x, %w : memref<?x768xf32>, {w}) extras(%bias : memref<{n}xf32>)
      outs(%y : memref<?x{n}xf32>) {{
  ^bb0(%sum: f32, %e: f32):
    %0 = arith.addf %sum, %e : f32
    ssm.yield %0 : f32
  }}
  return
}}""", ["ssm-lower-linear"], cpu), "linear")
    if re.search(r"\tcall", text):
        sys.exit(f"{cpu}: calls a function")
    best = 0
    for body in loops(text):
        count = lambda pattern: sum(bool(re.search(pattern, line)) for line in body)
        fused = count(rf"vfmadd\w+ps.*%{register}")
        if fused % (rows * 2) == 0 and fused > best:
            best = fused
            moved = count(rf"vmov\w+\s.*\(%rsp")
            if moved:
                sys.exit(f"{cpu}: {moved} vectors spilled in a loop of {fused} multiply-adds")
            if count(rf"vfmadd\w+ps") != fused:
                sys.exit(f"{cpu}: narrow multiply-adds")
    if best < rows * 2:
        sys.exit(f"{cpu}: no loop of {rows}x{width} multiply-adds")
