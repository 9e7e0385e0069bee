"""The cases of ssm.associative_scan, each with a closed formula of what its
combiner scans to; none goes step by step."""
import numpy as np

from common import LENGTHS, STORAGE, Case, normal, unknown, wide
from execute import Function

# The sum of b and d, which belong to the maxima a and c, as it belongs to the
# larger of these. A difference of two -inf is taken as -inf.
SUM = """      %max = arith.maximumf %a, %c : F
      %none = arith.constant NONE : F
      %empty = arith.cmpf oeq, %max, %none : F
      %zero = arith.constant 0.0 : F
      %x0 = arith.subf %a, %max : F
      %e0 = math.exp %x0 : F
      %f0 = arith.select %empty, %zero, %e0 : F
      %x1 = arith.subf %c, %max : F
      %e1 = math.exp %x1 : F
      %f1 = arith.select %empty, %zero, %e1 : F
      %x0w = arith.mulf %f0, %b : F
      %x1w = arith.mulf %f1, %d : F
      %sum = arith.addf %x0w, %x1w : F
"""
# Attention over what came before: maximum m, sum u of exp(s - m), and sum w of
# exp(s - m) v. The identity has m = -inf.
SOFTMAX = """
  ^bb0(%max0: tensor<?x?xF>, %u0: tensor<?x?xF>, %w0: tensor<?x?x?xF>, %max1: tensor<?x?xF>, %u1: tensor<?x?xF>, %w1: tensor<?x?x?xF>):
    %m, %u = linalg.generic {indexing_maps = [#a, #a, #a, #a, #a, #a], iterator_types = ["parallel", "parallel"]}
        ins(%max0, %u0, %max1, %u1 : tensor<?x?xF>, tensor<?x?xF>, tensor<?x?xF>, tensor<?x?xF>) outs(%max0, %u0 : tensor<?x?xF>, tensor<?x?xF>) {
    ^bb1(%a: F, %b: F, %c: F, %d: F, %o0: F, %o1: F):
SUM      linalg.yield %max, %sum : F, F
    } -> (tensor<?x?xF>, tensor<?x?xF>)
    %w = linalg.generic {indexing_maps = [#b, #b, #c, #c, #c], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%max0, %max1, %w0, %w1 : tensor<?x?xF>, tensor<?x?xF>, tensor<?x?x?xF>, tensor<?x?x?xF>) outs(%w0 : tensor<?x?x?xF>) {
    ^bb1(%a: F, %c: F, %b: F, %d: F, %o: F):
SUM      linalg.yield %sum : F
    } -> tensor<?x?x?xF>
    ssm.yield %m, %u, %w : tensor<?x?xF>, tensor<?x?xF>, tensor<?x?x?xF>
  }""".replace("SUM", SUM)
# Sums that a flag begins anew.
FLAGGED = """
  ^bb0(%x0: tensor<?x?xF>, %f0: tensor<?xi1>, %x1: tensor<?x?xF>, %f1: tensor<?xi1>):
    %f = arith.ori %f0, %f1 : tensor<?xi1>
    %x = linalg.generic {indexing_maps = [#j, #a, #a, #a], iterator_types = ["parallel", "parallel"]}
        ins(%f1, %x0, %x1 : tensor<?xi1>, tensor<?x?xF>, tensor<?x?xF>) outs(%x0 : tensor<?x?xF>) {
    ^bb1(%a: i1, %b: F, %c: F, %o: F):
      %sum = arith.addf %b, %c : F
      %kept = arith.select %a, %c, %sum : F
      linalg.yield %kept : F
    } -> tensor<?x?xF>
    ssm.yield %x, %f : tensor<?x?xF>, tensor<?xi1>
  }"""
# h[t] = max(a[t] + h[t-1], b[t]): affine functions of max and plus.
MAXPLUS = """
  ^bb0(%p0: tensor<?x?xF>, %h0: tensor<?x?xF>, %p1: tensor<?x?xF>, %h1: tensor<?x?xF>):
    %a = arith.addf %p0, %p1 : tensor<?x?xF>
    %moved = arith.addf %h0, %p1 : tensor<?x?xF>
    %b = arith.maximumf %moved, %h1 : tensor<?x?xF>
    ssm.yield %a, %b : tensor<?x?xF>, tensor<?x?xF>
  }"""
# Products of matrices, which do not commute: the later one is on the left.
MATRICES = """
  ^bb0(%x0: tensor<?x2x2xF>, %x1: tensor<?x2x2xF>):
    %zero = arith.constant 0.0 : F
    %none = arith.constant 0 : index
    %n = tensor.dim %x0, %none : tensor<?x2x2xF>
    %e = tensor.empty(%n) : tensor<?x2x2xF>
    %z = linalg.fill ins(%zero : F) outs(%e : tensor<?x2x2xF>) -> tensor<?x2x2xF>
    %x = linalg.batch_matmul ins(%x1, %x0 : tensor<?x2x2xF>, tensor<?x2x2xF>) outs(%z : tensor<?x2x2xF>) -> tensor<?x2x2xF>
    ssm.yield %x : tensor<?x2x2xF>
  }"""
HEAD = "ssm.associative_scan axes[{axes}] {reverse} ins({ins}) outs({ys}) states({states}) {{{{"


def softmax(s, one, v, m, u, w):
    """From -inf the sums are taken over all scores at once."""
    s, v, m, u, w = map(wide, (s, v, m, u, w))
    length = s.shape[1]
    scores = np.concatenate([m[:, None], s], 1)
    ys = [[], [], []]
    for t in range(length + 1):
        top = scores[:, :t + 1].max(axis=1)
        safe = np.where(np.isneginf(top), 0, top)
        weight = np.exp(scores[:, :t + 1] - safe[:, None])
        weights = weight * np.concatenate([u[:, None], np.ones_like(s)], 1)[:, :t + 1]
        values = np.concatenate([w[:, None], v], 1)[:, :t + 1]
        ys[0].append(top)
        ys[1].append(weights.sum(1))
        ys[2].append(np.einsum("bth,bthp->bhp", weight, values))
    first = [np.stack(y[1:], 1) if length else np.zeros((s.shape[0], 0, *y[0].shape[1:])) for y in ys]
    return (*first, *(y[-1] for y in ys))


def flagged(x, flags, x0, f0):
    x, x0 = wide(x), wide(x0)
    length = x.shape[1]
    all_x = np.concatenate([x0[:, None], x], 1)
    fs = np.concatenate([f0[:, None], flags], 1)
    begin = np.array([[max([s for s in range(1, t + 1) if row[s]], default=0)
                       for t in range(length + 1)] for row in fs]).reshape(len(fs), length + 1)
    y = np.stack([[all_x[b, begin[b, t]:t + 1].sum(0) for t in range(length + 1)]
                  for b in range(len(fs))]).reshape(*all_x.shape)
    seen = np.stack([[fs[b, :t + 1].any() for t in range(length + 1)] for b in range(len(fs))])
    return y[:, 1:], seen[:, 1:], y[:, -1], seen[:, -1]


def maxplus(a, b, a0, b0):
    a, b, a0, b0 = map(wide, (a, b, a0, b0))
    total = np.concatenate([a0[:, None], a], 1).cumsum(axis=1)
    values = np.concatenate([b0[:, None], b], 1)
    best = np.stack([(values[:, :t + 1] + total[:, t:t + 1] - total[:, :t + 1]).max(axis=1)
                     for t in range(total.shape[1])], 1)
    return total[:, 1:], best[:, 1:], total[:, -1], best[:, -1]


def matrices(x, x0):
    x, x0 = wide(x), wide(x0)
    every = np.concatenate([x0[None], x])
    products = [multiply(every[:t + 1][::-1]) for t in range(len(every))]
    return np.stack(products[1:]) if len(x) else np.zeros(x.shape), products[-1]


def multiply(factors):
    """In halves, unlike the loop that is tested."""
    if len(factors) == 1:
        return factors[0]
    half = len(factors) // 2
    return multiply(factors[:half]) @ multiply(factors[half:])


def function(name, xs, states, region, axes, reverse, keep=()):
    n = len(xs)
    groups = {}
    for key, first in (("ins", 0), ("ys", n), ("states", 2 * n)):
        at = range(first, first + n)
        groups[key] = (", ".join(f"{{{i}}}" for i in at) + " : "
                       + ", ".join(f"{{t{i}}}" for i in at))
    text = HEAD.format(axes=", ".join(map(str, axes)), reverse="reverse" if reverse else "", **groups)
    maps = {"#a": "(d0, d1) -> (d0, d1)", "#b": "(d0, d1, d2) -> (d0, d1)",
            "#c": "(d0, d1, d2) -> (d0, d1, d2)", "#j": "(d0, d1) -> (d0)"}
    name_of = {"float32": ("f32", "0xFF800000"), "float64": ("f64", "0xFFF0000000000000")}
    kind, none = name_of[np.dtype(states[0].dtype).name]
    for map_name, value in maps.items():
        region = region.replace(map_name, f"affine_map<{value}>")
    region = region.replace("NONE", none).replace("xF>", f"x{kind}>")
    region = region.replace(": F", f": {kind}").replace(", F", f", {kind}")
    text += region.replace("{", "{{").replace("}", "}}")
    kept = {(i, d) for i, d in keep if i < n}
    return Function(name, unknown(xs, kept), unknown([*xs, *states], keep), text, [3])


def cases(rng):
    cases = []

    def add(name, xs, states, region, axes, compute, identity, reverse=False, keep=()):
        def oracle(*values):
            n = len(xs)
            flip = [np.flip(v, a) for v, a in zip(values[:n], axes)] if reverse else values[:n]
            found = compute(*flip, *values[n:])
            return [np.flip(y, a) for y, a in zip(found, axes)] + list(found[n:]) if reverse else found
        f = function(name + "_" + np.dtype(xs[0].dtype).name + "_reverse" * reverse, xs, states, region,
                     axes, reverse, keep)
        cases.append(Case(f, xs, [np.zeros_like(x) for x in xs], states, axes * 2,
                          [reverse] * (2 * len(xs)), oracle,
                          identity=[np.array(np.broadcast_to(e, s.shape), s.dtype, order="C") for e, s in zip(identity, states)]))

    for dtype, wide_dtype in STORAGE:
        for length in LENGTHS:
            b, h, p = rng.integers(1, 5, 3)
            s, v = normal(rng, dtype, b, length, h) * dtype(3), normal(rng, dtype, b, length, h, p)
            ones = np.ones((b, length, h), dtype)
            # What came before is nothing, or something.
            before = rng.random((b, h)) < 0.5
            m = np.where(before, normal(rng, wide_dtype, b, h), -np.inf).astype(wide_dtype)
            u = np.where(before, 1.5, 0).astype(wide_dtype)
            w = (before[..., None] * normal(rng, wide_dtype, b, h, p)).astype(wide_dtype)
            if length:
                add("softmax", [s, ones, v], [m, u, w], SOFTMAX, [1, 1, 1], softmax, [-np.inf, 0, 0], bool(length % 2))
            x0 = normal(rng, wide_dtype, b, h)
            add("flagged", [s, rng.random((b, length)) < 0.3], [x0, rng.random(b) < 0.5], FLAGGED, [1, 1],
                flagged, [0, False], length > 2)
            add("maxplus", [s, ones * dtype(2) * s], [x0, x0], MAXPLUS, [1, 1], maxplus, [0, -np.inf])
            if dtype in (np.float32, np.float64):
                x = normal(rng, dtype, length, b, 2, 2)
                add("matrices", [x], [normal(rng, dtype, b, 2, 2)], MATRICES, [0], matrices,
                    [np.eye(2)],
                    keep={(0, 2), (0, 3), (1, 1), (1, 2)})
    return cases
