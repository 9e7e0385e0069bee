"""The kernels of the tensor cores as ptxas sees them: registers, spills and bytes
of shared memory are those of the table, and there is no note that products wait
for each other (C7508 to C7519).

    hopper.py FOLDER
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "benchmarks" / "gpu"))
import tensor_cores  # noqa: E402

# case: kernels, registers at their start, bytes that spill
STATES = {"ssm_semiseparable": (128, 0), "ssm_semiseparable_ends": (128, 0)}
TABLE = {
    "attention_causal": {"ssm_attention": (168, 0)},
    "attention_wide": {"ssm_attention": (168, 0)},
    "attention_slopes": {"ssm_attention": (168, 0)},
    "ssd": STATES,
    "linear": STATES,
    "retnet": STATES,
    "packed_reverse": STATES,
    "hydra": {**STATES, "ssm_semiseparable_0": (128, 0), "ssm_semiseparable_ends_0": (128, 0)},
}


def assemble(folder, name):
    source, ptx = os.path.join(folder, f"{name}.mlir"), os.path.join(folder, f"{name}.ptx")
    with open(source, "w") as file:
        file.write(tensor_cores.CASES[name][0].text())
    subprocess.run(["ssmc", source, "--target=cuda:sm_90a", "--emit=ptx", "-o", ptx], check=True)
    return subprocess.run(["ptxas", "-arch=sm_90a", "-v", ptx, "-o", os.path.join(folder, f"{name}.cubin")],
                          check=True, capture_output=True, text=True).stderr


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, kernels in TABLE.items():
        said = assemble(folder, name)
        assert not re.search(r"C75[01]\d", said), said
        for kernel, expected in kernels.items():
            mine = re.search(rf"entry function '{kernel}'.*?spill stores.*?Used \d+ registers", said, re.S)[0]
            found = int(re.search(r"Used (\d+) registers", mine)[1])
            spilled = int(re.search(r"(\d+) bytes spill stores", mine)[1])
            assert (found, spilled) == expected, f"{name}: {found} registers, {spilled} bytes spill\n{mine}"
    print("ok")


main()
