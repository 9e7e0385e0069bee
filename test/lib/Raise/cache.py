"""Attention of some tokens to a cache of keys and values, to another sequence, and of one token: what every spelling
is raised to, and that it stays what ONNX Runtime computes, whatever the cache holds.

    cache.py            ... of every spelling
    cache.py mutated N  ... rewritten at random in N ways (mutate.py)
    cache.py wrong      ... with one thing wrong: what is raised all the same is what ONNX Runtime computes
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

import mutate
from form import Writer

BATCH, HEADS, GROUPS, KEYS, VALUES = 2, 6, 3, 4, 5
SCALE = 0.4
PASSES = "onnx-infer-shapes,onnx-fold,onnx-simplify,ssm-raise"
#: Queries and the keys before them.
LENGTHS = ((1, 5), (3, 2), (4, 11), (1, 1))


class Cache(Writer):
    """Writes nodes of one graph; `wrong` names what it is to do wrong."""

    def __init__(self, opset, wrong=None):
        super().__init__(None, None, opset, True)
        self.wrong = wrong

    def extent(self, value, axis):
        return self("Shape", value, start=axis, end=axis + 1)

    def scalar(self, value):
        return self("Squeeze", value)

    def seen(self, q, k, window=None):
        """Which keys a query sees, by positions of which the last ones are the queries'."""
        if self.wrong == "window" and window:
            window += 1
        zero, one = self.constant(np.int64(0)), self.constant(np.int64(1))
        queries, keys = self.scalar(self.extent(q, 2)), self.scalar(self.extent(k, 2))
        past = self("Sub", keys, queries)
        if self.wrong == "shift":
            past = self("Sub", past, one)
        row = self.wide(self("Add", self("Range", zero, queries, one), past), 1)
        column = self.wide(self("Range", zero, keys, one), 0)
        seen = self("LessOrEqual", column, row)
        if window:
            seen = self("And", seen, self("Less", self("Sub", row, column), self.constant(np.int64(window))))
        return seen

    def repeat(self, x, width):
        count = HEADS // GROUPS
        extents = self("Concat", self.ints(1, 1, count), self.extent(x, 2), self.ints(1), axis=0)
        wide = self("Expand", self.wide(x, 2), extents)
        if self.wrong == "groups":
            wide = self.turn(wide, 0, 2, 1, 3, 4)
        return self("Reshape", wide, self.ints(0, HEADS, -1, width))

    def both(self, past, fresh):
        return self("Concat", *((fresh, past) if self.wrong == "order" else (past, fresh)), axis=2)

    def attend(self, q, k, v, mask=None, bias=None):
        s = self("Mul", self("MatMul", q, self.swap(k)), SCALE)
        if mask:
            s = self("Where", mask, s, float(np.finfo(np.float32).min))
        if bias:
            s = self("Sub" if self.wrong == "sign" else "Add", s, bias)
        p = self("Softmax", s, axis=2 if self.wrong == "axis" else -1)
        return self("MatMul", p, v)


SPELLINGS = {}
Q, K, V = ("B", HEADS, "L", KEYS), ("B", GROUPS, "L", KEYS), ("B", GROUPS, "L", VALUES)
PAST_K, PAST_V = ("B", GROUPS, "P", KEYS), ("B", GROUPS, "P", VALUES)
ALL = {"q": Q, "k": K, "v": V, "past_k": PAST_K, "past_v": PAST_V}


def spelling(inputs, opset=20, breaks=()):
    def register(write):
        SPELLINGS[write.__name__] = write, inputs, opset, breaks
        return write
    return register


@spelling(ALL, breaks=("shift", "groups", "order", "axis"))
def shared_heads(w, q, k, v, past_k, past_v):
    """Keys repeated for their queries behind the cache, positions compared."""
    k, v = w.both(past_k, k), w.both(past_v, v)
    return w.attend(q, w.repeat(k, KEYS), w.repeat(v, VALUES), w.seen(q, k)), k, v


@spelling(ALL, breaks=("window", "shift"))
def window(w, q, k, v, past_k, past_v):
    k, v = w.both(past_k, k), w.both(past_v, v)
    return w.attend(q, w.repeat(k, KEYS), w.repeat(v, VALUES), w.seen(q, k, 4)), k, v


@spelling(ALL | {"mask": ("B", 1, "L", "T")}, breaks=("sign",))
def padding(w, q, k, v, past_k, past_v, mask):
    """A mask that is an input."""
    k, v = w.both(past_k, k), w.both(past_v, v)
    return w.attend(q, w.repeat(k, KEYS), w.repeat(v, VALUES), None, mask), k, v


@spelling(ALL | {"seen": ("B", 1, 1, "T")})
def marks(w, q, k, v, past_k, past_v, seen):
    """A truth value for each key."""
    k, v = w.both(past_k, k), w.both(past_v, v)
    return w.attend(q, w.repeat(k, KEYS), w.repeat(v, VALUES), seen), k, v


@spelling(ALL | {"hidden": ("B", 1, 1, "T")})
def hidden(w, q, k, v, past_k, past_v, hidden):
    k, v = w.both(past_k, k), w.both(past_v, v)
    s = w("Mul", w("MatMul", q, w.swap(w.repeat(k, KEYS))), SCALE)
    p = w("Softmax", w("Where", hidden, float("-inf"), s), axis=-1)
    return w("MatMul", p, w.repeat(v, VALUES)), k, v


@spelling({"q": ("B", "L", HEADS, KEYS), "k": ("B", "S", HEADS, KEYS), "v": ("B", "S", HEADS, VALUES)})
def crossed(w, q, k, v):
    """Keys of another sequence, nothing hidden, products by letters."""
    s = w("Einsum", q, k, equation="blhn,bshn->bhls")
    e = w("Exp", w("Mul", s, SCALE))
    return w("Einsum", w("Div", e, w.sum(e, -1, keep=1)), v, equation="bhls,bshp->blhp")


@spelling({"q": ("B", HEADS, 1, KEYS), "k": ("B", HEADS, "S", KEYS), "v": ("B", HEADS, "S", VALUES)})
def one_token(w, q, k, v):
    """Of all that a cache holds."""
    return w.attend(q, k, v)


@spelling({"q": (2, HEADS, 7, KEYS), "k": (2, HEADS, 7, KEYS), "v": (2, HEADS, 7, VALUES)})
def nothing_free(w, q, k, v):
    return w.attend(q, k, v)


@spelling({"q": ("B", HEADS, 1, KEYS), "k": ("B", GROUPS, 9, KEYS), "v": ("B", GROUPS, 9, VALUES)})
def heads_on_an_axis(w, q, k, v):
    q = w.shape(q, 0, GROUPS, HEADS // GROUPS, 1, KEYS)
    s = w("Mul", w("MatMul", q, w.turn(w.wide(k, 2), 0, 1, 2, 4, 3)), SCALE)
    y = w("MatMul", w("Softmax", s, axis=-1), w.wide(v, 2))
    return w.shape(y, 0, HEADS, 1, VALUES)


@spelling({"q": ("B", "L", HEADS, KEYS), "k": ("B", HEADS, "S", KEYS), "v": ("B", HEADS, "S", VALUES),
           "bias": ("B", 1, "L", "S")})
def heads_as_rows(w, q, k, v, bias):
    """Batch and heads on one axis, as torch's bmm wants them."""
    rows = lambda x, width: w("Reshape", x, w("Concat", w.ints(-1), w.extent(x, 2), w.ints(width), axis=0))
    q = w.turn(q, 0, 2, 1, 3)
    s = w("MatMul", rows(w("Mul", q, SCALE), KEYS), w.turn(rows(k, KEYS), 0, 2, 1))
    wide = w("Concat", w.ints(-1, HEADS), w.extent(q, 2), w.extent(k, 2), axis=0)
    p = w("Softmax", w("Add", w("Reshape", s, wide), bias), axis=-1)
    y = w("MatMul", w("Reshape", p, w("Concat", w.ints(-1), w.extent(q, 2), w.extent(k, 2), axis=0)), rows(v, VALUES))
    return w.turn(w("Reshape", y, w("Concat", w.ints(-1, HEADS), w.extent(q, 2), w.ints(VALUES), axis=0)), 0, 2, 1, 3)


@spelling({"q": ("B", HEADS, "L", KEYS), "k": ("B", GROUPS, "S", KEYS), "v": ("B", GROUPS, "S", VALUES),
           "seen": ("B", 1, "L", "S")}, opset=23)
def node_marks(w, q, k, v, seen):
    return w("Attention", q, k, v, seen)


@spelling(ALL, opset=23)
def node(w, q, k, v, past_k, past_v):
    return w("Attention", q, k, v, "", past_k, past_v, is_causal=1, outputs=3)


@spelling({"q": ("B", "L", HEADS * KEYS), "k": ("B", "L", GROUPS * KEYS), "v": ("B", "L", GROUPS * VALUES),
           "mask": ("B", 1, "L", "T"), "past_k": PAST_K, "past_v": PAST_V}, opset=24)
def node_of_rows(w, q, k, v, mask, past_k, past_v):
    return w("Attention", q, k, v, mask, past_k, past_v, scale=0.7, softcap=3.0, q_num_heads=HEADS,
             kv_num_heads=GROUPS, outputs=3)


@spelling({"q": ("B", "L", HEADS * KEYS), "k": ("B", "S", GROUPS * KEYS), "v": ("B", "S", GROUPS * VALUES)}, opset=23)
def node_crossed(w, q, k, v):
    return w("Attention", q, k, v, q_num_heads=HEADS, kv_num_heads=GROUPS)


def build(name, wrong=None):
    write, inputs, opset, _ = SPELLINGS[name]
    w = Cache(opset, wrong)
    results = write(w, *inputs)
    results = [results] if isinstance(results, str) else list(results)
    names = [f"out{i}" for i in range(len(results))]
    for result, own in zip(results, names):
        w.nodes.append(helper.make_node("Identity", [result], [own], name=own))
    truth = ("seen", "hidden")
    ins = [helper.make_tensor_value_info(n, TensorProto.BOOL if n in truth else TensorProto.FLOAT, extents)
           for n, extents in inputs.items()]
    outs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names]
    graph = helper.make_graph(w.nodes, name, ins, outs, w.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=11)


def feed(inputs, queries, past, seed):
    random = np.random.default_rng(seed)
    extents = {"B": BATCH, "L": queries, "P": past, "S": past + 1, "T": queries + past}
    for name, shape in inputs.items():
        shape = [extents.get(e, e) for e in shape]
        value = random.normal(0, 1, shape).astype(np.float32)
        if name in ("seen", "hidden"):
            value = value > 0
            value[..., -1] = name == "seen"  # every query sees a key
        yield name, value


def check(name, folder, wrong=None, seed=None):
    path, module = folder / "model.onnx", folder / "model.mlir"
    model = build(name, wrong)
    onnx.save(model if seed is None else mutate.mutate(model, seed), path)
    inputs = SPELLINGS[name][1]
    imported = subprocess.run(["ssm-import", "--locations", "--elide", "0", path], capture_output=True, text=True)

    def run(options=""):
        done = subprocess.run(["ssm-opt", f"--pass-pipeline=builtin.module({PASSES}{options})", "-", "-o", module],
                              input=imported.stdout, capture_output=True, text=True)
        return module.read_text(), imported.stderr + done.stderr

    if not wrong:
        planted, text = run("{plant-error=0}")
        if "= ssm.attention" in planted or "looked like ssm.attention" not in text:
            return f"with an error planted: {text}"
    found, text = run()
    left = [op for op in ("MatMul", "Softmax", "Einsum", "Attention", "Exp") if f'onnx.node "{op}"' in found]
    if not wrong and ("= ssm.attention" not in found or left):
        return f"is not raised, {left} are left: {text}"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for seed, (queries, past) in enumerate(LENGTHS):
        fed = dict(feed(inputs, queries, past, seed))
        try:
            outputs = session.run(None, fed)
        except Exception:
            if wrong:
                continue  # the change makes no model of this length
            raise
        archive = folder / "feed.npz"
        results = {o.name: y for o, y in zip(session.get_outputs(), outputs)}
        np.savez(archive, **fed, **results)
        arguments = [part for n in fed for part in ("--input", f"{n}=@{archive}:{n}")]
        arguments += [part for n in results for part in ("--expect", f"{n}=@{archive}:{n}")]
        done = subprocess.run(["ssm-eval", module, *arguments, "--rtol=1e-4", "--atol=1e-5"], capture_output=True,
                              text=True)
        if done.returncode:
            return f"at {queries} queries, {past} keys before: {done.stdout}{done.stderr}"
    return None


def main(mode="right", seeds=1):
    failures, count = 0, 0
    for name, (*_, breaks) in SPELLINGS.items():
        ways = {"right": [()], "wrong": [(wrong,) for wrong in breaks],
                "mutated": [(None, seed) for seed in range(int(seeds))]}[mode]
        for way in ways:
            with tempfile.TemporaryDirectory() as folder:
                text = check(name, pathlib.Path(folder), *way)
            count += 1
            if text:
                failures += 1
                print(name, *way, text)
    print(f"{count} graphs, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
