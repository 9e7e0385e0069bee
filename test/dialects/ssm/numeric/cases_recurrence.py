"""The cases of ssm.recurrence and its dense formula."""
import numpy as np

from common import LENGTHS, Case, normal, sigmoid, unknown, wide
from execute import Function


RECURRENCE = """ssm.recurrence axes[0, 1, 1] reverse[false, true, true]
    ins({{0}}, {{1}} : {{t0}}, {{t1}}) outs({{3}} : {{t3}}) states({{4}}, {{5}} : {{t4}}, {{t5}}) {{{{
  ^bb0(%x: tensor<?x?x{f}>, %g: tensor<?x?x{f}>, %h: tensor<?x?x{f}>, %c: tensor<?x?x{f}>):
    %0 = linalg.matmul ins(%h, {{2}} : tensor<?x?x{f}>, tensor<?x?x{f}>) outs(%x : tensor<?x?x{f}>) -> tensor<?x?x{f}>
    %1:2 = linalg.generic {{{{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
        affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}}}}
        ins(%0, %g : tensor<?x?x{f}>, tensor<?x?x{f}>) outs(%h, %c : tensor<?x?x{f}>, tensor<?x?x{f}>) {{{{
    ^bb1(%a: {f}, %b: {f}, %o: {f}, %s: {f}):
      %one = arith.constant 1.0 : {f}
      %2 = arith.negf %b : {f}
      %3 = math.exp %2 : {f}
      %4 = arith.addf %one, %3 : {f}
      %5 = arith.divf %one, %4 : {f}
      %6 = arith.subf %one, %5 : {f}
      %7 = math.tanh %a : {f}
      %8 = arith.mulf %5, %s : {f}
      %9 = arith.mulf %6, %7 : {f}
      %10 = arith.addf %8, %9 : {f}
      %11 = math.tanh %10 : {f}
      linalg.yield %11, %10 : {f}, {f}
    }}}} -> (tensor<?x?x{f}>, tensor<?x?x{f}>)
    ssm.yield %1#0, %1#1, %1#0 : tensor<?x?x{f}>, tensor<?x?x{f}>, tensor<?x?x{f}>
  }}}}"""


def gated_recurrence(x, gate, weight, s0, c0):
    """xs: x forward, L x B x D; gate backward, B x L x D. Two states."""
    x, gate, weight, h, c = map(wide, (x, gate, weight, s0, c0))
    ys, length = [], x.shape[0]
    for t in range(length):
        g = sigmoid(gate[:, length - 1 - t])
        c = g * c + (1 - g) * np.tanh(x[t] + h @ weight)
        h = np.tanh(c)
        ys.append(h)
    y = np.stack(ys[::-1], 1) if ys else np.zeros((h.shape[0], 0, h.shape[1]))
    return y, h, c


def cases(rng):
    cases = []
    for dtype, name in ((np.float32, "f32"), (np.float64, "f64")):
        for length in LENGTHS:
            b, d = rng.integers(1, 6, 2)
            x, g = normal(rng, dtype, length, b, d), normal(rng, dtype, b, length, d)
            weight = normal(rng, dtype, d, d)
            states = [normal(rng, dtype, b, d), normal(rng, dtype, b, d)]
            ins = [x, g, weight]
            function = Function(f"recurrence_{name}", unknown(ins), unknown([g, *states]),
                                RECURRENCE.format(f=name), [3])
            cases.append(Case(function, ins, [g], states, [0, 1, None, 1], [False, True, False, True],
                              gated_recurrence))
    return cases
