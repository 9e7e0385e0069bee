"""The loop over K of the largest register tile: no spill, no call, loads folded;
of bf16, two products in an instruction where there is one."""
import re
import sys

from kernel_harness import assembly, function_text, loops

for cpu, register, width, rows, type, multiply in (
        ("znver3", "ymm", 16, 6, "f32", r"vfmadd\w+ps"), ("skylake-avx512", "zmm", 32, 12, "f32", r"vfmadd\w+ps"),
        ("znver4", "zmm", 32, 12, "f32", r"vfmadd\w+ps"), ("znver4", "zmm", 32, 12, "bf16", "vdpbf16ps")):
    w = f"memref<96x768x{width}x{type}>"
    n = 96 * width
    text = function_text(assembly(f"""
func.func @linear(%x: memref<?x768x{type}>, %w: {w}, %bias: memref<{n}xf32>, %y: memref<?x{n}xf32>) {{
  ssm.linear ins(%x, %w : memref<?x768x{type}>, {w}) extras(%bias : memref<{n}xf32>)
      outs(%y : memref<?x{n}xf32>) {{
  ^bb0(%sum: f32, %e: f32):
    %0 = arith.addf %sum, %e : f32
    ssm.yield %0 : f32
  }}
  return
}}""", ["ssm-lower-linear"], cpu), "linear")
    if re.search(r"\tcall", text):
        sys.exit(f"{cpu}, {type}: calls a function")
    best = 0
    for body in loops(text):
        count = lambda pattern: sum(bool(re.search(pattern, line)) for line in body)
        fused = count(rf"{multiply}.*%{register}")
        if fused % (rows * 2) == 0 and fused > best:
            best = fused
            moved = count(rf"vmov\w+\s.*\(%rsp")
            if moved:
                sys.exit(f"{cpu}, {type}: {moved} vectors spilled in a loop of {fused} multiply-adds")
            if count(multiply) != fused:
                sys.exit(f"{cpu}, {type}: narrow multiply-adds")
    if best < rows * 2:
        sys.exit(f"{cpu}, {type}: no loop of {rows}x{width} multiply-adds")
