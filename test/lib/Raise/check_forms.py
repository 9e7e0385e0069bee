"""Every form of a mixer is recognised, runs at other lengths, and is what numpy computes.

    check_forms.py raise         ... of operands computed from one input, of operands that are inputs, and with
                                 symbols for the extents
    check_forms.py mutated N     ... rewritten at random in N ways (mutate.py)
    check_forms.py wrong N       with one thing changed at random in N ways: whatever is raised of them, they are
                                 what ONNX Runtime computes
    check_forms.py compiled      some of them, from ONNX to the artifact
"""
import concurrent.futures
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import forms
import mutate
from forms import BATCH, FORMS
from oracles import ORACLES

#: Not recognised yet, or not as one op (docs/roadmap.md). At their traced size they are right all the same.
OPEN = ()
#: ... where their operands are inputs.
OPEN_DIRECT = ("ssd_segment_sum", "attention_full")
#: Forms whose nodes hold no number of the traced extents.
FREE = ("two_cumsums", "exclusive_cumsum", "quotient_cumsums", "cumulative_product", "linear_triangle", "linear_states", "linear_einsum", "normalised_states", "normalised_einsum", "normalised_masked",
        "fft_table", "fft_computed", "fft_of_data", "ssd_two_cumsums", "gla_masked", "gla_states", "attention_full", "attention_computed_mask")
OTHERS = ((1, 7), (3, 40))
PASSES = "onnx-infer-shapes,onnx-fold,onnx-simplify,ssm-raise"


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def asked(name, direct):
    """--dim of every input."""
    if not direct:
        return ["x:0=B", "x:1=L"]
    heads_first = FORMS[name].options.get("heads_first", True)
    return [f"{n}:{axis}={extent}" for n in FORMS[name].operands
            for axis, extent in enumerate(forms.extents(n, "B", "L", heads_first)) if extent in ("B", "L")]


def raised_to(module):
    report = re.search(r"ssmc\.report = \[(.*?)\](?:, ssmc|\})", module, re.S)
    return [op for op in re.findall(r'\bop = "([^"]*)"', report.group(1) if report else "") if op]


def expected(name):
    op = FORMS[name].op
    return op if isinstance(op, list) else [op]


def feeds(folder, name, direct, others=OTHERS, type=float, free=False, sizes=None):
    if not free:  # what is computed for every lag is traced for as many
        others = [o for o in others if o[1] <= FORMS[name].options.get("most", o[1])]
    for i, (batch, time) in enumerate(sizes or ((BATCH, forms.length(name)), *others)):
        inputs, operands = forms.feed(name, batch, time, direct)
        archive = folder / f"{i}.npz"
        y = ORACLES[FORMS[name].mixer](*(operands[n] for n in FORMS[name].operands))
        np.savez(archive, y=y.astype(type), **inputs)
        yield f"{batch}x{time}", [part for n in inputs for part in ("--input", f"{n}=@{archive}:{n}")] + [
            "--expect", f"y=@{archive}:y", "--rtol=1e-5", "--atol=1e-6"]


def check(name, model, folder, direct, free=False):
    """What is wrong with the model, raised and with its length freed."""
    path, module = folder / "model.onnx", folder / "model.mlir"
    onnx.save(model, path)
    passes = PASSES if free else f"{PASSES},onnx-free-lengths{{dims={','.join(asked(name, direct))}}}"
    imported = run("ssm-import", "--locations", "--elide", "0", path)
    (folder / "imported.mlir").write_text(imported.stdout)
    done = run("ssm-opt", f"--pass-pipeline=builtin.module({passes})", folder / "imported.mlir", "-o", module)
    if imported.returncode or done.returncode:
        yield imported.stderr + done.stderr
        return
    found = raised_to(module.read_text())
    if sorted(found) != sorted(expected(name)):  # the order of nodes may have changed
        yield f"is raised to {found}: {done.stderr}"
    if not re.search(FORMS[name].options.get("assumes", ""), module.read_text()):
        yield "does not say what it assumes"
    for size, arguments in feeds(folder, name, direct, free=free):
        done = run("ssm-eval", module, *arguments)
        if done.returncode:
            yield f"at {size}: {done.stdout}{done.stderr}"


def check_kept(name, folder):
    path = folder / "model.onnx"
    onnx.save(forms.build(name), path)
    for size, arguments in feeds(folder, name, False, ()):
        done = run("ssm-eval", path, f"--passes={PASSES}", *arguments)
        if done.returncode:
            yield f"at {size}: {done.stdout}{done.stderr}"


def raise_all(folder):
    for name in FORMS:
        if name in OPEN:
            yield name, lambda f, name=name: check_kept(name, f)
        if name not in OPEN:
            yield name, lambda f, name=name: check(name, forms.build(name), f, False)
        if name not in OPEN and name not in OPEN_DIRECT:
            yield name + ", given", lambda f, name=name: check(name, forms.build(name, direct=True), f, True)
        if name in FREE and name not in OPEN:
            yield name + ", free", lambda f, name=name: check(name, forms.build(name, free=True), f, False, True)


def mutated(folder, count):
    for name in FORMS:
        for seed in range(int(count)):
            if name not in OPEN:
                yield f"{name} by {seed}", lambda f, name=name, seed=seed: check(
                    name, mutate.mutate(forms.build(name), seed), f, False)


def tamper(model, time, pick):
    """Changes one thing; says which."""
    graph = model.graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in onnx.shape_inference.infer_shapes(model).graph.value_info
              if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    constants = {c.name: c for c in graph.initializer}
    own = [i for i, node in enumerate(graph.node) if node.name.startswith("node")]
    for _ in range(64):
        i = pick.choice(own)
        node = graph.node[i]
        floats = [j for j, n in enumerate(node.input) if n in shapes]
        tables = [n for n in node.input if n in constants and len(constants[n].dims) > 1]
        how = pick.choice(("negate", "scale", "swap", "table", "shift", "drop"))
        if how in ("negate", "scale") and floats:
            j = pick.choice(floats)
            factor = -1.0 if how == "negate" else 1.01
            graph.initializer.append(numpy_helper.from_array(np.float32(factor), "tampered_factor"))
            graph.node.insert(i, helper.make_node("Mul", [node.input[j], "tampered_factor"], ["tampered"], "tampering"))
            graph.node[i + 1].input[j] = "tampered"
        elif how == "swap":
            # Another value of the same shape, made before: the key for the query, another state.
            others = [n for m in graph.node[:i] for n in m.output if floats and shapes.get(n) == shapes[node.input[floats[0]]]
                      and n not in node.input]
            if not others:
                continue
            node.input[floats[0]] = pick.choice(others)
        elif how == "table" and tables:
            # A mask or table, moved by one.
            constant = constants[pick.choice(tables)]
            array = numpy_helper.to_array(constant)
            constant.CopyFrom(numpy_helper.from_array(np.roll(array, pick.choice((-1, 1)), axis=-1), constant.name))
        elif how == "shift":
            # A sequence, moved by one token.
            places = [(j, a) for j in floats for a, n in enumerate(shapes[node.input[j]]) if n == time]
            if not places:
                continue
            j, axis = pick.choice(places)
            graph.initializer.append(numpy_helper.from_array(np.roll(np.arange(time), 1), "tampered_order"))
            graph.node.insert(i, helper.make_node("Gather", [node.input[j], "tampered_order"], ["tampered"],
                                                  "tampering", axis=axis))
            graph.node[i + 1].input[j] = "tampered"
        elif how == "drop" and node.op_type in ("Add", "Mul") and len(floats) == 2 and \
                shapes[node.input[0]] == shapes[node.input[1]]:
            node.op_type = "Identity"
            del node.input[1]
        else:
            continue
        return f"{how} at {node.name} ({node.op_type})"
    return "nothing"


def wrong_one(name, seed, folder):
    model, pick = forms.build(name), random.Random(f"{name} {seed}")
    how = tamper(model, forms.length(name), pick)
    path = folder / "model.onnx"
    onnx.save(model, path)
    x = np.random.default_rng(seed).normal(0, 1, (BATCH, forms.length(name), forms.WIDTH)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        y, = session.run(None, {"x": x})
    except Exception:
        return  # the change makes no model
    if not np.isfinite(y).all() or np.abs(y).max() < 1e-3:  # rounding is left
        return
    np.savez(folder / "feed.npz", x=x, y=y)
    done = run("ssm-eval", path, f"--passes={PASSES}", "--input", f"x=@{folder}/feed.npz:x", "--expect",
               f"y=@{folder}/feed.npz:y", f"--atol={1e-3 * np.abs(y).max()}", "--rtol=1e-3")
    if done.returncode:
        yield f"{how}: {done.stdout}{done.stderr}"


def wrong(folder, count):
    for name in FORMS:
        for seed in range(int(count)):
            yield f"{name} by {seed}", lambda f, name=name, seed=seed: wrong_one(name, seed, f)


def compile_one(name, folder):
    path, library = folder / "model.onnx", folder / "model.so"
    onnx.save(forms.build(name), path)
    done = run("ssmc", path, "-o", library, *(f"--dim={dim}" for dim in asked(name, False)))
    if done.returncode:
        yield done.stderr
        return
    for size, arguments in feeds(folder, name, False, type=np.float32):
        done = run("ssm-run", library, *arguments[:-2], "--atol=1e-4", "--rtol=1e-3")
        if done.returncode:
            yield f"at {size}: {done.stdout}{done.stderr}"
    if most := FORMS[name].options.get("most"):
        (_, arguments), = feeds(folder, name, False, (), type=np.float32, sizes=((1, most + 1),))
        done = run("ssm-run", library, *arguments[:-4])
        if f"at most {most} tokens" not in done.stderr:
            yield f"beyond {most} tokens: {done.stdout}{done.stderr}"


COMPILED = ("fft_real", "fft_computed", "fft_of_data", "blelloch", "exclusive_cumsum", "hydra", "both_states", "flip_by_slice", "recursive_scan", "gla_states", "delta_inverse", "attention_head_scale")


def compiled(folder):
    for name in (n for n in COMPILED if n in FORMS):
        yield name, lambda f, name=name: compile_one(name, f)


def main(mode, *arguments):
    forms_wanted = [a for a in arguments if a in FORMS]
    for n in [n for n in FORMS if forms_wanted and n not in forms_wanted]: del FORMS[n]
    arguments = [a for a in arguments if a not in forms_wanted]
    jobs = {"raise": raise_all, "mutated": mutated, "wrong": wrong, "compiled": compiled}[mode]
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(2) as pool:
        def one(number, job):
            folder = pathlib.Path(work) / str(number)
            folder.mkdir()
            return list(job(folder))
        found = [(name, pool.submit(one, i, job)) for i, (name, job) in enumerate(jobs(work, *arguments))]
        failures = 0
        for name, future in found:
            for text in future.result():
                print(f"{name}: {text}", flush=True)
            failures += bool(future.result())
    print(f"{len(found)} graphs, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
