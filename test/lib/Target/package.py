"""What a packaged model is as a file: what it needs, what it shows, where its
weights lie, what its header says."""
import os
import struct
import subprocess
import sys

source, tmp, cc, include = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
lib = os.path.join(tmp, "my model.so")
run = lambda *a: subprocess.run(a, check=True, capture_output=True, text=True).stdout
run("ssmc", source, "-O0", "-o", lib)
assert sorted(os.listdir(tmp)) == ["my model.h", "my model.so"], os.listdir(tmp)

# Nothing but libc, libm and the loader.
needed = [line.split()[0] for line in run("ldd", lib).splitlines()]
assert all(n.startswith(("linux-vdso", "libc.so", "libm.so", "/lib64/ld-linux")) for n in needed), needed
# One symbol.
symbols = [line.split()[-1] for line in run("llvm-nm", "-D", "--defined-only", lib).splitlines()]
assert symbols == ["ssm_model"], symbols

# The weights: one read-only segment of its own, page-aligned, bytes as given.
data = open(lib, "rb").read()
phoff, phnum = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
segments = [struct.unpack_from("<IIQQQQQQ", data, phoff + 56 * i) for i in range(phnum)]
loads = [s for s in segments if s[0] == 1]
kind, flags, offset, vaddr, _, filesz, memsz, align = loads[-1]
assert flags == 4 and offset % 4096 == 0 and vaddr % 4096 == 0 and filesz == memsz, loads[-1]
assert data[offset:offset + 16] == struct.pack("<4f", 1, 2, 3, 4)
assert not any(s[1] & 1 and s[1] & 2 for s in segments), "writable and executable"

# The header is C99 (and C++) and says what the model is.
header = open(os.path.join(tmp, "my model.h")).read()
for text in ("Entry forward, sizes B, L, P:", "0  x  float32  [B, L, 4]", "1  mask  float32  [L + P]",
             "2  past  int64  [B, P]", "Thread safety:", "#define MY_MODEL_ABI_VERSION",
             "#define MY_MODEL_FORWARD_INPUT_MASK 1\n", "#define MY_MODEL_FORWARD_OUTPUT_Y_RANK 3\n"):
    assert text in header, (text, header)
program = os.path.join(tmp, "program.c")
open(program, "w").write('#include "my model.h"\n#include <ssmrt/ssmrt.h>\n#include <ssmrt/kernel.h>\n'
                         "int main(void) { return MY_MODEL_ABI_VERSION != SSMRT_ABI_VERSION; }\n")
for language in (["-x", "c", "-std=c99"], ["-x", "c++", "-std=c++98", "-Wno-long-long"]):
    run(cc, *language, "-pedantic", "-Wall", "-Werror", "-I", include, "-I", tmp, "-fsyntax-only", program)
print("ok")
