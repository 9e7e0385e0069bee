"""One mixer to an entry, on an emulated device (emulate.py), beside numpy.

    kernel_cases.py scan|selective_scan|semiseparable|short_conv|delta_rule|
                    matrix_state [sm_80]

Static shapes: of full blocks and ragged ones, of lengths that are whole tiles and
not, aligned and not, and so short of rows that time is cut.
"""
import os
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emulate  # noqa: E402

rng = np.random.default_rng(5)
TYPES = {"f32": (np.float32, 1e-5), "f16": (np.float16, 2e-3), "bf16": (np.uint16, 1.6e-2)}


def to_bits(array, kind):
    if kind == "bf16":
        bits = array.astype(np.float32).view(np.uint32)
        return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return array.astype(TYPES[kind][0])


def values(bits, kind):
    if kind == "bf16":
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return bits.astype(np.float64)


class Case:
    """Operands by name, some of them results too: `state`, and the destinations."""

    def __init__(self, kind="f32"):
        self.kind, self.inputs, self.outputs = kind, {}, {}

    def input(self, name, array, kind=None):
        kind = kind or self.kind
        self.inputs[name] = (to_bits(array, kind), kind)
        return values(self.inputs[name][0], kind)

    def flags(self, name, array):
        self.inputs[name] = (array, "i1")
        return array

    def type(self, name):
        array, kind = self.inputs[name]
        return f"tensor<{''.join(f'{n}x' for n in array.shape)}{kind}>"

    def ref(self, *names):
        return ", ".join("%" + n for n in names) + " : " + ", ".join(self.type(n) for n in names)

    def result(self, name, wanted, kind=None):
        kind = kind or self.kind
        self.outputs[name] = (wanted, kind, f"tensor<{''.join(f'{n}x' for n in wanted.shape)}{kind}>")

    def run(self, op, where, before="", tolerance=None, kernel=""):
        """`op` has results %out#0, ... of the outputs, and %y is the empty
        destination of the first one, of type {y}; so have ops `before` it. It is
        run with all others (check_all), and ends in a kernel whose name begins so."""
        y = next(iter(self.outputs.values()))[2]
        types = ", ".join(t for _, _, t in self.outputs.values())
        args = ", ".join(f"%{n}: {self.type(n)}" for n in self.inputs)
        self.where, self.tolerance, self.kernel, self.name = where, tolerance, kernel, f"case{len(waiting)}"
        self.text = f"""func.func @{self.name}({args}) -> ({types}) {{
  %y = tensor.empty() : {y}
  {before.replace('{y}', y)}
  %out:{len(self.outputs)} = {op.replace('{y}', y)} -> {types}
  return {', '.join(f'%out#{i}' for i in range(len(self.outputs)))} : {types}
}}"""
        waiting.append(self)

    def check(self, entry):
        given = [array.view(value.dtype) for value, (array, _) in zip(entry.inputs, self.inputs.values())]
        found = emulate.call(entry, given)
        assert emulate.kernel().startswith(self.kernel), f"{self.where}: {emulate.kernel()}"
        for array, (name, (wanted, kind, _)) in zip(found, self.outputs.items()):
            got = values(array.view(TYPES[kind][0]), kind)
            same = got == wanted  # infinities, too
            scale = np.abs(wanted, where=np.isfinite(wanted), out=np.zeros(wanted.shape)).max(initial=0) or 1
            same |= np.isnan(wanted)  # anything
            error = np.abs(np.subtract(got, wanted, where=~same, out=np.zeros(got.shape))).max(initial=0) / scale
            print(f"{self.where} {name}: {error:.2e}")
            if not error <= (self.tolerance or TYPES[kind][1]):
                sys.exit(f"{self.where}: {name} deviates by {error:.3g}")


waiting = []


def check_all(chip):
    """All cases as one module: they are compiled together."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "cases.mlir"
        path.write_text("\n".join(["module {", *(case.text for case in waiting), "}", ""]))
        module = emulate.compiled(path, folder, chip)
        for case in waiting:
            case.check(module.entries[case.name])
    print("ok")


def scan(kind, batch, length, channels, reverse=False, axis=1):
    case = Case(kind)
    shape = [batch, length, channels] if axis == 1 else [batch, channels, length]
    a = case.input("a", rng.random(shape))
    b = case.input("b", rng.standard_normal(shape))
    s = case.input("s", rng.standard_normal((batch, channels)), "f32")
    h, out = s.copy(), np.zeros(shape)
    for t in range(length)[::-1 if reverse else 1]:
        at = (slice(None), t) if axis == 1 else (slice(None), slice(None), t)
        h = out[at] = a[at] * h + b[at]
    case.result("h", out)
    case.result("last", h, "f32")
    case.run(f"ssm.scan dimension({axis}) {'reverse' if reverse else ''} ins({case.ref('a', 'b')}) "
             f"outs(%y, %s : {{y}}, {case.type('s')})", f"scan {kind} {batch} {length} {channels} {reverse} {axis}")


def scans():
    scan("f32", 3, 37, 40)
    scan("bf16", 1, 131, 200)
    scan("bf16", 2, 300, 72, reverse=True)
    scan("f16", 2, 9, 37)  # not aligned
    scan("f32", 2, 65, 8, axis=2)
    scan("f32", 1, 4225, 4)  # in 66 segments of 65 steps the last one were empty


def selective_scan(kind, batch, length, channels, states, skip=True, gate=True, reverse=False, resets=False):
    case = Case(kind)
    shape = (batch, length, channels)
    u = case.input("u", rng.standard_normal(shape))
    dt = case.input("dt", 0.001 + 0.3 * rng.random(shape))
    A = case.input("A", -np.exp(rng.standard_normal((channels, states))), "f32")
    B = case.input("B", rng.standard_normal((batch, length, states)))
    C = case.input("C", rng.standard_normal((batch, length, states)))
    parts = ""
    D, z, r = 0.0, None, None
    if skip:
        D = case.input("D", rng.standard_normal(channels), "f32")
        parts += f" skip({case.ref('D')})"
    if gate:
        z = case.input("z", rng.standard_normal(shape))
        parts += f" gate({case.ref('z')})"
    if resets:
        r = case.flags("r", rng.random((batch, length)) < 0.2)
        parts += f" resets({case.ref('r')})"
    h = case.input("s", rng.standard_normal((batch, channels, states)), "f32")
    y = np.zeros(shape)
    for t in range(length)[::-1 if reverse else 1]:
        if resets:
            h = np.where(r[:, t, None, None], 0, h)
        h = np.exp(dt[:, t, :, None] * A) * h + (dt[:, t] * u[:, t])[..., None] * B[:, t, None]
        y[:, t] = np.einsum("bn,bdn->bd", C[:, t], h) + D * u[:, t]
    if gate:
        y *= z / (1 + np.exp(-z))
    case.result("y", y)
    case.result("last", h, "f32")
    case.run(f"ssm.selective_scan {'reverse' if reverse else ''} ins({case.ref('u', 'dt', 'A', 'B', 'C')}){parts} "
             f"outs(%y, %s : {{y}}, {case.type('s')})",
             f"selective_scan {kind} {shape} {states} {skip} {gate} {reverse} {resets}")


def selective_scans():
    selective_scan("f32", 1, 37, 136, 16)
    selective_scan("bf16", 1, 131, 40, 16, skip=False)
    selective_scan("bf16", 2, 64, 24, 4, gate=False, reverse=True)
    selective_scan("f32", 2, 9, 37, 5)
    selective_scan("f16", 1, 21, 40, 8, resets=True)


def short_conv(kind, batch, length, channels, width=4, dilation=1, bias=True, silu=True, reverse=False, resets=False):
    case, kept = Case(kind), (width - 1) * dilation
    x = case.input("x", rng.standard_normal((batch, length, channels)))
    w = case.input("w", rng.standard_normal((channels, width)), "f32")
    parts, add = "", 0.0
    if bias:
        add = case.input("bias", rng.standard_normal(channels), "f32")
        parts += f" bias({case.ref('bias')})"
    if resets:
        r = case.flags("r", rng.random((batch, length)) < 0.2)
        parts += f" resets({case.ref('r')})"
    window = case.input("s", rng.standard_normal((batch, kept, channels))).copy()
    y = np.zeros((batch, length, channels))
    for t in range(length)[::-1 if reverse else 1]:
        if resets:
            window[r[:, t]] = 0
        taps = np.concatenate([window, x[:, t:t + 1]], axis=1)
        y[:, t] = sum(w[:, width - 1 - j] * taps[:, kept - j * dilation] for j in range(width)) + add
        window = taps[:, 1:]
    if silu:
        y = y / (1 + np.exp(-y))
    case.result("y", y)
    case.result("last", window)
    case.run(f"ssm.short_conv {'activation(silu)' if silu else ''} dilation({dilation}) {'reverse' if reverse else ''} "
             f"ins({case.ref('x', 'w')}){parts} outs(%y, %s : {{y}}, {case.type('s')})",
             f"short_conv {kind} {x.shape} {width} {dilation} {bias} {silu} {reverse} {resets}")


def short_convs():
    short_conv("f32", 2, 37, 40)
    short_conv("bf16", 1, 131, 136, silu=False, reverse=True)
    short_conv("bf16", 2, 2, 72, width=3, dilation=2, bias=False)
    short_conv("bf16", 1, 300, 72, width=9)
    short_conv("f16", 2, 9, 37)
    short_conv("f32", 2, 20, 8, resets=True)


def poison(array, poisoned):
    """Numbers that are none in all tokens from one on, up to where a sequence begins."""
    if poisoned:
        array[:, slice(*poisoned)] = np.nan
    return array


def free_chunk(y, poisoned, tokens):
    """Tokens of the chunk in which poisoned ones are, too, may be anything."""
    for at in poisoned or ():
        y[:, at // tokens * tokens:at // tokens * tokens + tokens] = np.nan
    return y


def semiseparable(kind, batch, length, heads, keys, columns, key_heads=None, query_heads=None, decay="token",
                  reverse=False, resets=False, decay_kind="f32", strength=1.0, tolerance=None, kernel="",
                  poisoned=None, chunk=16, scale=None, skip=None):
    """`scale` and `skip` are the types of these operands."""
    case, key_heads, query_heads = Case(kind), key_heads or heads, query_heads or heads
    outputs = max(heads, query_heads)
    q = case.input("q", 0.5 * rng.standard_normal((batch, length, query_heads, keys)))
    k = case.input("k", poison(0.5 * rng.standard_normal((batch, length, key_heads, keys)), poisoned))
    v = case.input("v", poison(rng.standard_normal((batch, length, heads, columns)), poisoned))
    shape = {"token": (batch, length, heads), "key": (batch, length, heads, keys), "head": (heads,),
             "head_key": (heads, keys)}.get(decay)
    parts, g, r = "", np.zeros(1), np.zeros((batch, length), bool)
    if decay:
        g = case.input("g", -strength * rng.random(shape), decay_kind)
        parts += f" decay({case.ref('g')})"
    c, d = np.ones((batch, length, heads)), np.zeros(heads)
    if scale:
        c = case.input("c", rng.standard_normal(c.shape), scale)
        parts += f" scale({case.ref('c')})"
    if skip:
        d = case.input("d", rng.standard_normal(heads), skip)
        parts += f" skip({case.ref('d')})"
    if resets:
        r = rng.random((batch, length)) < 0.1 if not poisoned else np.arange(length)[None] == poisoned[1]
        r = case.flags("r", r.repeat(batch // len(r), 0))
        parts += f" resets({case.ref('r')})"
    S = case.input("s", rng.standard_normal((batch, heads, keys, columns)), "f32")
    q, k = q.repeat(outputs // query_heads, 2), k.repeat(heads // key_heads, 2)
    y = np.zeros((batch, length, outputs, columns))
    for t in range(length)[::-1 if reverse else 1]:
        S = np.where(r[:, t, None, None, None], 0, S)
        now = g[:, t] if decay in ("token", "key") else g
        S = np.exp(now[..., None] if decay in ("key", "head_key") else now[..., None, None]) * S
        S = S + k[:, t, ..., None] * (c[:, t, :, None] * v[:, t])[:, :, None]
        y[:, t] = np.einsum("bhn,bhnp->bhp", q[:, t], S.repeat(outputs // heads, 1))
        if skip:
            y[:, t] += (d[:, None] * v[:, t]).repeat(outputs // heads, 1)
    case.result("y", free_chunk(y, poisoned, chunk))
    case.result("last", S, "f32")
    case.run(f"ssm.semiseparable {'reverse' if reverse else ''} ins({case.ref('q', 'k', 'v')}){parts} "
             f"outs(%y, %s : {{y}}, {case.type('s')})",
             f"semiseparable {kind} {batch} {length} {heads}x{keys}x{columns} {key_heads} {query_heads} {decay} "
             f"{reverse} {resets} {scale} {skip}", tolerance=tolerance or {"f32": 2e-5}.get(kind), kernel=kernel)


def semiseparables():
    semiseparable("f32", 2, 1, 4, 128, 64, key_heads=1, query_heads=1)
    semiseparable("f32", 1, 37, 2, 16, 20, decay="key")
    semiseparable("bf16", 1, 131, 1, 48, 16, decay="key", decay_kind="bf16")  # two segments
    semiseparable("f16", 2, 9, 2, 5, 3, decay="head", reverse=True)
    semiseparable("f32", 1, 200, 1, 33, 65, decay=None, resets=True)
    semiseparable("f32", 1, 130, 1, 24, 7, decay="head_key", reverse=True, resets=True)
    semiseparable("f32", 1, 260, 1, 8, 1, decay="key", resets=True)
    semiseparable("f32", 2, 12, 2, 12, 8, query_heads=6)
    semiseparable("f32", 1, 3, 1, 300, 4, decay="key")
    semiseparable("f32", 2, 1, 4, 128, 64, key_heads=1, query_heads=1, scale="f32", skip="f32")
    semiseparable("bf16", 1, 140, 1, 16, 20, query_heads=2, scale="bf16", skip="f32", reverse=True)


def delta_rule(kind, batch, length, heads, keys, columns, key_heads=None, query_heads=None, decay="token", erase=False,
               reverse=False, resets=False, strength=1.0, tolerance=None, poisoned=None):
    case, key_heads, query_heads = Case(kind), key_heads or heads, query_heads or heads
    outputs = max(heads, query_heads)
    make = lambda *shape: poison(rng.standard_normal((batch, length, *shape)), poisoned)
    of_keys = lambda name, n: case.input(name, make(n, keys) / keys ** 0.5)
    q, k = of_keys("q", query_heads), of_keys("k", key_heads)
    v = case.input("v", make(heads, columns))
    parts, g, r = "", np.zeros(1), np.zeros((batch, length), bool)
    if erase:
        a, e = of_keys("a", key_heads), of_keys("e", key_heads)
        parts += f" erase({case.ref('a', 'e')})"
        a, e = a.repeat(heads // key_heads, 2), e.repeat(heads // key_heads, 2)
    else:
        beta = case.input("beta", rng.random((batch, length, heads)), "f32")
        parts += f" beta({case.ref('beta')})"
    shape = {"token": (batch, length, heads), "key": (batch, length, heads, keys), "head": (heads,),
             "head_key": (heads, keys)}.get(decay)
    if decay:
        g = case.input("g", -strength * rng.random(shape), "f32")
        parts += f" decay({case.ref('g')})"
    if resets:
        r = rng.random((batch, length)) < 0.1 if not poisoned else np.arange(length)[None] == poisoned[1]
        r = case.flags("r", r.repeat(batch // len(r), 0))
        parts += f" resets({case.ref('r')})"
    S = case.input("s", rng.standard_normal((batch, heads, keys, columns)), "f32")
    q, k = q.repeat(outputs // query_heads, 2), k.repeat(heads // key_heads, 2)
    y = np.zeros((batch, length, outputs, columns))
    for t in range(length)[::-1 if reverse else 1]:
        S = np.where(r[:, t, None, None, None], 0, S)
        now = g[:, t] if decay in ("token", "key") else g
        D = np.exp(now[..., None] if decay in ("key", "head_key") else now[..., None, None]) * S
        if erase:
            D, error = D + e[:, t, ..., None] * np.einsum("bhn,bhnp->bhp", a[:, t], S)[:, :, None], v[:, t]
        else:
            error = beta[:, t, :, None] * (v[:, t] - np.einsum("bhn,bhnp->bhp", k[:, t], D))
        S = D + k[:, t, ..., None] * error[:, :, None]
        y[:, t] = np.einsum("bhn,bhnp->bhp", q[:, t], S.repeat(outputs // heads, 1))
    case.result("y", free_chunk(y, poisoned, 16))
    case.result("last", S, "f32")
    case.run(f"ssm.delta_rule {'reverse' if reverse else ''} ins({case.ref('q', 'k', 'v')}){parts} "
             f"outs(%y, %s : {{y}}, {case.type('s')})",
             f"delta_rule {kind} {batch} {length} {heads}x{keys}x{columns} {key_heads} {query_heads} {decay} {erase} "
             f"{reverse} {resets}", tolerance=tolerance or {"f32": 2e-5}.get(kind))


def delta_rules():
    delta_rule("f32", 2, 1, 4, 128, 64, key_heads=2)
    delta_rule("bf16", 1, 21, 2, 48, 128)
    delta_rule("f32", 1, 37, 2, 16, 20, decay="key", resets=True)
    delta_rule("f16", 2, 9, 2, 5, 3, decay="head", reverse=True)
    delta_rule("f32", 1, 12, 2, 33, 65, decay=None, query_heads=6, resets=True)
    delta_rule("f32", 2, 11, 2, 64, 64, decay="key", erase=True)
    delta_rule("bf16", 1, 8, 2, 12, 8, key_heads=1, decay="head_key", erase=True, reverse=True, resets=True)
    delta_rule("f32", 1, 3, 1, 300, 1)


def matrix_states():
    """On tensor cores, by chunks: states, queries and keys are rounded."""
    delta_rule("bf16", 2, 16, 2, 64, 16, tolerance=8e-3)
    delta_rule("f16", 1, 53, 4, 128, 48, key_heads=2, query_heads=1, resets=True, tolerance=1e-3)
    delta_rule("bf16", 1, 39, 2, 64, 144, decay=None, reverse=True, tolerance=8e-3)
    delta_rule("f16", 1, 90, 1, 64, 64, decay="head", tolerance=1e-3)
    delta_rule("bf16", 1, 37, 2, 128, 64, key_heads=1, decay="key", tolerance=1e-2)
    delta_rule("bf16", 1, 32, 1, 64, 160, decay="key", strength=60.0, reverse=True, tolerance=1e-2)
    delta_rule("f16", 1, 45, 1, 64, 16, decay="head_key", tolerance=1.5e-3)
    semiseparable("bf16", 1, 37, 2, 128, 64, key_heads=1, decay="key", tolerance=1.2e-2)
    semiseparable("f16", 2, 32, 1, 64, 128, decay="key", reverse=True, tolerance=3e-3)
    semiseparable("bf16", 1, 20, 2, 64, 256, query_heads=1, decay="key", decay_kind="bf16", strength=60.0,
                  tolerance=1.2e-2)
    semiseparable("bf16", 1, 75, 2, 64, 64, key_heads=1, resets=True, tolerance=1.2e-2)
    delta_rule("bf16", 1, 18, 1, 128, 128, decay="key", tolerance=1e-2)  # has the most shared memory
    # What is no number ends with its sequence.
    for first, new in ((5, 40), (20, 48), (33, 35)):
        semiseparable("bf16", 1, 70, 1, 64, 32, resets=True, poisoned=(first, new), tolerance=1.2e-2)
        delta_rule("bf16", 1, 70, 1, 64, 32, resets=True, poisoned=(first, new), tolerance=8e-3)


if __name__ == "__main__":
    cases = {"scan": scans, "selective_scan": selective_scans, "semiseparable": semiseparables, "short_conv": short_convs,
             "delta_rule": delta_rules, "matrix_state": matrix_states}
    cases[sys.argv[1]]()
    check_all(*sys.argv[2:] or ["sm_80"])
