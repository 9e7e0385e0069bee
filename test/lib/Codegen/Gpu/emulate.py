"""As ../execute.py, with the code for a GPU, which the processor runs in place of
one (Inputs/emulator.c).

    emulate.py FILE.mlir [SYMBOL=1,7,24 ...] [--rtol=1e-5] [--levels=0,2]
"""
import ctypes
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import execute  # noqa: E402

C_TYPES = {"ptr": "void *", "i64": "int64_t", "i32": "int32_t", "i16": "int16_t", "i8": "int8_t",
           "i1": "int8_t", "float": "float", "double": "double", "half": "_Float16", "bfloat": "__bf16"}


def split(text):
    """The device's module out of the host's, and the names of its kernels."""
    begin = text.find("  gpu.module @ssm_device {")
    names = re.findall(r'"(\w+)"', re.search(r"ssm.device_kernels = \[(.*?)\]", text)[1])
    if begin < 0:
        return text, "module {\n}\n", names
    end = text.index("\n  }\n", begin) + len("\n  }\n")
    maps = "\n".join(l for l in text.splitlines() if re.match(r"#\w+ = ", l) and "affine_map" not in l)
    body = text[begin:end].replace("gpu.module @ssm_device", "module", 1)
    return text[:begin] + text[end:], maps + "\n" + body, names


def table(device, names):
    """C that calls the kernels by their numbers."""
    lines = ["#include <stdint.h>", f"const int uses_barriers = {int('barrier' in device or 'sync' in device)};"]
    for name in names:
        types = []
        listed = re.search(rf"define .*@{name}\((.*)\) .*\{{", device)[1]
        for parameter in re.split(r",\s*(?![^(]*\))", listed):
            if parameter:
                types.append(C_TYPES[parameter.split()[0]])
        lines.append(f"void {name}({', '.join(types) or 'void'});")
        values = ", ".join(f"*({t} *)a[{i}]" for i, t in enumerate(types))
        lines.append(f"static void call_{name}(void **a) {{ {name}({values}); }}")
    lines.append("typedef void (*kernel)(void **);\nconst kernel kernels[] = {"
                 + ", ".join(f"call_{name}" for name in names) + (", 0" if not names else "") + "};")
    return "\n".join(lines)


def through_memory(match):
    """A call with results in a struct as one that stores them, and pairs of halves
    as words: C and LLVM agree on no other way to pass them."""
    space, result, struct, name, listed = match.groups()
    lines, arguments = [], []
    for i, argument in enumerate(re.split(r",\s*(?![^<]*>)", listed)):
        kind, value = argument.rsplit(" ", 1)
        if kind == "<2 x half>":
            word = f"%word_{result[1:]}_{i}"
            lines.append(f"{space}{word} = bitcast {argument} to i32")
            kind, value = "i32", word
        arguments.append(f"{kind} {value}")
    lines.append(f"{space}call void @{name}({', '.join(arguments)})")
    lines.append(f"{space}{result} = load {struct}, ptr @emu_results")
    return "\n".join(lines)


def emulated(ir):
    """Device code as the processor runs it with Inputs/emulator.c."""
    ir = ir.replace("@llvm.nvvm.", "@emu.").replace("ptx_kernel ", "").replace(" immarg", "")
    ir = re.sub(r"addrspace\(\d\)", "", ir)  # one memory; casts between spaces go
    ir = re.sub(r"addrspacecast \((ptr .*?) to ptr\)", r"getelementptr (i8, \1, i64 0)", ir)
    ir = re.sub(r"addrspacecast (ptr \S+) to ptr", r"getelementptr i8, \1, i64 0", ir)
    ir = re.sub(r"(@__dynamic_shmem__0 =) internal +(global \[0 x i8\]) undef", r"\1 external \2", ir)
    matrices = r"emu\.(?:mma|ldmatrix)[\w.]*"
    ir = re.sub(rf"( +)(%\S+) = (?:tail )?call (\{{.*?\}}) @({matrices})\((.*)\)(?: #\d+)?", through_memory, ir)
    ir = re.sub(rf"declare \{{.*?\}} @({matrices}\(.*\)).*",
                lambda match: "declare void @" + match[1].replace("<2 x half>", "i32"), ir)
    return ir + "@emu_results = external global [4 x i32]\n"


def build(path, level, folder, chip="sm_90a"):
    base = os.path.join(folder, f"gpu{level}")
    text = execute.run("ssm-opt", f"--ssm-codegen=opt-level={level} target=cuda:{chip}", path)
    host, device, names = split(text)
    for part, content in (("host", host), ("device", device)):
        with open(f"{base}.{part}.mlir", "w") as file:
            file.write(content)
        execute.run("mlir-translate", "--mlir-to-llvmir", f"{base}.{part}.mlir", "-o", f"{base}.{part}.ll")
    with open(f"{base}.device.ll") as file:
        ir = file.read()
    ir = emulated(ir)
    with open(f"{base}.device.ll", "w") as file:
        file.write(ir)
    with open(f"{base}.table.c", "w") as file:
        file.write(table(ir, names))
    execute.run("clang-22", "-O1", "-march=native", "-Wno-override-module", "-shared", "-fPIC",
                f"{base}.host.ll", f"{base}.device.ll", f"{base}.table.c", os.path.join(HERE, "Inputs", "emulator.c"),
                "--rtlib=compiler-rt", "-lm", "-o", base + ".so")
    library = ctypes.CDLL(base + ".so")
    library.ssm_forward_workspace.restype = ctypes.c_int64
    return library, text


if __name__ == "__main__":
    execute.build = build
    execute.main()
