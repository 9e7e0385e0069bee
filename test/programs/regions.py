"""Random ops whose step or epilogue is a region: recurrences, scans by a combiner,
products with a packed weight."""
import numpy as np

from program import listed


def step_type(p, x, dtype):
    return f"tensor<{p.B}x{x.dims[-1]}x{dtype}>"


def recurrence(p, x):
    """h = tanh(W h + x), or with W elementwise, in one or two sequences."""
    x, channels = p.cast(x, p.wide), x.dims[-1]
    t, dense, back = step_type(p, x, p.wide), p.chance(0.5), p.chance(0.25)
    gates = [p.cast(p.draw(p.like(x)), p.wide)] if p.chance(0.5) else []
    dims = [channels, channels] if dense else [p.B, channels]
    w = p.input(dims, p.wide, lambda s: p.rng.standard_normal(s) / np.sqrt(channels.size))
    xs = [x, *gates]
    arguments = "".join(f"%x{i}: {t}, " for i in range(len(xs))) + f"%h: {t}"
    if dense:
        text = f"%0 = linalg.matmul ins(%h, {w.name} : {t}, {w.type}) outs(%x0 : {t}) -> {t}\n"
    else:
        text = f"%m = arith.mulf %h, {w.name} : {t}\n      %0 = arith.addf %m, %x0 : {t}\n"
    text += f"      %1 = math.tanh %0 : {t}\n"
    if gates:
        text += f"      %2 = arith.mulf %1, %x1 : {t}\n      %3 = math.tanh %2 : {t}\n"
    new = "%3" if gates else "%1"
    y, state = p.empty(x.dims, p.wide), p.state([p.B, channels])
    flags = f" reverse[{', '.join(['true' if back else 'false'] * (len(xs) + 1))}]"
    p.mixers.append("ssm.recurrence")
    r, last = p.fresh(y.dims, p.wide), p.fresh(state.dims, p.wide)
    names = ", ".join(v.name for v in xs)
    p.lines.append(f"""{r.name}, {last.name} = ssm.recurrence axes{[1] * (len(xs) + 1)}{flags if back else ''}
      ins({names} : {', '.join(v.type for v in xs)}) outs({y.name} : {y.type}) states({state.name} : {state.type}) {{
    ^bb0({arguments}):
      {text}      ssm.yield {new}, {new} : {t}, {t}
    }} -> {r.type}, {last.type}""")
    p.keep(last)
    return p.cast(r, p.storage)


def associative_scan(p, x):
    """Running maxima, or h = max(a + h, b), whose functions compose."""
    dtype, t = p.wide, step_type(p, x, p.wide)
    least = p.full("0xFFF0000000000000" if dtype == "f64" else "0xFF800000", [p.B, x.dims[-1]], dtype)
    back, pair = p.chance(0.25), p.chance(0.5)
    if pair:
        xs = [p.draw(p.like(x)), x]
        states = [p.full(0.0, least.dims, dtype), least]
        body = f"""%a = arith.addf %p0, %p1 : {t}
      %m = arith.addf %h0, %p1 : {t}
      %b = arith.maximumf %m, %h1 : {t}
      ssm.yield %a, %b : {t}, {t}"""
        arguments = f"%p0: {t}, %h0: {t}, %p1: {t}, %h1: {t}"
    else:
        xs, states = [x], [least]
        arguments, body = f"%a: {t}, %b: {t}", f"%m = arith.maximumf %a, %b : {t}\n      ssm.yield %m : {t}"
    ys = [p.empty(x.dims, p.storage) for _ in xs]
    results = [p.fresh(v.dims, v.dtype) for v in [*ys, *states]]
    p.mixers.append("ssm.associative_scan")
    p.lines.append(f"""{', '.join(v.name for v in results)} = ssm.associative_scan axes{[1] * len(xs)}{' reverse' if back else ''}
      ins({listed(xs)}) outs({listed(ys)}) states({listed(states)}) {{
    ^bb0({arguments}):
      {body}
    }} -> {', '.join(v.type for v in results)}""")
    p.keep(results[-1])
    return results[len(xs) - 1]


def product(p, x):
    """Rows of all tokens times a matrix: of packed panels that are given, with
    what follows it, or a constant, which the compiler packs."""
    rows, columns, depth = p.rows(), p.pick(range(1, 50)), x.dims[-1].size
    out = p.empty([rows, columns], p.storage)
    x = p.emit(f"tensor.collapse_shape {x.name} [[0, 1], [2]] : {x.type} into TYPE", [rows, depth], x.dtype)
    if p.chance(0.5) and not p.half:
        y = constant(p, x, columns, out)
    else:
        lanes = p.pick([4, 8, 16, 16])
        w = p.input([-(-columns // lanes), depth, lanes], p.pick([p.storage, p.wide]),
                    lambda s: p.rng.standard_normal(s) / np.sqrt(depth))
        y = epilogue(p, x, w, columns, out)
    sizes = ", ".join(f"%{d.symbol}" if d.symbol else str(d.size) for d in (p.B, p.L))
    return p.emit(f"tensor.expand_shape {y.name} [[0, 1], [2]] output_shape [{sizes}, {columns}] : {y.type} into TYPE",
                  [p.B, p.L, columns], y.dtype)


def epilogue(p, x, w, columns, out):
    f, s = p.wide, p.storage
    extras = [p.input([columns], f)] if p.chance(0.6) else []
    if p.chance(0.4):
        full = p.input([p.B, p.L, columns], s)
        extras.append(p.emit(f"tensor.collapse_shape {full.name} [[0, 1], [2]] : {full.type} into TYPE", out.dims, s))
    text, last = "", "%sum"
    for i, extra in enumerate(extras):
        text += f"      %e{i} = arith.extf %a{i} : {extra.dtype} to {f}\n" if extra.dtype != f else ""
        text += f"      %s{i} = arith.addf {last}, {'%e' if extra.dtype != f else '%a'}{i} : {f}\n"
        last = f"%s{i}"
    if p.chance(0.5):
        text += f"      %t = math.tanh {last} : {f}\n"
        last = "%t"
    if s != f:
        text += f"      %c = arith.truncf {last} : {f} to {s}\n"
        last = "%c"
    y = p.fresh(out.dims, s)
    p.mixers.append("ssm.linear")
    given = f" extras({listed(extras)})" if extras else ""
    arguments = "".join(f", %a{i}: {e.dtype}" for i, e in enumerate(extras))
    p.lines.append(f"""{y.name} = ssm.linear ins({listed([x, w])}){given} outs({listed([out])}) {{
    ^bb0(%sum: {f}{arguments}):
{text}      ssm.yield {last} : {s}
    }} -> {y.type}""")
    return y


def constant(p, x, columns, out):
    depth = x.dims[1].size
    w = p.rounded(p.rng.standard_normal((depth, columns)) / np.sqrt(depth), x.dtype)
    text = w.tobytes().hex().upper()
    weight = p.emit(f'arith.constant dense<"0x{text}"> : TYPE', [depth, columns], x.dtype)
    zero = p.number(0.0, x.dtype)
    start = p.emit(f"linalg.fill ins({zero} : {x.dtype}) outs({listed([out])}) -> TYPE", out.dims, out.dtype)
    p.mixers.append("linalg.matmul")
    return p.emit(f"linalg.matmul ins({listed([x, weight])}) outs({listed([start])}) -> TYPE", out.dims, out.dtype)
