"""What the command line names wrongly exits with 2, a bad file with 1, and each says what to do."""
import os
import subprocess
import sys

import onnx.parser

scale, graph, tmp = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
out = os.path.join(tmp, "out.so")


def expect(code, message, *arguments):
    if os.path.exists(out):
        os.remove(out)
    r = subprocess.run(["ssmc", *arguments], capture_output=True, text=True)
    assert r.returncode == code, (arguments, r)
    assert message in r.stderr, (message, r.stderr)
    assert not os.path.exists(out), arguments


expect(2, "which model?")
expect(2, "say where to write: -o OUT", scale)
expect(2, "say where to write: -o OUT", scale, "--emit=obj", "-o", "-")
expect(2, "unknown option '--bogus' (see", scale, "--bogus", "-o", out)
expect(2, "unknown option '--dmi=x:1=L': is '--dim=x:1=L' meant?", scale, "--dmi=x:1=L", "-o", out)
expect(2, "--cpu is given twice", scale, "--cpu", "znver3", "--cpu=znver4", "-o", out)
expect(2, "--plan-threads=two is not a number", scale, "--plan-threads=two", "-o", out)
expect(2, "'wasm' is none of onnx, ssm, linalg, tiled, ptx, llvm, asm, obj, lib", scale, "--emit=wasm", "-o", out)
expect(2, "'' is none of onnx, ssm", scale, "--emit=", "-o", out)
expect(2, "--emit=ptx needs a GPU, such as --target=cuda:sm_90a", scale, "--emit=ptx", "-o", out)
expect(2, "unknown target 'cuda:sm_35': there are cpu, cuda:sm_80,", scale, "-o", out, "--target=cuda:sm_35")
expect(2, "other than f32 are not there for GPUs", scale, "-o", out, "--target=cuda:sm_90a", "--weights=bf16")
expect(2, "unknown target 'tpu'", scale, "-o", out, "--target=tpu")
expect(2, "unknown processor 'pentium-9'", scale, "-o", out, "--cpu=pentium-9")
expect(2, "--weights=int8 is none of f32, bf16, f16", scale, "-o", out, "--weights=int8")
expect(2, "--weights=bf16 needs -O2", scale, "-o", out, "--weights=bf16", "-O0")
expect(2, "--products=f16 is none of f32, bf16", scale, "-o", out, "--products=f16")
expect(2, "--products=bf16 needs -O2", scale, "-o", out, "--products=bf16", "-O0")
expect(2, "--products=bf16 multiplies weights in bf16, not --weights=f16", scale, "-o", out, "--products=bf16",
       "--weights=f16")
expect(2, "--precision=f16 is not in this release: f32 is", scale, "-o", out, "--precision=f16")
expect(2, "--entry=prefil: the entries are forward, prefill, prefill_lengths, step, verify", scale, "-o", out, "--entry=prefil")
expect(2, "--entry=step,step: step is there twice", scale, "-o", out, "--entry=step,step")
expect(2, "this is not an ONNX graph any more: --dim, --entry,", scale, "-o", out, "--entry=prefill,step")
expect(2, "--strategy=scan:fft: scan has: recurrent, associative_scan, dense", scale, "-o", out, "--strategy=scan:fft")
expect(2, "--strategy=nothing: the mixers are scan, selective_scan,", scale, "-o", out, "--strategy=nothing")
expect(2, "--strategy=scan:dense: contradicts --strategy=scan:recurrent", scale, "-o", out, "--strategy=scan:recurrent",
       "--strategy=scan:dense")
for threads in ("0", "1025", "99999", "99999999999"):
    expect(2, f"--plan-threads={threads}: write a number from 1 to 1024", scale, "-o", out, f"--plan-threads={threads}")
expect(2, "--plan-threads=-1 is not a number", scale, "-o", out, "--plan-threads=-1")
expect(2, "--max-length is the capacity of caches of prefill and step", scale, "-o", out, "--max-length=100")
expect(2, "--max-length must be 1 to 2^31 - 1", scale, "-o", out, "--max-length=0", "--entry=step")
expect(2, "-O3 is none of -O0 and -O2", scale, "-o", out, "-O3")
expect(2, "as in input_ids:1=L; a number is 1 to 2^31 - 1", scale, "-o", out, "--dim=x:1=0")
for dim in ("", "x", "x:1", "x=L", ":1=L", "x:1=", "x:one=L", "x:1=-4", "x:1=a b", "x:1=1L", "x:-1=L", "x:1=0",
            "x:1=2147483648", "x:1=99999999999999999999"):
    expect(2, f"--dim {dim}: write INPUT:AXIS=NAME or INPUT:AXIS=NUMBER", scale, "-o", out, f"--dim={dim}")
expect(2, "--dim x:1=M: contradicts --dim x:1=L", graph, "-o", out, "--dim=x:1=L", "--dim=x:1=M")
expect(2, "--dim x:1=7: contradicts --dim x:1=L", graph, "-o", out, "--dim=x:1=L", "--dim=x:1=7")
expect(2, "the output would replace the input", scale, "--emit=linalg", "-o", scale)
expect(2, "a.h: this is the name of a file beside the library", scale, "-o", "a.h")
expect(2, "a.weights: this is the name of a file beside the library", scale, "-o", "a.weights")
expect(2, f"--report={out} would replace the model", graph, "-o", out, f"--report={out}")
expect(2, f"--report={graph} would replace the model", graph, "-o", out, f"--report={graph}")
expect(2, f"one model at a time, not {scale} and {graph}", scale, graph, "-o", out)
expect(2, "--dim requires a value", scale, "-o", out, "--dim")
# What would have no effect is not taken in silence.
expect(2, "--report has no effect with --emit=onnx", graph, "--emit=onnx", "--report")
expect(2, "--dim has no effect with --emit=onnx", graph, "--emit=onnx", "--dim=input_ids:1=L")
expect(2, "--strategy has no effect with --emit=onnx", graph, "--emit=onnx", "--strategy=scan:dense")
expect(2, "m.onnx: what is written is text, not an ONNX file; name it .mlir", graph, "--emit=onnx", "-o", "m.onnx")
expect(2, "--report has nothing to say with --no-raise", graph, "-o", out, "--no-raise", "--report")
expect(2, "--external-data-dir has no effect on a .mlir file", scale, "-o", out, f"--external-data-dir={tmp}")
expect(2, "--external-data-dir=/nonexistent: there is no such folder", graph, "-o", out,
       "--external-data-dir=/nonexistent")

absent = os.path.join(tmp, "absent.onnx")
expect(1, "absent.onnx: ", absent, "-o", out)
expect(2, "cannot write /nonexistent/out.so: there is no folder '/nonexistent'\n", scale, "-o", "/nonexistent/out.so")
expect(2, f"cannot write {tmp}: it is not a regular file", scale, "-o", tmp)
expect(2, "cannot write /dev/null: it is not a regular file", scale, "-o", "/dev/null")
expect(2, "cannot write /nonexistent/r.json: there is no folder", graph, "-o", out, "--report=/nonexistent/r.json")
expect(2, f"cannot write {scale}/ir: Not a directory", scale, "-o", out, f"--dump-ir={scale}/ir")
expect(1, f"{tmp}: is not a regular file", tmp, "-o", out)
expect(2, "not an ONNX graph any more", scale, "-o", out, "--report")
# A dump that fails is no fault of the compiler.
folder = os.path.join(tmp, "ir")
os.makedirs(os.path.join(folder, "02-codegen.mlir"), exist_ok=True)
expect(1, "02-codegen.mlir: Is a directory", scale, "-o", out, f"--dump-ir={folder}")
with open("/dev/full", "w") as full:
    r = subprocess.run(["ssmc", scale, "--emit=linalg"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert r.returncode == 1 and "standard output: No space left on device" in r.stderr, r
    # Nothing can be said of a report that cannot be said.
    r = subprocess.run(["ssmc", graph, "-o", out, "--report"], stderr=full)
    assert r.returncode == 1 and not os.path.exists(out), r
broken = os.path.join(tmp, "broken.mlir")
open(broken, "w").write("module {")
expect(1, "broken.mlir:1:", broken, "-o", out)
open(broken, "w").write("module {}")
expect(1, "the module has no entries", broken, "-o", out)
expect(2, "not an ONNX graph any more", scale, "-o", out, "--dim=x:1=L")
expect(2, "not an ONNX graph any more", scale, "-o", out, "--emit=ssm")
# Names that the model does not have.
expect(2, "--dim input_ids:2=L: the input has rank 2\n", graph, "-o", out, "--dim=input_ids:2=L")
expect(2, "--strategy=scan:dense: the model has no such mixer; it has: short_conv, selective_scan\n", graph, "-o", out,
       "--strategy=scan:dense", "--strategy=selective_scan:dense")
expect(2, "has no such mixer; it has: short_conv, selective_scan\n", graph, "--emit=ssm", "--strategy=scan:dense")
expect(2, "has no such mixer, and none that has strategies\n", scale, "-o", out, "--strategy=scan:dense")
message = f"{graph}: --dim ids:1=L: the model has no input 'ids': it has input_ids\n"
expect(2, message, graph, "-o", out, "--dim=ids:1=L")
assert subprocess.run(["ssmc", graph, "-o", out, "--dim=ids:1=L"], capture_output=True, text=True).stderr == message
assert not [f for f in os.listdir(tmp) if ".tmp" in f], os.listdir(tmp)
print("ok")

# Inputs may share an extent.
for extents in ("float[2,8]", "float[B,L]"):
    shared = os.path.join(tmp, "shared.onnx")
    onnx.save(onnx.parser.parse_model('<ir_version: 10, opset_import: ["": 21]> g '
                                      f"({extents} x, {extents} y) => ({extents} z) {{ z = Add (x, y) }}"), shared)
    for first, second in (("x:1=L", "y:1=16"), ("x:1=12", "y:1=16"), ("x:1=P", "y:1=Q")):
        expect(1, f"--dim {second}: contradicts --dim {first}, as the model has one extent for both\n", shared, "-o",
               out, f"--dim={first}", f"--dim={second}")
