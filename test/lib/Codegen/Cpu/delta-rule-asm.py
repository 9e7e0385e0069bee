"""The code of the walk over the state: fused multiply-adds on vectors and one
store for a load, no call, no spill."""
import re
import sys

from kernel_harness import assembly, function_text, loops

t, h, s = "memref<1x?x12x128xf32>", "memref<1x?x12xf32>", "memref<1x12x128x128xf32>"
source = f"""
func.func @f(%q: {t}, %k: {t}, %v: {t}, %beta: {h}, %g: {h}, %y: {t}, %s: {s}) {{
  ssm.delta_rule ins(%q, %k, %v : {t}, {t}, {t}) beta(%beta : {h}) decay(%g : {h}) outs(%y, %s : {t}, {s})
  return
}}"""
for cpu, register, vectors in (("znver3", "ymm", 4), ("skylake-avx512", "zmm", 2), ("znver4", "zmm", 2)):
    text = function_text(assembly(source, ["ssm-lower-delta-rule"], cpu), "f")
    called = set(re.findall(r"\tcallq?\s+(\w+)", text)) - {"memset", "memcpy"}  # of panels
    if called:
        sys.exit(f"{cpu}: calls {called}")
    count = lambda body, pattern: sum(bool(re.search(pattern, line)) for line in body)
    fused = rf"vfmadd\w+ps.*%{register}"
    # The walks, of which one multiplies and one only reads.
    walks = [body for body in loops(text) if count(body, fused) and not count(body, r"vmulps")
             and count(body, rf"vmov\w+\s+%{register}")]
    if not walks:
        sys.exit(f"{cpu}: no loop that changes the state")
    for body in walks:
        stores = count(body, rf"vmov\w+\s+%{register}\d+, .*\(")
        if count(body, fused) != 3 * stores or stores % vectors:
            sys.exit(f"{cpu}: {count(body, fused)} multiply-adds for {stores} stores")
        if count(body, rf"vmov\w+\s+%{register}\d+, -?\d*\(%r[sb]p\)"):
            sys.exit(f"{cpu}: the walk stores vectors to the stack")
