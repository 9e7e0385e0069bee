"""The structures of the C headers lie in memory as the package declares them:
layout.py CC INCLUDE FOLDER"""
import ctypes
import os
import subprocess
import sys

from ssmc import _native

cc, include, folder = sys.argv[1:]
STRUCTS = {"ssmrt_status": _native.Status, "ssmrt_tensor": _native.Tensor, "ssmrt_value_desc": _native.ValueDesc,
           "ssmrt_entry_desc": _native.EntryDesc, "ssmrt_state_desc": _native.StateDesc,
           "ssmrt_model_desc": _native.ModelDesc, "ssmrt_run_options": _native.RunOptions,
           "ssmc_diagnostic": _native.Diagnostic}
expected = {"SSMRT_ABI_VERSION": _native.ABI_VERSION, "SSMC_API_VERSION": _native.API_VERSION,
            "SSMRT_MAX_RANK": _native.MAX_RANK}
for name, struct in STRUCTS.items():
    expected[f"sizeof({name})"] = ctypes.sizeof(struct)
    for field in struct._fields_:
        expected[f"offsetof({name}, {field[0]})"] = getattr(struct, field[0]).offset
        expected[f"sizeof((({name} *)0)->{field[0]})"] = getattr(struct, field[0]).size
lines = "\n".join(f'  printf("%lld\\n", (long long){text});' for text in expected)
os.makedirs(folder)
program = os.path.join(folder, "layout")
with open(program + ".c", "w") as file:
    file.write("#include <ssmc/ssmc.h>\n#include <ssmrt/ssmrt.h>\n#include <stddef.h>\n#include <stdio.h>\n"
               f"int main(void) {{\n{lines}\n  return 0;\n}}\n")
subprocess.run([cc, "-std=c99", "-I", include, program + ".c", "-o", program], check=True)
found = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
wrong = [(text, value, said) for (text, value), said in zip(expected.items(), found, strict=True) if value != int(said)]
for text, value, said in wrong:
    print(f"{text}: {said} in C, {value} in Python")
print(f"{len(expected)} numbers, {len(wrong)} wrong")
