"""Every form of --input, --output and --expect; every wrong one."""
import json
import os
import subprocess
import sys

import numpy as np

source, fakes, tmp = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
path = lambda name: os.path.join(tmp, name)
lib = path("scale.so")
subprocess.run(["ssmc", source, "-O0", "-o", lib], check=True)

rng = np.random.default_rng(0)
x = rng.standard_normal((2, 5, 4)).astype("f4")
mask = rng.standard_normal(8).astype("f4")
past = np.zeros((2, 3), "i8")
y = x * np.arange(1, 5, dtype="f4") + mask[3:, None]
np.savez(path("in.npz"), x=x, mask=mask, past=past, unused=x)
np.savez_compressed(path("keys.npz"), a=x, b=mask, c=past, y=y)
np.save(path("x.npy"), np.asfortranarray(x))
wrong = y.copy()
wrong[1, 2, 3] += 0.5
np.savez(path("wrong.npz"), y=wrong)
nan = y.copy()
nan[0, 0, 1] = np.nan
np.savez(path("nan.npz"), y=nan)
np.savez(path("short.npz"), y=y[:1])
np.savez(path("int.npz"), y=y.astype("i8"))
np.savez(path("long.npz"), x=x, mask=mask[:7], past=past)
np.savez(path("no_number.npz"), x=np.where(x == x[0, 0, 1], np.nan, x), mask=mask, past=past)
whole = open(path("in.npz"), "rb").read()
open(path("cut.npz"), "wb").write(whole[:300])
open(path("damaged.npz"), "wb").write(whole[:200] + b"\xff" + whole[201:])
open(path("empty.npz"), "wb").close()
open(path("cut.npy"), "wb").write(open(path("x.npy"), "rb").read()[:-5])
np.save(path("object.npy"), np.array([{}], dtype=object))
np.save(path("big_endian.npy"), x.astype(">f4"))


def run(code, message, *arguments, model=lib):
    r = subprocess.run(["ssm-run", *([] if model is None else [model]), *arguments], capture_output=True, text=True,
                       cwd=tmp)
    assert r.returncode == code, (arguments, r)
    assert message in r.stdout + r.stderr, (message, r)
    return r.stdout


run(0, "y: largest deviation", "--input", "@in.npz", "--expect", "y=@keys.npz")
run(0, "y: largest deviation", "--input=x=@x.npy", "--input", "mask=@keys.npz:b", "--input", "past=@keys.npz:c",
    "--expect", "@keys.npz", "--threads=2")
# What an archive has besides is said, but not what --expect takes.
np.savez(path("more.npz"), x=x, mask=mask, past=past, y=y, misspelt=x)
r = subprocess.run(["ssm-run", lib, "--input", "@more.npz"], capture_output=True, text=True, cwd=tmp)
assert r.returncode == 0 and r.stderr == "ssm-run: 'misspelt' is not used: the model has x, mask, past\n", r
run(0, "", "--input", "@in.npz", "--output", "@out.npz")
assert np.allclose(np.load(path("out.npz"))["y"], y, atol=1e-6)
# Many calls of entries in one process.
calls = {f"{call}.forward.{name}": array for call, scale in (("one", 1), ("two", 2))
         for name, array in (("x", x * scale), ("mask", mask * scale), ("past", past))}
np.savez(path("calls.npz"), **calls)
run(0, "", "--calls", "@calls.npz", "--output", "@out.npz")
with np.load(path("out.npz")) as outputs:
    assert set(outputs) == {"one.forward.y", "two.forward.y"}
    assert np.array_equal(outputs["two.forward.y"], 2 * outputs["one.forward.y"])
    assert np.allclose(outputs["one.forward.y"], y, atol=1e-6)
for name, message in (("one.forward.z", "call 'one.forward': it has 4 arrays, the entry takes 3"),
                      ("three.forward.x", "call 'three.forward': no 'mask' is given")):
    np.savez(path("wrong_calls.npz"), **calls, **{name: x})
    run(1, message, "--calls=@wrong_calls.npz")
np.savez(path("wrong_calls.npz"), **{**calls, "two.forward.mask": mask[:7]})
run(1, "call 'two.forward': input 'mask': dimension 0 ('L + P') is 7, expected 8", "--calls=@wrong_calls.npz")
np.savez(path("wrong_calls.npz"), **{"one.step.x": x})
run(2, "'one.step' is not CALL.ENTRY: there is no entry 'step'", "--calls=@wrong_calls.npz")
run(2, "--calls has inputs and entries of its own", "--calls=@calls.npz", "--input", "@in.npz")
run(2, "--calls calls.npz is not @FILE.npz", "--calls=calls.npz")
# Taken as a whole, an archive may hold inputs and outputs under prefixed names.
np.savez(path("both.npz"), **{"in:x": x, "in:mask": mask, "in:past": past, "out:y": y, "in:y": wrong, "out:x": wrong})
run(0, "y: largest deviation", "--input", "@both.npz", "--expect", "@both.npz")
run(0, "y: largest deviation", "--input", "@in.npz", "--expect", "y=@both.npz:out:y")
# A later argument wins.
run(0, "y: largest deviation", "--input", "@long.npz", "--input", "mask=@in.npz", "--expect", "@keys.npz")

run(1, "y: largest deviation 5.000e-01 at [1, 2, 3]", "--input", "@in.npz", "--expect", "@wrong.npz")
run(1, "FAILED, 1 of 40 elements beyond it", "--input", "@in.npz", "--expect", "@wrong.npz", "--atol=0.4")
run(0, "tolerance 6.000e-01", "--input", "@in.npz", "--expect", "@wrong.npz", "--atol=0.6")
run(0, "|expected|", "--input", "@in.npz", "--expect", "@wrong.npz", "--atol=0", "--rtol=100")
run(1, "the first at [1, 2, 3]", "--input", "@in.npz", "--expect", "@wrong.npz")
# NaN is equal to NaN and to nothing else.
run(1, "largest deviation inf at [0, 0, 1]", "--input", "@in.npz", "--expect", "@nan.npz", "--atol=1e30")
run(1, "largest deviation inf at [0, 0, 1]", "--input", "@no_number.npz", "--expect", "@keys.npz", "--atol=1e30")
run(0, "y: largest deviation", "--input", "@no_number.npz", "--expect", "@nan.npz")
run(1, "'y' has the shape [2, 5, 4], expected [1, 5, 4]", "--input", "@in.npz", "--expect", "@short.npz")
np.savez(path("half.npz"), y=y.astype("f2"))
run(1, "'y' is of type float32, expected float16", "--input", "@in.npz", "--expect", "@half.npz")
# The tolerance goes with the values, however small they are.
tiny = {name: value * 1e-9 for name, value in (("x", x), ("mask", mask))}
np.savez(path("tiny.npz"), **tiny, past=past)
np.savez(path("no_y.npz"), y=np.zeros_like(y))
run(1, "FAILED", "--input", "@tiny.npz", "--expect", "@no_y.npz")
run(1, "'y' is of type float32, expected int64", "--input", "@in.npz", "--expect", "@int.npz")
run(2, "--expect names no output of the model: it has y", "--input", "@in.npz", "--expect", "@in.npz")
run(1, "input 'mask': dimension 0 ('L + P') is 7, expected 8", "--input", "@long.npz")
run(1, "input 'past' is of type float32, expected int64", "--input", "@in.npz", "--input", "past=@x.npy")
run(1, "absent.npz: ", "--input", "@absent.npz")
run(1, "cut.npz: not a zip archive", "--input", "@cut.npz")
run(1, "empty.npz: not a zip archive", "--input", "@empty.npz")
run(1, "damaged.npz: ", "--input", "@damaged.npz")
run(1, "cut.npy: ", "--input", "@in.npz", "--input", "x=@cut.npy")
run(1, "object.npy: element type '|O' is not supported", "--input", "@in.npz", "--input", "x=@object.npy")
run(1, "big_endian.npy: element type '>f4' is not supported", "--input", "@in.npz", "--input", "x=@big_endian.npy")
run(2, "cannot write /nonexistent/o.npz: there is no folder '/nonexistent'", "--input", "@in.npz", "--output", "@/nonexistent/o.npz")
run(2, "in.npz has no array 'z': it has x, mask, past, unused", "--input", "x=@in.npz:z")

random = ["--input=x=random:7", "--input=mask=random", "--input=past=random", "--dim=B=2", "--dim=L=5", "--dim=P=3"]
run(2, "'mask' cannot be random: say how large 'L + P' is", *random)
random += ["--dim=L + P=8"]
text = run(0, "", *random, "--bench=3", "--json", "--threads=1")
result = json.loads(text)
assert result["runs"] == 3 and result["threads"] == 1 and result["tokens"] == 10
assert result["min_ms"] <= result["p50_ms"] <= result["p99_ms"]
assert result["cpu_ms"] >= 0
run(0, "10 tokens a run", *random, "--bench=3")
run(2, "--dim L=99999999999: an extent is 0 to 2^31 - 1", *random, "--dim=L=99999999999")
run(2, "--dim L=7: dimension 1 of input 'x' is given with 5", "--input", "@in.npz", "--dim=L=7")
run(0, "", "--input", "@in.npz", "--dim=L=5")
run(2, "--dim Z=3: no input has an extent 'Z'", *random, "--dim=Z=3")
run(1, "'x' of shape [100000000, 100000000, 4] does not fit this machine's memory", *random[:3],
    "--dim=B=100000000", "--dim=L=100000000", "--dim=P=1", "--dim=L + P=100000001")
# 2 seconds of runs without a number.
assert json.loads(run(0, "", *random, "--bench", "--json"))["runs"] >= 5

run(2, "no --input for 'mask'", "--input=x=random", "--dim=B=2", "--dim=L=5")
run(2, "the model has no 'z': it has x, mask, past", "--input=z=@x.npy")
run(2, "the model has no entry 'step': it has forward", "--input", "@in.npz", "--entry=step")
run(2, "--dim L is not NAME=NUMBER", "--input", "@in.npz", "--dim=L")
run(2, "--output out.npz is not @FILE.npz", "--input", "@in.npz", "--output=out.npz")
run(2, "--output @dir is not @FILE.npz", "--input", "@in.npz", "--output=@dir")
run(1, "--generate needs the entries prefill and step, and the model has no prefill", "--input", "@in.npz", "--generate=5")
run(2, "--generate=0 is not a number of tokens", "--input", "@in.npz", "--generate=0")
run(2, "--generate runs prefill and step, and has only", "--input", "@in.npz", "--generate=5", "--output=@out.npz")
run(2, "--json has no effect without --bench, --generate or --info", "--input", "@in.npz", "--json")
run(2, "--atol has no effect without --expect", "--input", "@in.npz", "--atol=1")
for bad in ("-1", "nan"):
    run(2, "--rtol is not a tolerance", "--input", "@in.npz", "--expect", "@keys.npz", "--rtol=" + bad)
run(2, "value invalid for floating point argument", "--input", "@in.npz", "--expect", "@keys.npz", "--atol=x")
for bad in ("0", "-3", "x"):
    run(2, f"--bench={bad} is not a number of runs", "--input", "@in.npz", "--bench=" + bad)
run(2, "--threads=99999 is too many", "--input", "@in.npz", "--threads=99999")
run(2, "value invalid for uint argument", "--input", "@in.npz", "--threads=-1")
run(2, "nothing random is expected", "--input", "@in.npz", "--expect=y=random")
run(2, "Unknown command line argument '--bogus'", "--bogus")
for bad in ("x", "x=", "x=@", "x=@f.txt", "x=random:", "x=random:q", "@f.npy", "@f.npz:k", "=@f.npy"):
    run(2, "is not NAME=@FILE.npy", f"--input={bad}")
run(2, "which model? give MODEL.so", model=None)
run(0, "ssm-run 0.1.0", "--version", model=None)
run(2, "Too many positional arguments", "other.so")

# A library that is none, a part of one, or one of another kind.
open(path("cut.so"), "wb").write(open(lib, "rb").read()[:3000])
open(path("empty.so"), "wb").close()
run(1, "cannot load the model: cut.so is truncated or damaged: it ends at byte 3000", "--info", model="cut.so")
run(1, "cannot load the model: ./empty.so: file too short", "--info", model="empty.so")
run(1, "cannot load the model: ./in.npz: invalid ELF header", "--info", model="in.npz")
run(1, "cannot load the model: absent.so: No such file", "--info", model="absent.so")
run(1, "cannot load the model: ", "--info", model=tmp)
run(1, "was compiled for version 999 of the model interface", "--info", model=fakes + "-v999.so")
run(1, "needs an instruction set this program does not know", "--info", model=fakes + "-cpu.so")
run(1, "Gather: an index is out of range", "--entry=gather", "--input=x=random", "--input=index=random", "--dim=L=64",
    model=fakes + ".so")
with open("/dev/full", "w") as full:
    r = subprocess.run(["ssm-run", lib, "--info"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert r.returncode == 1 and "standard output: No space left on device" in r.stderr, r
info = run(0, "", "--info", "--dim=B=2", "--dim=L=3")
run(2, "--dim Q=1: no input has an extent 'Q' (see --info)", "--info", "--dim=Q=1")
for line in ("entry forward", "input  x: float32 [B, L, 4]", "input  mask: float32 [L + P]",
             "output y: float32 [B, L, 4]", "weights: 64 bytes", "made from: scale.mlir, by ssmc 0.1.0", ", -O0\n",
             "command: ssmc "):
    assert line in info, (line, info)
# For programs the same, and all that the compiler has recorded.
info = json.loads(run(0, "", "--info", "--json", "--dim=B=2", "--dim=L=3"))
(entry,) = info["entries"]
assert entry["name"] == "forward" and info["weights_bytes"] == 64, info
assert entry["inputs"][0] == {"name": "x", "type": "float32", "dims": ["B", "L", "4"]}, entry
assert entry["memory"]["at"] == {"B": 2, "L": 3, "P": 1} and entry["memory"]["outputs"] == 96, entry
assert info["compilation"]["opt_level"] == 0 and info["compilation"]["source"] == "scale.mlir", info
print("ok")
