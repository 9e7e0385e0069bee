"""The code of the two products: fused multiply-adds on vectors, the sums of a
register tile in registers, and no call."""
import re
import sys

from kernel_harness import assembly, function_text, loops

q, k, lse = "memref<?x512x12x64xf32>", "memref<?x?x4x64xf32>", "memref<?x512x12xf32>"
source = f"""
func.func @f(%q: {q}, %k: {k}, %v: {k}, %y: {q}, %lse: {lse}) {{
  ssm.attention left(255) right(0) ins(%q, %k, %v : {q}, {k}, {k}) outs(%y, %lse : {q}, {lse})
  return
}}"""
for cpu, register, tile, ways in (("znver3", "ymm", 12, (4, 3)), ("skylake-avx512", "zmm", 24, (4, 4)),
                                  ("znver4", "zmm", 24, (4, 4))):
    text = function_text(assembly(source, ["ssm-lower-attention", "ssm-expand-math"], cpu), "f")
    called = set(re.findall(r"\tcallq?\s+(\w+)", text)) - {"memset", "memcpy"}
    if called:
        sys.exit(f"{cpu}: calls {called}")
    products = 0
    for body in loops(text):
        count = lambda pattern: sum(bool(re.search(pattern, line)) for line in body)
        fused = count(rf"vfmadd\w+ps.*%{register}")
        if fused not in [tile * n for n in ways]:
            continue
        products += 1
        # Stores of a loop of sums are spills; so is a load that a scratch does
        # not index.
        spilled = count(rf"vmov\w+\s+%{register}\d+, .*\(") + count(rf"\s-?\d*\(%r[sb]p\), %{register}")
        if spilled:
            sys.exit(f"{cpu}: {spilled} vectors spilled in a loop of {fused} multiply-adds")
    if products < 3:  # scores with and without a mask, outputs without
        sys.exit(f"{cpu}: {products} loops of products")
