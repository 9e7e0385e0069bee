"""The mixers that ssm-bench knows: an op's text at given extents and its inputs.

A mixer's function takes its operands but for destinations, which are empty, and
the state, which is zero, and returns its output."""
import numpy as np


class Mixer:
    """`dims` are the extents with their defaults. `operands` gives, for extents,
    pairs of a name and a shape; `text` the op, in which {name} is an operand and
    {name:t} its type; `output` and `state` are shapes, the latter may be None.
    `mixed` is the operand in which the op is linear."""

    def __init__(self, op, dims, operands, text, output, state, mixed, inputs):
        self.op, self.dims, self.operands, self.text = op, dims, operands, text
        self.output, self.state, self.mixed, self.inputs = output, state, mixed, inputs

    def function(self, dims, dtype):
        """The MLIR text."""
        operands = self.operands(dims)
        types = {name: tensor(shape, dtype) for name, shape in operands}
        outs = [self.output(dims)] + ([self.state(dims)] if self.state else [])
        results = ", ".join(tensor(shape, dtype) for shape in outs)
        arguments = ", ".join(f"%{name}: {types[name]}" for name, _ in operands)
        ins = self.text(lambda *names: ", ".join(f"%{n}" for n in names) + " : "
                        + ", ".join(types[n] for n in names))
        lines = [f"func.func @forward({arguments}) -> {tensor(outs[0], dtype)} {{",
                 f"  %y0 = tensor.empty() : {tensor(outs[0], dtype)}"]
        if self.state:
            state = tensor(outs[1], dtype)
            lines += [f"  %zero = arith.constant 0.0 : {dtype}", f"  %e = tensor.empty() : {state}",
                      f"  %s0 = linalg.fill ins(%zero : {dtype}) outs(%e : {state}) -> {state}"]
        destinations = "%y0" + ", %s0" * (self.state is not None)
        lines += [f"  %r:{len(outs)} = {self.op} {ins} outs({destinations} : {results}) -> {results}",
                  f"  return %r#0 : {tensor(outs[0], dtype)}", "}"]
        return "\n".join(lines) + "\n"

    def fault(self, dims):
        """What is wrong with numbers of heads; empty if nothing is."""
        queries, keys, values = (dims.get(x, 1) for x in "JGH")
        if "H" not in dims:
            return f"G={keys} key heads do not divide J={queries} query heads" if queries % keys else ""
        if values % queries and queries % values:
            return f"of J={queries} query heads and H={values} value heads neither divides the other"
        return f"G={keys} key heads do not divide H={values} value heads" if values % keys else ""

    def make_inputs(self, dims, rng):
        """In double precision, in the order of the operands."""
        return [self.inputs[name](rng, shape) for name, shape in self.operands(dims)]


def tensor(shape, dtype):
    return "tensor<" + "".join(f"{n}x" for n in shape) + dtype + ">"


def normal(rng, shape):
    return rng.standard_normal(shape)


def key(rng, shape):
    """Of length one, as normalised keys and queries are."""
    x = rng.standard_normal(shape)
    return x / np.sqrt((x ** 2).sum(-1, keepdims=True))


def log_decay(rng, shape):
    return -rng.uniform(0.001, 0.5, shape)


def fraction(rng, shape):
    return rng.uniform(0, 1, shape)


INPUTS = {"a": fraction, "b": normal, "u": normal, "v": normal, "delta": fraction,
          "A": lambda rng, shape: -rng.uniform(0.1, 8, shape), "B": normal, "C": normal,
          "q": key, "k": key, "qf": key, "kf": key, "qb": key, "kb": key, "g": log_decay, "gf": log_decay,
          "gb": log_decay, "beta": fraction, "d": normal, "s": normal,
          "one": lambda rng, shape: np.ones(shape)}


def heads(d, queries, keys, *more):
    b, length, h, n, p = (d[x] for x in "BLHNP")
    shapes = [(x, (b, length, d["J"], n)) for x in queries] + [(x, (b, length, d["G"], n)) for x in keys]
    return shapes + [("v", (b, length, h, p))] + [(x, (b, length, h)) for x in more]


def of_output(d):
    return d["B"], d["L"], max(d["J"], d["H"]), d["P"]


def of_state(d):
    return d["B"], d["H"], d["N"], d["P"]


def pick(names):
    return lambda d: tuple(d[name] for name in names)


AAREN = """
^bb0(%m0: {m}, %u0: {m}, %w0: {w}, %m1: {m}, %u1: {m}, %w1: {w}):
  %max = arith.maximumf %m0, %m1 : {m}
  %d0 = arith.subf %m0, %max : {m}
  %f0 = math.exp %d0 : {m}
  %d1 = arith.subf %m1, %max : {m}
  %f1 = math.exp %d1 : {m}
  %g0 = arith.mulf %f0, %u0 : {m}
  %g1 = arith.mulf %f1, %u1 : {m}
  %sum = arith.addf %g0, %g1 : {m}
  %mix = linalg.generic {{indexing_maps = [#each, #head, #each, #head, #each],
      iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%w0, %f0, %w1, %f1 : {w}, {m}, {w}, {m}) outs(%w0 : {w}) {{
  ^bb1(%a: {t}, %b: {t}, %c: {t}, %d: {t}, %o: {t}):
    %x = arith.mulf %a, %b : {t}
    %y = arith.mulf %c, %d : {t}
    %z = arith.addf %x, %y : {t}
    linalg.yield %z : {t}
  }} -> {w}
  ssm.yield %max, %sum, %mix : {m}, {m}, {w}
}}"""


class AssociativeScan(Mixer):
    """Attention over what came before as a scan: the maximum of the scores, the
    sum of their exponentials and that of the values with these as weights, which
    is the output. A maximum of -1e30 is nobody's, with exponentials of 0."""

    def function(self, dims, dtype):
        b, length, h, p = (dims[x] for x in "BLHP")
        score, value = tensor((b, length, h), dtype), tensor((b, length, h, p), dtype)
        m, w = tensor((b, h), dtype), tensor((b, h, p), dtype)
        kinds = f"{score}, {score}, {value}"
        lines = ["#each = affine_map<(b, h, p) -> (b, h, p)>", "#head = affine_map<(b, h, p) -> (b, h)>",
                 f"func.func @forward(%s: {score}, %one: {score}, %v: {value}) -> {value} {{",
                 f"  %y0 = tensor.empty() : {score}", f"  %y1 = tensor.empty() : {score}",
                 f"  %y2 = tensor.empty() : {value}",
                 f"  %m = arith.constant dense<-1.0e30> : {m}", f"  %u = arith.constant dense<0.0> : {m}",
                 f"  %w = arith.constant dense<0.0> : {w}",
                 f"  %r:6 = {self.op} axes[1, 1, 1] ins(%s, %one, %v : {kinds}) outs(%y0, %y1, %y2 : {kinds})",
                 f"      states(%m, %u, %w : {m}, {m}, {w}) {{{AAREN.format(m=m, w=w, t=dtype)}",
                 f"    -> {kinds}, {m}, {m}, {w}", f"  return %r#2 : {value}", "}"]
        return "\n".join(lines) + "\n"


MIXERS = {
    "scan": Mixer(
        "ssm.scan dimension(1)", {"B": 1, "L": 4096, "D": 1536},
        lambda d: [(x, (d["B"], d["L"], d["D"])) for x in ("a", "b")],
        lambda of: f"ins({of('a', 'b')})", pick("BLD"), pick("BD"), "b", INPUTS),
    "selective_scan": Mixer(
        "ssm.selective_scan", {"B": 1, "L": 512, "D": 1536, "N": 16},
        lambda d: [("u", (d["B"], d["L"], d["D"])), ("delta", (d["B"], d["L"], d["D"])),
                   ("A", (d["D"], d["N"])), ("B", (d["B"], d["L"], d["N"])),
                   ("C", (d["B"], d["L"], d["N"]))],
        lambda of: f"ins({of('u', 'delta', 'A', 'B', 'C')})", pick("BLD"), pick("BDN"), "u", INPUTS),
    "semiseparable": Mixer(
        "ssm.semiseparable", {"B": 1, "L": 512, "H": 24, "N": 128, "P": 64, "J": 1, "G": 1},
        lambda d: heads(d, ["q"], ["k"], "g"),
        lambda of: f"ins({of('q', 'k', 'v')}) decay({of('g')})", of_output, of_state, "v", INPUTS),
    "delta_rule": Mixer(
        "ssm.delta_rule", {"B": 1, "L": 512, "H": 12, "N": 128, "P": 128, "J": 12, "G": 12},
        lambda d: heads(d, ["q"], ["k"], "beta", "g"),
        lambda of: f"ins({of('q', 'k', 'v')}) beta({of('beta')}) decay({of('g')})",
        of_output, of_state, "v", INPUTS),
    # Its second output is the logarithm of the sums.
    "attention": Mixer(
        "ssm.attention right(0)", {"B": 1, "L": 1024, "J": 12, "G": 12, "N": 64, "P": 64},
        lambda d: [("q", (d["B"], d["L"], d["J"], d["N"])), ("k", (d["B"], d["L"], d["G"], d["N"])),
                   ("v", (d["B"], d["L"], d["G"], d["P"]))],
        lambda of: f"ins({of('q', 'k', 'v')})", pick("BLJP"), pick("BLJ"), "v", INPUTS),
    "quasiseparable": Mixer(
        "ssm.quasiseparable", {"B": 1, "L": 512, "H": 24, "N": 64, "P": 64, "J": 1, "G": 1},
        lambda d: heads(d, ["qf", "qb"], ["kf", "kb"], "d", "gf", "gb"),
        lambda of: (f"ins({of('qf', 'kf', 'qb', 'kb', 'v')}) diagonal({of('d')}) "
                    f"decay({of('gf', 'gb')})"), of_output, None, "v", INPUTS),
    "associative_scan": AssociativeScan(
        "ssm.associative_scan", {"B": 1, "L": 1024, "H": 8, "P": 64},
        lambda d: [("s", (d["B"], d["L"], d["H"])), ("one", (d["B"], d["L"], d["H"])),
                   ("v", (d["B"], d["L"], d["H"], d["P"]))],
        None, pick("BLHP"), None, "v", INPUTS),
}
