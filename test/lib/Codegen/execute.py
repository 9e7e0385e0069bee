"""Compiles a .mlir test at -O0 and -O2, runs entry `forward` on random inputs
and compares with the numpy oracle that stands in the file.

    execute.py FILE.mlir [SYMBOL=1,7,24 ...] [--rtol=1e-5] [--levels=0,2]

Lines `// ORACLE: code` of the file are Python; they see the inputs and the
`dense_resource` weights by name, every symbol, and numpy as np, and assign the
outputs by name. Buffers have canaries behind them.
"""
import ctypes
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

DTYPES = {1: np.float32, 10: np.float16, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
CANARY = 64


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def blobs_of(text):
    return dict(re.findall(r'(\w+): "0x[0-9A-F]{8}([0-9A-F]*)"', text))


def resources_of(text):
    """The resources by name, read from the file: some are only computed with."""
    blobs, named = blobs_of(text), {}
    for name, shape in re.findall(r"dense_resource<(\w+)> : tensor<([\dx]*)xf32>", text):
        data = np.frombuffer(bytes.fromhex(blobs[name]), np.float32)
        named[name] = data.reshape([int(n) for n in shape.split("x")])
    return named


def weights_of(text):
    """The weight section, read from printed IR."""
    size = int(re.search(r"ssm.weights_bytes = (\d+)", text)[1])
    section, blobs = bytearray(size), blobs_of(text)
    for offset, value in re.findall(
            r"\{bytes = \d+ : i64, offset = (\d+) : i64, (?:pack = \{.*?\}, )?value = (.*?)\}", text):
        content = re.fullmatch(r"dense\w*<(.*)> : tensor<.*xf32>", value, re.S)[1]
        if content in blobs:
            data = np.frombuffer(bytes.fromhex(blobs[content]), np.float32)
        elif content.startswith('"0x'):
            data = np.frombuffer(bytes.fromhex(content[3:-1]), np.float32)
        else:
            data = np.array(eval(content), np.float32)
        section[int(offset):int(offset) + data.nbytes] = data.tobytes()
    return bytes(section)


def build(path, level, folder):
    base = os.path.join(folder, f"O{level}")
    text = run("ssm-opt", f"--ssm-codegen=opt-level={level}", path)
    with open(base + ".mlir", "w") as file:
        file.write(text)
    run("mlir-translate", "--mlir-to-llvmir", base + ".mlir", "-o", base + ".ll")
    runtime = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs", "runtime.c")
    run("clang-22", f"-O{max(level, 1)}", "-march=native", "-Wno-override-module", "-shared", "-fPIC",
        base + ".ll", runtime, "-lm", "-o", base + ".so")
    library = ctypes.CDLL(base + ".so")
    library.ssm_forward_workspace.restype = ctypes.c_int64
    return library, text


def aligned(size, fill=None):
    """`size` bytes at a multiple of 64, with a canary of 0xA5 behind them."""
    raw = np.full(size + CANARY + 64, 0xA5, np.uint8)
    start = -raw.ctypes.data % 64
    view = raw[start:start + size + CANARY]
    if fill is not None:
        view[:size] = np.frombuffer(fill, np.uint8)
    return view


def pointers(buffers):
    return (ctypes.c_void_p * max(len(buffers), 1))(*[b.ctypes.data for b in buffers])


def call(library, symbols, inputs, dtypes, weights):
    values = (ctypes.c_int64 * max(len(symbols), 1))(*symbols)
    ranks = [rank for _, _, rank in dtypes]
    extents = (ctypes.c_int64 * (sum(a.ndim for a in inputs) + sum(ranks) + 1))()
    library.ssm_forward_dims(values, extents)
    position, shapes = 0, []
    for rank in [a.ndim for a in inputs] + ranks:
        shapes.append(tuple(extents[position:position + rank]))
        position += rank
    assert [a.shape for a in inputs] == shapes[:len(inputs)], shapes
    outputs, arrays = [], {}
    for (name, dtype, _), shape in zip(dtypes, shapes[len(inputs):]):
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        outputs.append(aligned(size))
        arrays[name] = outputs[-1][:size].view(dtype).reshape(shape)
    arena = aligned(library.ssm_forward_workspace(values))
    source = [aligned(a.nbytes, a.tobytes()) for a in inputs]
    section = aligned(len(weights), weights)
    context = (ctypes.c_int64 * 2)()
    status = library.ssm_forward_run(values, pointers(source), pointers(outputs),
                                     ctypes.c_void_p(arena.ctypes.data),
                                     ctypes.c_void_p(section.ctypes.data), context)
    assert status == 0, f"status {status}"
    for buffer in outputs + source + [arena, section]:
        assert (buffer[-CANARY:] == 0xA5).all(), "wrote beyond a buffer"
    return arrays, list(context)


def main():
    path, flags = sys.argv[1], [a for a in sys.argv[2:] if a.startswith("--")]
    options = dict(f[2:].split("=") for f in flags)
    choices = dict(a.split("=") for a in sys.argv[2:] if not a.startswith("--"))
    rtol = float(options.get("rtol", 1e-5))
    with open(path) as file:
        source = file.read()
    oracle = "\n".join(re.findall(r"^// ORACLE: ?(.*)$", source, re.M))
    with tempfile.TemporaryDirectory() as folder:
        for level in map(int, options.get("levels", "0,2").split(",")):
            library, text = build(path, level, folder)
            check(library, text, resources_of(source), choices, oracle, rtol, level)


def signature(text):
    entry = text[text.index("ssm.entries"):]
    names = re.findall(r'"(\w+)"', re.search(r"symbols = \[(.*?)\]", entry)[1])
    ranks = {k: v.count(",") + 1 if v.strip() else 0
             for k, v in re.findall(r"^(#map\d*) = affine_map<\(\)(?:\[.*?\])? -> \((.*)\)>", text, re.M)}
    maps = dict(re.findall(r"^(#map\d*) = affine_map<(.*)>$", text, re.M))

    def values(field):
        listed = re.search(field + r" = \[(.*?)\](?=[,}])", entry)[1]
        return [(name, DTYPES[int(dtype)], dims) for dims, dtype, name in re.findall(
            r'dims = (#map\d*|affine_map<.*?>), dtype = (\d+) : i64, name = "(\w+)"', listed)]
    return names, values("inputs"), values("outputs"), ranks, maps


def check(library, text, named, choices, oracle, rtol, level):
    weights = weights_of(text)
    names, inputs, outputs, ranks, maps = signature(text)
    rows = zip(*[map(int, choices[n].split(",")) for n in names]) if names else [()]
    for row in rows:
        rng = np.random.default_rng(sum(row))
        feeds = []
        for _, dtype, dims in inputs:
            exprs = re.search(r"-> \((.*)\)", maps[dims])[1]
            scope = {f"s{i}": v for i, v in enumerate(row)}
            shape = [eval(e.replace("floordiv", "//"), scope) for e in exprs.split(",") if e.strip()]
            feeds.append(rng.standard_normal(shape).astype(dtype) if np.dtype(dtype).kind == "f"
                         else rng.integers(0, 2 if dtype == np.bool_ else 5, shape).astype(dtype))
        got, counts = call(library, row, feeds, [(n, d, ranks[m]) for n, d, m in outputs], weights)
        scope = {"np": np, **named, **dict(zip(names, row)),
                 **{n: a for (n, _, _), a in zip(inputs, feeds)}}
        exec(oracle, scope)
        for name, _, _ in outputs:
            want = np.asarray(scope[name])
            assert want.shape == got[name].shape, (name, want.shape, got[name].shape)
            error = np.abs(got[name].astype(np.float64) - want).max(initial=0)
            scale = np.abs(want).max(initial=0)
            print(f"O{level} {dict(zip(names, row))} {name}: error {error:.2e}, loops {counts[0]}")
            if not error <= rtol * scale:
                sys.exit(f"{name}: off by {error:.3e} of {scale:.3e}")


if __name__ == "__main__":
    main()
