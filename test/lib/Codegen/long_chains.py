"""What fuses of a chain of elementwise ops longer than what one loop is good for."""
import re
import subprocess

LENGTH, MOST = 1000, 128
TENSOR = "tensor<4x8xf32>"
chain = [f"%{i + 1} = linalg.tanh ins(%{i} : {TENSOR}) outs(%e : {TENSOR}) -> {TENSOR}" for i in range(LENGTH)]
text = (f"func.func @chain(%x: {TENSOR}, %e: {TENSOR}) -> {TENSOR} {{\n%0 = linalg.exp ins(%x : {TENSOR}) outs(%e : {TENSOR})"
        f" -> {TENSOR}\n" + "\n".join(chain) + f"\nreturn %{LENGTH} : {TENSOR}\n}}\n")
done = subprocess.run(["ssm-opt", "-", "--ssm-fuse-elementwise"], input=text, capture_output=True, text=True, check=True)
fused = [len(re.findall(r"math\.", body)) for body in done.stdout.split("linalg.generic")[1:]]
assert sum(fused) == LENGTH + 1 and max(fused) < MOST and len(fused) < 2 * LENGTH / MOST + 2, fused
