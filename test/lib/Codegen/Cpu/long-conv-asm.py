"""The code of the long convolution: vectors of the target's width only, no call; what
the halvings of a row and the sums over lags compute with stays in registers."""
import re
import sys

from kernel_harness import assembly, function_text, loops


def function(name, strategy):
    t3, k = "memref<1x4096x768xf32>", "memref<4096x768xf32>"
    return f"""
func.func @{name}(%x: {t3}, %k: {k}, %y: {t3}) {{
  ssm.long_conv ins(%x, %k : {t3}, {k}) outs(%y : {t3}) {{ssm.strategy = #ssm.strategy<{strategy}>}}
  return
}}"""


source = function("lags", "recurrent") + function("transforms", "fft")
for cpu, register in (("znver3", "ymm"), ("skylake-avx512", "zmm"), ("znver4", "zmm")):
    code = assembly(source, ["ssm-lower-long-conv"], cpu)
    for name, least in (("lags", 6), ("transforms", 24)):
        text = function_text(code, name)
        if [line for line in text.splitlines() if re.search(r"\tcall", line) and not re.search("malloc|free", line)]:
            sys.exit(f"{cpu}: {name} calls a function")
        fused = rf"vfn?m(add|sub)\w+ps.*%{register}"
        bodies = [b for b in loops(text) if sum(bool(re.search(fused, line)) for line in b) >= least]
        if len(bodies) < (1 if name == "lags" else 6):
            sys.exit(f"{cpu}: {name} has {len(bodies)} loops of {least} multiply-adds")
        for body in bodies:
            if any(re.search(r"v(fn?m\w+|add|sub|mul)ss\b", line) for line in body):
                sys.exit(f"{cpu}: {name} has scalar arithmetic in a loop")
            # Sixteen registers hold the roots of a column but for a few.
            stored = sum(bool(re.search(rf"vmov\w+\s+%{register}\d+, .*\(%rsp", line)) for line in body)
            if stored > (9 if register == "ymm" and name == "transforms" else 0):
                sys.exit(f"{cpu}: {name} stores {stored} vectors to the stack in a loop")
