"""The code of the inner loop over time: fused multiply-adds on vectors, no call,
and the tile of the state stays in registers."""
import re
import sys

from kernel_harness import assembly, function_text, loops

qk, vt, g, s = ("memref<1x?x1x128xf32>", "memref<1x?x24x64xf32>", "memref<1x?x24xf32>",
                "memref<1x24x128x64xf32>")
source = f"""
func.func @f(%q: {qk}, %k: {qk}, %v: {vt}, %g: {g}, %y: {vt}, %s: {s}) {{
  ssm.semiseparable ins(%q, %k, %v : {qk}, {qk}, {vt}) decay(%g : {g}) outs(%y, %s : {vt}, {s})
  return
}}"""
for cpu, register, rows in (("znver3", "ymm", 4), ("skylake-avx512", "zmm", 8), ("znver4", "zmm", 8)):
    text = function_text(assembly(source, ["ssm-lower-semiseparable"], cpu), "f")
    called = set(re.findall(r"\tcallq?\s+(\w+)", text)) - {"memset", "memcpy"}  # of a block
    if called:
        sys.exit(f"{cpu}: calls {called}")
    count = lambda body, pattern: sum(bool(re.search(pattern, line)) for line in body)
    fused = rf"vfmadd\w+ps.*%{register}"
    body = max(loops(text), key=lambda body: count(body, fused))
    # Two vectors of each row, once for the input and once to be read out; the
    # loop may be unrolled.
    if count(body, fused) % (rows * 4) or count(body, fused) == 0:
        sys.exit(f"{cpu}: {count(body, fused)} fused multiply-adds in the loop over time")
    # A spill has no index; the scratch of the outputs is indexed.
    if count(body, rf"vmov\w+\s+%{register}\d+, -?\d*\(%r[sb]p\)"):
        sys.exit(f"{cpu}: the loop over time stores vectors to the stack")
