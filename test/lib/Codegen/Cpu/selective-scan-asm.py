"""The code of the selective scan's inner loop: vectors only, no call, no spill."""
import re
import sys

from kernel_harness import assembly, function_text, loops

t3, bc = "memref<1x?x1536xf32>", "memref<1x?x16xf32>"
source = f"""
func.func @scan(%u: {t3}, %dt: {t3}, %A: memref<1536x16xf32>, %B: {bc}, %C: {bc},
                %D: memref<1536xf32>, %z: {t3}, %y: {t3}, %h: memref<1x1536x16xf32>) {{
  ssm.selective_scan ins(%u, %dt, %A, %B, %C : {t3}, {t3}, memref<1536x16xf32>, {bc}, {bc})
    skip(%D : memref<1536xf32>) gate(%z : {t3}) outs(%y, %h : {t3}, memref<1x1536x16xf32>)
  return
}}"""
for cpu, register, vectors in (("znver3", "ymm", 2), ("skylake-avx512", "zmm", 1),
                               ("znver4", "zmm", 1)):
    text = function_text(assembly(source, ["ssm-lower-selective-scan"], cpu), "scan")
    if re.search(r"\tcall", text):
        sys.exit(f"{cpu}: calls a function")
    body = max(loops(text), key=len)
    count = lambda pattern: sum(bool(re.search(pattern, line)) for line in body)
    # Five for the polynomial, one for the state, one for the read-out.
    fused = count(rf"vfn?m(add|sub)\w+ps.*%{register}")
    if fused < vectors * 16 * 7:
        sys.exit(f"{cpu}: {fused} fused multiply-adds in the loop over time")
    if count(r"v(fn?m|add|sub|mul|max)\w*ss\b"):
        sys.exit(f"{cpu}: scalar arithmetic in the loop over time")
    stores = count(rf"vmov\w+\s+%{register}\d+, .*\(%rsp")
    # On AVX2 the states live on the stack; otherwise nothing is stored there.
    if stores > (vectors * 16 + 8 if register == "ymm" else 0):
        sys.exit(f"{cpu}: {stores} vectors stored to the stack in the loop over time")
