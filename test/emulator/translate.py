"""PTX to a library of C functions, one for each kernel, which runs a thread of it.

    translate.py CLANG DRIVER CACHE < FILE.ptx      prints the path of the library

DRIVER is what the library is linked with (device.h). An instruction a.b.c becomes a
call of a_b_c, which ptx.h defines: what it does not is an error at its line. What is
not such a call is loads, stores, branches, products of warp groups, and declarations.
Libraries are kept in CACHE by the hash of what they are made of.
"""
import hashlib
import os
import pathlib
import re
import subprocess
import sys

from parse import PtxError, kernels, shared_variables, split, statements

HERE = pathlib.Path(__file__).resolve().parent
# Quick to compile is what counts: kernels of tests are long and run briefly.
OPTIONS = ["-std=c11", "-O0", "-march=native", "-ffp-contract=off", "-fPIC", "-shared", "-w",
           "-Werror=implicit-function-declaration", "-fno-strict-aliasing", "-ferror-limit=5"]
WIDTHS = {"pred": "pred", "16": "uint16_t", "32": "uint32_t", "64": "uint64_t", "8": "uint8_t"}
#: Instructions without a result.
EFFECTS = re.compile(r"(bar|barrier|cp|fence|membar|mbarrier\.init|nanosleep|setmaxnreg|stmatrix|wgmma|red|prefetch)\b"
                     r"(?!\.red\b)")
#: How accesses are ordered, and for whom: they run one after the other.
ORDERS = {"relaxed", "acquire", "release", "acq_rel", "volatile", "weak", "cta", "gpu", "sys", "nc"}
SPACES = {"shared": "shared_at", "global": "global_at", "local": "local_at", "param": "local_at", "const": "local_at"}


def c_type(name):
    width = "pred" if name == "pred" else re.sub(r"\D", "", name)
    if width not in WIDTHS:
        raise PtxError
    return WIDTHS[width]


class Kernel:
    def __init__(self, name, parameters, directives, body, line, shared):
        self.name, self.registers, self.scopes, self.scope = name, {}, 0, []
        self.parameters, self.parameter_bytes, self.lines = [], 0, []
        self.most, self.exactly = 1024, False
        if bounds := re.search(r"\.(maxntid|reqntid) (\d+)(?:, (\d+))?(?:, (\d+))?", directives):
            self.most = int(bounds[2]) * int(bounds[3] or 1) * int(bounds[4] or 1)
            self.exactly = bounds[1] == "reqntid"
        for parameter in split(parameters):
            self.declare_parameter(parameter)
        self.shared_bytes = 0
        used = set(re.findall(r"[\w$]+", body))
        for variable in filter(used.__contains__, shared):
            self.declare_shared(variable, *shared[variable])
        for self.line, statement in statements(body, line):
            self.lines.append(f'#line {self.line} "ptx"')
            try:
                self.lines.append(self.statement(statement))
            except PtxError:
                raise PtxError(f"  line {self.line}: {statement};") from None

    def declare_shared(self, variable, alignment, size):
        offset = -(-self.shared_bytes // alignment) * alignment
        self.shared_bytes = offset + size
        self.lines.append(f"const uint64_t {self.variable(variable)} = {offset};")

    def declare_parameter(self, text):
        kind, name, count = re.match(r"\.param\s.*?\.([bufs]\d+)\s.*?([\w$]+)(?:\[(\d+)\])?$", text).groups()
        size = int(kind[1:]) // 8
        alignment = re.search(r"\.align (\d+) \.b8", text)
        alignment, size = int(alignment[1]) if alignment else size, size * int(count or 1)
        offset = -(-self.parameter_bytes // alignment) * alignment
        self.parameters.append((offset, size))
        self.parameter_bytes = offset + size
        self.lines.append(f"const uint64_t {self.variable(name)} = (uint64_t)parameters + {offset};")

    def variable(self, name):
        return "v_" + name.strip("%").replace("$", "_")

    def operand(self, text):
        """A number of C."""
        if text[:2] in ("0f", "0F"):
            return f"0x{text[2:]}u"
        if text[:2] in ("0d", "0D"):
            return f"0x{text[2:]}ull"
        if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|\d+)U?", text):
            value = int(text.rstrip("U"), 0)
            return f"{value % (1 << 64)}ull" if abs(value) >= 1 << 63 else f"{value}ll"
        if text.startswith("%") and text not in self.registers:
            return "sreg_" + text[1:].replace(".", "_")
        return self.variable(text)

    def address(self, text):
        base, _, offset = text.strip("[]").partition("+")
        return f"((uint64_t){self.operand(base.strip())} + {offset.strip() or 0})"

    def vector(self, text):
        """The type of its elements, and they."""
        parts = split(text.strip("{} "))
        known = [self.registers[p] for p in parts if p in self.registers]
        return (known or ["uint32_t"])[0], parts

    def arguments(self, operands):
        result = []
        for text in operands:
            if text.startswith("[") and "{" in text:  # a place in a tensor
                base, _, place = text.strip("[]").partition(",")
                result += [self.operand(base.strip()), *self.arguments([place.strip()])]
            elif text.startswith("["):
                result.append(self.address(text))
            elif text.startswith("{"):
                kind, parts = self.vector(text)
                result.append(f"((const {kind}[]){{{', '.join(map(self.operand, parts))}}})")
            else:
                result.append(self.operand(text))
        return result

    def statement(self, text):
        if text in "{}":
            if text == "{":
                self.scopes += 1
                self.scope.append(self.scopes)
            elif self.scope:
                self.scope.pop()
            return text
        if text.endswith(":"):
            return self.label(text[:-1]) + ":;"
        if text.startswith(".reg"):
            return self.declare(text)
        if found := re.match(r"\.local \.align (\d+) \.b8 ([\w$]+)\[(\d+)\]$", text):
            memory = f"m_{found[2]}"
            return (f"char {memory}[{found[3]}] __attribute__((aligned({found[1]}))); "
                    f"const uint64_t {self.variable(found[2])} = (uint64_t){memory};")
        if text.startswith((".pragma", ".loc", ".file", ".shared")):
            return ""
        found = re.match(r"(?:@(!?)([%\w]+) )?([\w.:]+)(?: (.*))?$", text)
        if not found:
            raise PtxError
        code = self.instruction(found[3], split(found[4] or ""))
        return f"if ({found[1]}{self.operand(found[2])}) {{ {code} }}" if found[2] else code

    def label(self, name):
        """Labels of a scope are its own; C's are the function's."""
        return self.variable(name) + ("" if name.startswith("$") or not self.scope else f"_{self.scope[-1]}")

    def declare(self, text):
        kind, names = re.match(r"\.reg \.(\w+) (.*)$", text).groups()
        listed = []
        for name in split(names):
            many = re.fullmatch(r"(.*)<(\d+)>", name)
            listed += [f"{many[1]}{i}" for i in range(int(many[2]))] if many else [name]
        self.registers.update(dict.fromkeys(listed, c_type(kind)))
        return f"{c_type(kind)} " + ", ".join(self.variable(name) + " = -1" for name in listed) + ";"

    def instruction(self, name, operands):
        parts = name.split(".")
        if parts[0] in ("ret", "exit"):
            return "return;"
        if parts[0] == "bra":
            return f"goto {self.label(operands[0])};"
        if parts[0] == "trap":
            return 'fault(__LINE__, "a trap");'
        if parts[0] in ("ld", "st"):
            return self.access(parts, operands)
        if name.startswith("wgmma.mma_async"):
            return self.product(name, operands)
        if parts[0] in ("atom", "red"):
            parts = [p for p in parts if p not in ORDERS]
        if parts[0] == "mov" and any(o.startswith("{") for o in operands):
            parts[0] = "unpack" if operands[0].startswith("{") else "pack"
        function = "_".join(parts).replace(":", "_")
        if EFFECTS.match(name):
            return f"{function}({', '.join(self.arguments(operands))});"
        if operands[0].startswith("{"):
            return self.into_vector(operands[0], lambda to: f"{function}({', '.join([to, *self.arguments(operands[1:])])});")
        call = f"{function}({', '.join(self.arguments(operands[1:]))})"
        return f"{call};" if operands[0] == "_" else f"{self.operand(operands[0])} = {call};"

    def into_vector(self, text, code):
        """What `code` writes to an array, in the registers of a vector."""
        kind, parts = self.vector(text)
        begin = ", ".join("0" if p == "_" else self.operand(p) for p in parts)
        end = " ".join(f"{self.operand(p)} = to[{i}];" for i, p in enumerate(parts) if p != "_")
        return f"{{ {kind} to[] = {{{begin}}}; {code('to')} {end} }}"

    def access(self, parts, operands):
        element = c_type(parts[-1])
        known = ORDERS | {"v2", "v4", "v8"} | set(SPACES)
        unknown = [p for p in parts[1:-1] if p not in known and not re.match(r"L[12]::|shared::cta$", p)]
        if unknown or not re.fullmatch(r"[busf](8|16|32|64)", parts[-1]):
            raise PtxError
        count = next((int(p[1]) for p in parts if re.fullmatch(r"v\d", p)), 1)
        where = next((SPACES[p.split(":")[0]] for p in parts if p.split(":")[0] in SPACES), "generic_at")
        others = "wait_for_others(); " if {"relaxed", "acquire", "volatile"} & set(parts) and parts[0] == "ld" else ""
        address = operands[parts[0] == "ld"]
        place = (f"{others}{element} *at = {where}({self.address(address)}, {count} * sizeof({element}), __LINE__); ")
        values = operands[parts[0] == "st"]
        values = self.vector(values)[1] if values.startswith("{") else [values]
        moves = []
        for i, value in enumerate(values):
            if parts[0] == "st":
                moves.append(f"at[{i}] = {self.operand(value)};")
            elif value != "_":
                signed = element.replace("u", "", 1) if parts[-1][0] == "s" else element
                moves.append(f"{self.operand(value)} = ({signed})at[{i}];")
        return "{ " + place + " ".join(moves) + " }"

    def product(self, name, operands):
        columns, kind = re.fullmatch(r"wgmma\.mma_async\.sync\.aligned\.m64n(\d+)k16\.f32\.(b?f16)\.\2", name).groups()
        left, right, adds, *rest = operands[1:]
        in_registers = left.startswith("{")
        registers, described = (self.arguments([left])[0], "0") if in_registers else ("0", self.operand(left))
        if rest[:2] != ["1", "1"]:
            raise PtxError  # signs of products
        transposed = (["0"] if in_registers else []) + rest[2:]
        return self.into_vector(operands[0], lambda to: (
            f"multiply_group({to}, {columns}, {int(kind == 'bf16')}, {registers}, {described}, {self.operand(right)}, "
            f"{self.operand(adds)}, {', '.join(transposed)}, __LINE__);"))

    def text(self):
        body = "\n".join(self.lines)
        table = ", ".join(f"{offset}, {size}" for offset, size in self.parameters) or "0"
        return (f"static void run_{self.name}(const char *parameters) {{\n{body}\n"
                f"static const uint32_t of_{self.name}[] = {{{table}}};\n")

    def row(self):
        return (f'{{"{self.name}", run_{self.name}, of_{self.name}, {len(self.parameters)}, {self.parameter_bytes}, '
                f"{self.shared_bytes}, {self.most}, {int(self.exactly)}}}")


def translate(ptx):
    ptx = re.sub(r"//.*", "", ptx)
    shared = shared_variables(ptx)
    made = [Kernel(*found, shared) for found in kernels(ptx)]
    return ('#include "ptx.h"\n' + "\n".join(kernel.text() for kernel in made)
            + f"\nconst kernel kernels[] = {{{', '.join(kernel.row() for kernel in made)}}};\n"
            + f"const uint32_t num_kernels = {len(made)};\n")


def compile_c(source, compiler, driver, library):
    """What the compiler says, or nothing."""
    base = f"{library}.{os.getpid()}"  # others may make the same one
    with open(base + ".c", "w") as file:
        file.write(source)
    done = subprocess.run([compiler, *OPTIONS, f"-I{HERE}", base + ".c", driver, "-lm", "-o", base],
                          capture_output=True, text=True)
    os.remove(base + ".c")
    if done.returncode == 0:
        os.rename(base, library)
    return done.stderr


def unknown(said, ptx):
    """Lines of PTX where the compiler does not know a name."""
    lines = sorted({int(n) for n in re.findall(r"^ptx:(\d+):\d+: error", said, re.M)})
    return "\n".join(f"  line {n}: {ptx.splitlines()[n - 1].strip()}" for n in lines) or said


def main():
    compiler, driver, cache = sys.argv[1:]
    ptx = sys.stdin.read()
    try:
        source = translate(ptx)
    except PtxError as error:
        sys.exit(f"the emulated device does not know this PTX:\n{error}")
    known = "".join((HERE / name).read_text() for name in ("ptx.h", "integers.h", "floats.h", "device.h", "numbers.h"))
    name = hashlib.sha256((source + known + " ".join([compiler, *OPTIONS])).encode()).hexdigest()[:32]
    os.makedirs(cache, exist_ok=True)
    library = os.path.join(cache, name + ".so")
    if not os.path.exists(library) and (said := compile_c(source, compiler, driver, library)):
        sys.exit(f"the emulated device does not know this PTX:\n{unknown(said, ptx)}")
    print(library)


if __name__ == "__main__":
    main()
