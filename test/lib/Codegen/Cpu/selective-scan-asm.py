"""The code of the selective scan's inner loops, over time and over the channels of
one token: vectors only, no call, no spill."""
import itertools
import re
import sys

from kernel_harness import assembly, function_text, loops


def source(length):
    t3, bc = f"memref<1x{length}x1536xf32>", f"memref<1x{length}x16xf32>"
    return f"""
func.func @scan(%u: {t3}, %dt: {t3}, %A: memref<1536x16xf32>, %B: {bc}, %C: {bc},
                %D: memref<1536xf32>, %z: {t3}, %y: {t3}, %h: memref<1x1536x16xf32>) {{
  ssm.selective_scan ins(%u, %dt, %A, %B, %C : {t3}, {t3}, memref<1536x16xf32>, {bc}, {bc})
    skip(%D : memref<1536xf32>) gate(%z : {t3}) outs(%y, %h : {t3}, memref<1x1536x16xf32>)
  return
}}"""


# Five for the polynomial, one for the state, and over time one for the read-out.
# What a token stores on the stack are two factors and its sums.
for (cpu, register, vectors), (length, each, stored) in itertools.product(
        (("znver3", "ymm", 2), ("skylake-avx512", "zmm", 1), ("znver4", "zmm", 1)), ((512, 7, 0), (1, 6, 3))):
    text = function_text(assembly(source(length), ["ssm-lower-selective-scan"], cpu), "scan")
    if re.search(r"\tcall", text):
        sys.exit(f"{cpu}: calls a function")
    body = max(loops(text), key=len)
    count = lambda pattern: sum(bool(re.search(pattern, line)) for line in body)
    fused = count(rf"vfn?m(add|sub)\w+ps.*%{register}")
    if fused < (vectors if length > 1 else 1) * 16 * each:
        sys.exit(f"{cpu}: {fused} fused multiply-adds in the loop of length {length}")
    if count(r"v(fn?m|add|sub|mul|max)\w*ss\b"):
        sys.exit(f"{cpu}: scalar arithmetic in the loop of length {length}")
    stores = count(rf"vmov\w+\s+%{register}\d+, .*\(%rsp")
    # On AVX2 the states live on the stack over time, and some sums of a token.
    if stores > ((vectors * 16 if length > 1 else stored) + 8 if register == "ymm" else stored):
        sys.exit(f"{cpu}: {stores} vectors stored to the stack in the loop of length {length}")
