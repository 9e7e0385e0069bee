"""What ptxas gives the kernels of streaming mixers, products and steps of an LSTM, beside resources.txt: registers, shared memory, and no spills.

    resources.py SOURCE_DIR [--update]
"""
import os
import re
import subprocess
import sys
import tempfile

root = sys.argv[1]
sys.path.insert(0, os.path.join(root, "benchmarks", "gpu"))
import lstm  # noqa: E402
import products  # noqa: E402
import tensor_cores  # noqa: E402
from mixers import MIXERS  # noqa: E402

MODULES = {**MIXERS, **{name: lambda name=name: products.text(*products.CASES[name])
                        for name in ("in_proj_f32", "x_proj_bf16", "head_transposed_f32", "head_bf16")},
           "gated_delta": tensor_cores.CASES["gated_delta"][0].text, "kda": tensor_cores.CASES["kda"][0].text,
           "attention_step": tensor_cores.CASES["attention_step"][0].text,
           "lstm_b16_h256_bf16": lambda: lstm.text(*lstm.CASES["lstm_b16_h256_bf16"])}

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources.txt")
lines = []
with tempfile.TemporaryDirectory() as folder:
    for chip in ("sm_80", "sm_90a"):
        for name, text in MODULES.items():
            source, ptx = (os.path.join(folder, f"{name}.{kind}") for kind in ("mlir", "ptx"))
            with open(source, "w") as file:
                file.write(text())
            subprocess.run(["ssmc", source, f"--target=cuda:{chip}", "--emit=ptx", "-o", ptx], check=True)
            done = subprocess.run(["ptxas", "-v", f"-arch={chip}", ptx, "-o", os.path.join(folder, "cubin")],
                                  capture_output=True, text=True, check=True)
            said = done.stdout + done.stderr
            # Waits that the assembler adds, and products that it does not overlap.
            notes = re.findall(r"C75[01]\d", said)
            assert not notes, (chip, name, notes)
            for kernel, spills, registers, rest in sorted(re.findall(
                    r"Function properties for (\w+)\n.*?(\d+) bytes spill stores.*?\n.*?Used (\d+) registers(.*)", said)):
                shared = re.search(r"(\d+) bytes smem", rest)
                lines.append(f"{chip} {name} {kernel} registers {registers} spilled {spills} "
                             f"shared {shared[1] if shared else 0}")
if "--update" in sys.argv:
    with open(TABLE, "w") as file:
        file.write("\n".join(lines) + "\n")
with open(TABLE) as file:
    wanted = file.read().split("\n")[:-1]
for found, known in zip(lines, wanted):
    a, b = found.split(), known.split()
    # Assemblers of other versions give a few registers more.
    assert a[:3] == b[:3] and a[6:] == b[6:] and abs(int(a[4]) - int(b[4])) <= 8, f"{found}\nwas {known}"
    assert a[6] == "0", found
assert len(lines) == len(wanted), "resources.py --update writes the table"
print("ok")
