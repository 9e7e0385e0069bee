"""memory.py MAMBA.so: the workspace that ssm-run --info prints."""
import re
import subprocess
import sys

LAYERS, HIDDEN, INNER, STATE, RANK, TAPS = 2, 32, 64, 8, 4, 4


def workspace(batch, length):
    done = subprocess.run(["ssm-run", sys.argv[1], "--info", f"--dim=B={batch}", f"--dim=L={length}"],
                          capture_output=True, text=True, check=True)
    line = re.search(r"memory at B = (\d+), L = (\d+): (\d+) bytes of inputs, (\d+) of outputs, (\d+) of workspace",
                     done.stdout)
    b, l, inputs, outputs, bytes_ = map(int, line.groups())
    assert (b, l, inputs, outputs) == (batch, length, 8 * b * l, 4 * 128 * b * l), line[0]
    return bytes_


# The residual and the norm; both halves of the projection, the convolution, dt,
# B and C before and after their projection, the output of the scan.
activations = 4 * (2 * HIDDEN + 2 * INNER + INNER + RANK + 2 * STATE + INNER + INNER + HIDDEN)
states = 4 * LAYERS * INNER * (STATE + TAPS - 1)
for batch, length in [(1, 1), (1, 128), (2, 100), (5, 1000)]:
    found, most = workspace(batch, length), batch * (2 * length * activations + states) + 4096
    assert 0 < found <= most, (batch, length, found, most)
print("ok")
