"""The cases of ssm.linear and its dense formula."""
import numpy as np

from common import Case, normal, sigmoid, unknown, wide
from execute import Function


LINEAR = """ssm.linear ins({{0}}, {{1}} : {{t0}}, {{t1}}) extras({{2}}, {{3}} : {{t2}}, {{t3}})
    outs({{4}} : {{t4}}) {{{{
  ^bb0(%sum: {f}, %bias: {f}, %residual: {f}):
    %one = arith.constant 1.0 : {f}
    %0 = arith.addf %sum, %bias : {f}
    %1 = arith.negf %0 : {f}
    %2 = math.exp %1 : {f}
    %3 = arith.addf %2, %one : {f}
    %4 = arith.divf %0, %3 : {f}
    %5 = arith.addf %4, %residual : {f}
    ssm.yield %5 : {f}
  }}}}"""


def linear(x, w, bias, residual):
    panels, k, lanes = w.shape
    matrix = wide(w).transpose(1, 0, 2).reshape(k, panels * lanes)
    y = wide(x) @ matrix[:, :bias.shape[0]] + wide(bias)
    return (y * sigmoid(y) + wide(residual),)


def cases(rng):
    cases = []
    for dtype, name in ((np.float32, "f32"), (np.float64, "f64")):
        for rows, k, columns, lanes in [(1, 7, 16, 16), (5, 3, 17, 8), (0, 4, 4, 4), (13, 32, 50, 16)]:
            w = normal(rng, dtype, -(-columns // lanes), k, lanes) / dtype(np.sqrt(k))
            ins = [normal(rng, dtype, rows, k), w, normal(rng, dtype, columns),
                   normal(rng, dtype, rows, columns)]
            function = Function(f"linear_{name}_{lanes}", unknown(ins, {(1, 2)}), unknown([ins[3]]),
                                LINEAR.format(f=name), [4])
            cases.append(Case(function, ins, [ins[3]], [], [None] * 5, [False] * 5, linear))
    return cases
