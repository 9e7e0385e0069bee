"""Numbers that are not ordinary: decays that are none, steps and gates beyond all
bounds, and softmax over nothing."""
import pathlib
import sys

import numpy as np

from ops import OPS

sys.path.append(str(pathlib.Path(__file__).parents[1] / "dialects" / "ssm" / "numeric"))
from cases_attention import attention  # noqa: E402
from cases_lse_merge import lse_merge  # noqa: E402


def compare(what, found, expected, tolerance=1e-5):
    """What is finite by its largest value; infinities and no numbers, both of
    which may come of either, where they are expected."""
    expected = np.asarray(expected, np.float64)
    finite = np.isfinite(expected)
    if found.shape != expected.shape or not np.array_equal(np.isfinite(found), finite):
        sys.exit(f"{what}: not finite at {np.argwhere(np.isfinite(found) != finite)[:3].tolist()}, or it should not be")
    size, error = (np.abs(x[finite]).max(initial=0) for x in (expected, found - np.where(finite, expected, 0)))
    if not error <= tolerance * size:
        sys.exit(f"{what}: off by {error:.3g}, the largest value is {size:.3g}")


def decays(rng):
    """One decay of a row, a head or a channel is no number, or beyond all: what is
    computed from it is lost, up to where a sequence begins, and nothing else is."""
    for op in OPS:
        name = next((n for n in ("decay", "gf", "delta", "a") if n in op.inputs), None)
        if name is None or not op.is_timed(name):
            continue
        for value in (np.nan, np.inf, -np.inf):
            for kind in ["forwards"] + ["packed"] * op.resets:
                given = op.inputs_of(rng, 2, 129)
                given[name][0, 70, ..., 0] = value
                if kind == "packed":
                    given["resets"] = np.zeros((2, 129), bool)
                    given["resets"][0, 100] = True
                yield f"{op.name}_{kind} with {name} {value}", op, kind, given


def sizes(rng):
    """Steps that forget all, and gates that are open or closed altogether."""
    for op in OPS:
        given = op.inputs_of(rng, 2, 65)
        if "delta" in op.inputs:
            given["delta"][:, ::3] = 1e30
            yield f"{op.name} of large steps", op, "forwards", given
        given = op.inputs_of(rng, 2, 65)
        gate = "z" if "z" in op.inputs else "x" if "silu" in op.op else None
        if gate:
            given[gate] *= 1e4
            yield f"{op.name} of large gates", op, "forwards", given


def check_ops(machine, rng):
    cases = [*decays(rng), *sizes(rng)]
    found = machine([(f"{op.name}_{kind}", given) for _, op, kind, given in cases])
    for (what, op, kind, given), outputs in zip(cases, found):
        with np.errstate(all="ignore"):
            expected = op.expected(kind, given)
        for name, y in zip(("y", "last"), expected):
            compare(what, outputs[name], y, op.tolerance)
    return len(cases)


# Element types: float and integer, as a signature has them.
F, I = 1, 7
# Operands after q, k, v: extents and types. B is the queries' number, L the keys'.
KINDS = {"bias": ("", {"bias": [((1, 2, "B", "L"), F)]}),
         "row": ("right(0)", {"bias": [((1, 1, 1, "L"), F)], "sinks": [((2,), F)]}),
         "cache": ("right(0)", {"positions": [((1, "B"), I), ((1, "L"), I)]}),
         "segments": ("", {"sinks": [((2,), F)], "segments": [((1, "B"), I), ((1, "L"), I)]}),
         "large": ("scale(1.0)", {})}
MERGE = {"ya": ((1, "B", 2, 5), F), "la": ((1, "B", 2), F), "yb": ((1, "B", 2, 5), F), "lb": ((1, "B", 2), F)}
OUTPUTS = {"y": ((1, "B", 2, 5), F), "lse": ((1, "B", 2), F)}


def operands(kind):
    every = {"q": ((1, "B", 2, 8), F), "k": ((1, "L", 1, 8), F), "v": ((1, "L", 1, 5), F)}
    return every | {f"{name}{i}": v for name, values in KINDS[kind][1].items() for i, v in enumerate(values)}


def entry(name, op, inputs, groups):
    def tensor(value):
        dims, dtype = value
        return f"tensor<{''.join('?x' if d in ('B', 'L') else f'{d}x' for d in dims)}{ {F: 'f32', I: 'i64'}[dtype]}>"

    symbols = [s for s in ("B", "L") if any(s in dims for dims, _ in inputs.values())]

    def described(values):
        return ", ".join(f'{{name = "{n}", dtype = {dtype} : i64, dims = affine_map<()[{", ".join(symbols)}] -> '
                         f"({', '.join(map(str, dims))})>}}" for n, (dims, dtype) in values.items())

    def listed(names):
        return ", ".join(f"%{n}" for n in names) + " : " + ", ".join(tensor(inputs[n]) for n in names)
    y, lse = (tensor(v) for v in OUTPUTS.values())
    names = ", ".join(f'"{s}"' for s in symbols)
    return f"""  func.func @{name}({', '.join(f'%{n}: {tensor(v)}' for n, v in inputs.items())}) -> ({y}, {lse})
      attributes {{ssm.signature = {{symbols = [{names}], inputs = [{described(inputs)}],
        outputs = [{described(OUTPUTS)}]}}}} {{
    %n = onnx.symbol "B"
    %y0 = tensor.empty(%n) : {y}
    %l0 = tensor.empty(%n) : {lse}
    %r:2 = {op} {' '.join(f'{word}({listed(names)})' for word, names in groups)} outs(%y0, %l0 : {y}, {lse}) -> {y}, {lse}
    return %r#0, %r#1 : {y}, {lse}
  }}
"""


def text():
    entries = []
    for kind, (attributes, extra) in KINDS.items():
        groups = [("ins", "qkv")] + [(n, [f"{n}{i}" for i in range(len(v))]) for n, v in extra.items()]
        entries.append(entry(kind, f"ssm.attention {attributes}", operands(kind), groups))
    return "".join(entries) + entry("merge", "ssm.lse_merge", MERGE, [("ins", list(MERGE))])


def given_for(rng, kind, queries, keys):
    """Some queries see nothing: of biases that hide all keys, of keys that are not
    there, whose numbers are none, of segments without keys."""
    of = {"B": queries, "L": keys}
    given = {n: rng.standard_normal([of.get(d, d) for d in dims]).astype(np.float32)
             for n, (dims, _) in operands(kind).items()}
    if kind == "bias":
        given["bias0"][:, :, ::2] = -np.inf
        given["bias0"][:, 1, :, : keys // 2] = -np.inf
    if kind == "row":
        given["bias0"][..., : keys - 1] = -np.inf
        for n in "kv":
            given[n][:, : keys - 1] = np.nan
    if kind == "cache":
        given["positions0"] = np.arange(queries)[None] + keys // 2
        given["positions1"] = np.where(np.arange(keys) < keys // 3, np.arange(keys), -1)[None]
        if queries == 1:
            given["positions1"][:] = -1
        for n in "kv":
            given[n][0, given["positions1"][0] < 0] = np.nan
    if kind == "segments":
        given["segments0"], given["segments1"] = np.arange(queries)[None] % 3, np.arange(keys)[None] % 2
    if kind == "large":
        given["q"] *= 1000
    return {n: x.astype(np.int64) if x.dtype.kind == "i" else x for n, x in given.items()}


def expected_for(kind, given):
    named = {}
    for name, values in KINDS[kind][1].items():
        found = [given[f"{name}{i}"] for i in range(len(values))]
        named[name] = found if len(found) > 1 else found[0]
    named |= {"right": 0} if "right" in KINDS[kind][0] else {}
    return attention(given["q"], given["k"], given["v"], scale=1.0 if kind == "large" else None, **named)


def check_attention(machine, rng):
    cases = [(kind, given_for(rng, kind, queries, keys)) for kind in KINDS for queries in (1, 2, 65)
             for keys in (1, 63, 64, 65, 129)]
    merges = []
    for tokens in (1, 65):
        y, l = (rng.standard_normal((2, 1, tokens, 2, *rest)).astype(np.float32) for rest in ([5], []))
        l *= 1e4
        # Nothing in one part, in the other, in both.
        l[0, :, ::2], l[1, :, ::3] = -np.inf, -np.inf
        y[np.isinf(l)] = np.nan
        merges.append(("merge", {"ya": y[0], "la": l[0], "yb": y[1], "lb": l[1]}))
    found = machine(cases + merges)
    for (kind, given), outputs in zip(cases + merges, found):
        with np.errstate(all="ignore"):
            y, lse = merged(given) if kind == "merge" else expected_for(kind, given)
        compare(f"{kind} {[x.shape for x in given.values()]}: y", outputs["y"], y, allowed_for(kind, lse))
        compare(f"{kind} {[x.shape for x in given.values()]}: lse", outputs["lse"], lse)
    return len(cases) + len(merges) + check_parts(machine, cases, found)


def check_parts(machine, cases, whole):
    """Two parts of the keys, merged, are all of them."""
    kept = [(kind, given, x, given["k"].shape[1] // 2) for (kind, given), x in zip(cases, whole)
            if kind in ("bias", "large")]

    def part(given, keys):
        return {n: x[:, keys] if n in ("k", "v") else x[..., keys] if n == "bias0" else x for n, x in given.items()}
    first = machine([(kind, part(given, slice(0, at))) for kind, given, _, at in kept])
    second = machine([(kind, part(given, slice(at, None))) for kind, given, _, at in kept])
    both = machine([("merge", {"ya": a["y"], "la": a["lse"], "yb": b["y"], "lb": b["lse"]})
                    for a, b in zip(first, second)])
    for (kind, given, x, _), y in zip(kept, both):
        for name in x:
            compare(f"{kind} {[v.shape for v in given.values()]} in parts: {name}", y[name], x[name],
                    allowed_for(kind, x["lse"]))
    return len(kept)


def allowed_for(kind, lse):
    """Weights are as exact as scores are, of which the exponential is taken."""
    finite = np.abs(lse[np.isfinite(lse)]).max(initial=0)
    return 1e-5 if kind != "large" else 8 * np.finfo(np.float32).eps * finite


def merged(given):
    """As much is taken from both: the formula's exponentials are not to overflow."""
    most = np.maximum(given["la"], given["lb"])
    most = np.where(np.isinf(most), 0, most).astype(np.float64)
    y, lse = lse_merge(given["ya"], given["la"] - most, given["yb"], given["lb"] - most)
    return y, lse + most
