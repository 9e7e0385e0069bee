"""The kernels that ask for the most shared memory, for each chip: the assembler takes
them, and a block of the chip has what they ask for.

    chips.py SOURCE_DIR FOLDER
"""
import pathlib
import re
import subprocess
import sys

root, folder = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "benchmarks" / "gpu"))
import lstm  # noqa: E402
import tensor_cores  # noqa: E402

KILOBYTES = {"sm_80": 163, "sm_86": 99, "sm_89": 99, "sm_90": 227, "sm_90a": 227, "sm_100": 227}
TEXTS = {"kda": tensor_cores.DeltaRule(1, 128, 128, decay="key").text(),
         "lstm": lstm.text(1, 1024, "f32")}
# The weights of the LSTM do not fit there, and it has a launch for each op of a step.
NONE = {("lstm", "sm_86"), ("lstm", "sm_89")}
folder.mkdir(parents=True, exist_ok=True)
for name, text in TEXTS.items():
    source = folder / f"{name}.mlir"
    source.write_text(text)
    for chip, kilobytes in KILOBYTES.items():
        made = {kind: folder / f"{name}.{chip}.{kind}" for kind in ("ptx", "llvm")}
        for kind, path in made.items():
            subprocess.run(["ssmc", source, f"--target=cuda:{chip}", f"--emit={kind}", "-o", path], check=True)
        subprocess.run(["ptxas", f"-arch={chip}", made["ptx"], "-o", folder / "cubin"], check=True, capture_output=True)
        asked = re.findall(r"@ssmrt_launch(?:_together)?\(ptr.*?, i32 \d+, (?:i64 \S+, ){6}i32 (\d+),",
                           made["llvm"].read_text())
        most = max(map(int, asked))
        print(name, chip, most)
        assert most <= kilobytes << 10 and (most > 0) == ((name, chip) not in NONE), (name, chip, most)
print("ok")
