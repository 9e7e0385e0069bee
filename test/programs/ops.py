"""Ops with a state as entries of any batch B and length L: forwards, backwards, and
with flags where sequences begin; numbers for their inputs, and their oracles."""
from dataclasses import dataclass
from typing import Callable

import numpy as np

import oracles

CODES = {"f32": 1, "i1": 9}


@dataclass
class Op:
    """`inputs` has the extents of each operand by name; `groups` are pairs of a
    keyword and the names of what it takes; `forget` turns factors of B x L x
    anything, by which the state is to be multiplied, into inputs."""
    name: str
    op: str
    inputs: dict
    groups: list
    y: tuple
    state: tuple
    oracle: Callable
    sample: Callable
    forget: Callable = None
    resets: bool = True
    tolerance: float = 1e-5

    def text(self, kind):
        """The entry NAME_KIND; KIND is forwards, backwards or packed."""
        packed = kind == "packed"
        inputs = {n: (dims, "f32") for n, dims in self.inputs.items()}
        if packed:
            inputs["resets"] = ("BL", "i1")
        if self.state:
            inputs["state"] = (self.state, "f32")
        outputs = {"y": (self.y, "f32")} | ({"last": (self.state, "f32")} if self.state else {})
        groups = self.groups + ([("resets", ["resets"])] if packed else [])

        def tensor(value):
            dims, dtype = value
            return f"tensor<{''.join('?x' if d in ('B', 'L') else f'{d}x' for d in dims)}{dtype}>"

        def described(values):
            return ", ".join(
                f'{{name = "{n}", dtype = {CODES[dtype]} : i64, dims = affine_map<()[s0, s1] -> ('
                + ", ".join({"B": "s0", "L": "s1"}.get(d, str(d)) for d in dims) + ")>}"
                for n, (dims, dtype) in values.items())

        def listed(names):
            return ", ".join(f"%{n}" for n in names) + " : " + ", ".join(tensor(inputs[n]) for n in names)
        results = ", ".join(tensor(v) for v in outputs.values())
        outs = f"%y0{', %state' if self.state else ''} : {results}"
        return f"""  func.func @{self.name}_{kind}({', '.join(f'%{n}: {tensor(v)}' for n, v in inputs.items())}) -> ({results})
      attributes {{ssm.signature = {{symbols = ["B", "L"],
        inputs = [{described(inputs)}], outputs = [{described(outputs)}]}}}} {{
    %batch = onnx.symbol "B"
    %length = onnx.symbol "L"
    %y0 = tensor.empty(%batch, %length) : {tensor(outputs['y'])}
    %r{':2' if self.state else ''} = {self.op}{' reverse' if kind == 'backwards' else ''}
      {' '.join(f'{word}({listed(names)})' for word, names in groups)} outs({outs}) -> {results}
    return {'%r#0, %r#1' if self.state else '%r'} : {results}
  }}
"""

    @property
    def kinds(self):
        return (["forwards", "backwards"] if self.state else ["forwards"]) + ["packed"] * self.resets

    def inputs_of(self, rng, batch, length, factors=None):
        """`factors`, of which each step of each channel takes one."""
        extents = {"B": batch, "L": length}
        given = {n: rng.standard_normal([extents.get(d, d) for d in dims]) for n, dims in self.inputs.items()}
        if self.state:
            given["state"] = rng.standard_normal([extents.get(d, d) for d in self.state])
        given = self.sample(rng, given)
        if factors is not None:
            given = self.forget(given, lambda shape: rng.choice(factors, shape))
        return {n: np.asarray(x, np.float32) for n, x in given.items()}

    def expected(self, kind, given):
        if kind == "backwards":
            found = self.oracle(**{n: self.flip(n, x) for n, x in given.items()})
            return [found[0][:, ::-1], *found[1:]]
        return list(self.oracle(**given))

    def is_timed(self, name):
        return name in ("y", "resets") or tuple(self.inputs.get(name, ())[:2]) == ("B", "L")

    def flip(self, name, x):
        return x[:, ::-1] if self.is_timed(name) else x

    def part(self, given, at):
        """Only the tokens of a slice."""
        return {n: x[:, at] if self.is_timed(n) else x for n, x in given.items()}


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def small(*names):
    """Keys and queries as they mostly are, of the size of 1 / sqrt(n)."""
    def sample(rng, given):
        for n in names:
            given[n] = given[n] / np.sqrt(given[n].shape[-1])
        return slow(rng, given)
    return sample


def slow(rng, given):
    """Decays between nothing and all."""
    for n in ("decay", "gf", "gb"):
        if n in given:
            given[n] = -2 * rng.random(given[n].shape) ** 4
    if "beta" in given:
        given["beta"] = rng.random(given["beta"].shape)
    return given


def erased(rng, given):
    given = slow(rng, given)
    kappa = unit(given["a"])
    return given | {"k": unit(given["k"]), "a": -kappa, "b": kappa * rng.random(kappa.shape)}


def corrected(rng, given):
    return slow(rng, given) | {"k": unit(given["k"])}


def between(rng, given):
    return given | {"a": rng.random(given["a"].shape)}


def steps(rng, given):
    return given | {"delta": np.log1p(np.exp(given["delta"])), "A": -np.exp(given["A"])}


def logs(*names):
    def forget(given, draw):
        with np.errstate(divide="ignore"):
            return given | {n: np.log(draw(given[n].shape)) for n in names}
    return forget


def long_steps(given, draw):
    """exp(-200) is no number in single precision."""
    with np.errstate(divide="ignore"):
        return given | {"delta": np.minimum(-np.log(draw(given["delta"].shape)), 200),
                        "A": -np.ones_like(given["A"])}


def selective(name, channels, n, extras):
    inputs = {"u": ("B", "L", channels), "delta": ("B", "L", channels), "A": (channels, n),
              "B": ("B", "L", n), "C": ("B", "L", n)}
    groups = [("ins", list(inputs))]
    if extras:
        inputs |= {"D": (channels,), "z": ("B", "L", channels)}
        groups += [("skip", ["D"]), ("gate", ["z"])]
    return Op(name, "ssm.selective_scan", inputs, groups, ("B", "L", channels), ("B", channels, n),
              oracles.selective_scan, steps, long_steps)


def matrix(name, op, heads, n, p, rank, oracle, sample, extra=(), tolerance=1e-5):
    queries, keys, values = heads
    inputs = {"q": ("B", "L", queries, n), "k": ("B", "L", keys, n), "v": ("B", "L", values, p)}
    groups = [("ins", ["q", "k", "v"])]
    if extra:
        inputs |= {e: ("B", "L", values) if e == "beta" else ("B", "L", keys, n) for e in extra}
        groups.append(("beta" if len(extra) == 1 else "erase", list(extra)))
    if rank:
        inputs["decay"] = {1: (values,), 3: ("B", "L", values), 4: ("B", "L", values, n)}[rank]
        groups.append(("decay", ["decay"]))
    return Op(name, op, inputs, groups, ("B", "L", max(queries, values), p), ("B", values, n, p), oracle, sample,
              logs("decay") if rank else None, tolerance=tolerance)


def semiseparable(name, heads, n, p, rank):
    return matrix(name, "ssm.semiseparable", heads, n, p, rank, oracles.semiseparable, small("q", "k"))


def delta_rule(name, heads, n, p, rank, erase=False):
    return matrix(name, "ssm.delta_rule", heads, n, p, rank, oracles.delta_rule, erased if erase else corrected,
                  ("a", "b") if erase else ("beta",), 1e-4)


def quasiseparable(name, heads, n, p, rank):
    queries, keys, values = heads
    inputs = {"qf": ("B", "L", queries, n), "kf": ("B", "L", keys, n), "qb": ("B", "L", queries, n),
              "kb": ("B", "L", keys, n), "v": ("B", "L", values, p), "diagonal": ("B", "L", values)}
    inputs |= {g: ("B", "L", values) if rank == 3 else ("B", "L", values, n) for g in ("gf", "gb")}
    names = list(inputs)
    return Op(name, "ssm.quasiseparable", inputs,
              [("ins", names[:5]), ("diagonal", ["diagonal"]), ("decay", ["gf", "gb"])],
              ("B", "L", max(queries, values), p), (), oracles.quasiseparable,
              small("qf", "kf", "qb", "kb"), logs("gf", "gb"))


def scan(name, channels):
    inputs = {"a": ("B", "L", channels), "b": ("B", "L", channels)}
    return Op(name, "ssm.scan dimension(1)", inputs, [("ins", ["a", "b"])], ("B", "L", channels), ("B", channels),
              oracles.scan, between, lambda given, draw: given | {"a": draw(given["a"].shape)}, resets=False)


def short_conv(name, channels, taps, dilation=1, silu=False):
    op = "ssm.short_conv" + " activation(silu)" * silu + f" dilation({dilation})" * (dilation > 1)
    return Op(name, op, {"x": ("B", "L", channels), "w": (channels, taps), "bias": (channels,)},
              [("ins", ["x", "w"]), ("bias", ["bias"])], ("B", "L", channels), ("B", (taps - 1) * dilation, channels),
              lambda **given: oracles.short_conv(**given, dilation=dilation, silu=silu), lambda rng, given: given)


OPS = [scan("scan", 19), selective("selective", 21, 16, True), selective("selective_bare", 16, 5, False),
       short_conv("conv", 21, 4, silu=True), short_conv("conv_dilated", 5, 3, 5),
       semiseparable("semi_token", (1, 1, 3), 16, 20, 3), semiseparable("semi_key", (2, 1, 4), 9, 17, 4),
       semiseparable("semi_constant", (3, 3, 3), 8, 16, 1), semiseparable("semi_queries", (4, 2, 2), 5, 7, 3),
       delta_rule("delta_token", (2, 2, 2), 16, 20, 3), delta_rule("delta_key", (1, 1, 3), 9, 17, 4),
       delta_rule("erase_key", (2, 1, 2), 12, 16, 4, True), delta_rule("erase_constant", (3, 3, 3), 5, 7, 1, True),
       quasiseparable("quasi_token", (1, 1, 3), 8, 20, 3), quasiseparable("quasi_key", (2, 1, 2), 5, 7, 4)]
