"""The mixers that bench.py times, as modules of one op: a name gives the text."""


def signature(inputs, outputs):
    def listed(values):
        return ", ".join(f"{{name = \"{n}\", dtype = {DTYPES[k]} : i64, dims = affine_map<()[s0, s1] -> "
                         f"({', '.join(map(str, dims))})>}}" for n, k, dims in values)
    return f'{{symbols = ["B", "L"], inputs = [{listed(inputs)}], outputs = [{listed(outputs)}]}}'


DTYPES = {"f32": 1, "f16": 10, "bf16": 16}


def tensor(kind, dims):
    return f"tensor<{''.join('?x' if isinstance(d, str) else f'{d}x' for d in dims)}{kind}>"


def module(inputs, outputs, op):
    """`op` uses the inputs by name, `%empty` and the types {name}."""
    types = {n: tensor(k, d) for n, k, d in inputs + outputs}
    args = ", ".join(f"%{n}: {types[n]}" for n, _, _ in inputs)
    results = ", ".join(types[n] for n, _, _ in outputs)
    first = outputs[0][0]
    extents = ", ".join({"s0": "%B", "s1": "%L"}[d] for d in outputs[0][2] if isinstance(d, str))
    for name, text in types.items():
        op = op.replace("{" + name + "}", text)
    text = f"""module {{
  func.func @forward({args}) -> ({results})
      attributes {{ssm.signature = {signature(inputs, outputs)}}} {{
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %empty = tensor.empty({extents}) : {types[first]}
    %r:{len(outputs)} = {op} -> {results}
    return {', '.join(f'%r#{i}' for i in range(len(outputs)))} : {results}
  }}
}}
"""
    if not any("s1" in dims for _, _, dims in inputs):  # no length
        text = text.replace("[s0, s1]", "[s0]").replace('["B", "L"]', '["B"]').replace('    %L = onnx.symbol "L"\n', "")
    return text


def rg_lru(kind="bf16", channels=4096):
    x, s = ("s0", "s1", channels), ("s0", channels)
    return module([("a", kind, x), ("b", kind, x), ("s", "f32", s)], [("h", kind, x), ("last", "f32", s)],
                  "ssm.scan dimension(1) ins(%a, %b : {a}, {b}) outs(%empty, %s : {h}, {s})")


def mamba1(kind="bf16", channels=4096, states=16):
    x, n, s = ("s0", "s1", channels), ("s0", "s1", states), ("s0", channels, states)
    return module([("u", kind, x), ("dt", kind, x), ("A", "f32", (channels, states)), ("Bm", kind, n),
                   ("C", kind, n), ("D", "f32", (channels,)), ("z", kind, x), ("s", "f32", s)],
                  [("y", kind, x), ("last", "f32", s)],
                  "ssm.selective_scan ins(%u, %dt, %A, %Bm, %C : {u}, {dt}, {A}, {Bm}, {C}) skip(%D : {D}) "
                  "gate(%z : {z}) outs(%empty, %s : {y}, {s})")


def short_conv(kind="bf16", channels=4352, width=4):
    x, s = ("s0", "s1", channels), ("s0", width - 1, channels)
    return module([("x", kind, x), ("w", "f32", (channels, width)), ("bias", "f32", (channels,)), ("s", kind, s)],
                  [("y", kind, x), ("last", kind, s)],
                  "ssm.short_conv activation(silu) ins(%x, %w : {x}, {w}) bias(%bias : {bias}) "
                  "outs(%empty, %s : {y}, {s})")


def matrix_state(kind="f32", heads=64, key_heads=1, keys=128, columns=64, decay="token", steps="s1"):
    """Mamba-2's mixer, or with decays of each key that of gated linear attention."""
    k, v, s = (("s0", steps, *rest) for rest in ((key_heads, keys), (heads, columns), (heads, keys, columns)))
    s = (s[0], *s[2:])
    g = ("s0", steps, heads) + ((keys,) if decay == "key" else ())
    return module([("q", kind, k), ("k", kind, k), ("v", kind, v), ("g", "f32", g), ("s", "f32", s)],
                  [("y", kind, v), ("last", "f32", s)],
                  "ssm.semiseparable ins(%q, %k, %v : {q}, {k}, {v}) decay(%g : {g}) outs(%empty, %s : {y}, {s})")


MIXERS = {"rg_lru": rg_lru, "mamba1": mamba1, "short_conv": short_conv,
          "ssd_f32": matrix_state, "ssd_step": lambda: matrix_state(steps=1),
          "gla": lambda: matrix_state("bf16", heads=16, key_heads=16, columns=128, decay="key"),
          "gla_f32": lambda: matrix_state(heads=16, key_heads=16, columns=128, decay="key")}
