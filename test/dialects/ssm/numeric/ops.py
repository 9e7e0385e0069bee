"""The cases of every op: random shapes with L = 1, odd and even lengths, and an
empty one, with initial states, each in single and double precision."""
import numpy as np

import oracle
from execute import Function

LENGTHS = [0, 1, 2, 5, 8, 13]


class Case:
    """A call: inputs, outputs `ys` (for their shapes) and states. `axes` has
    the time axis of each input and output, None where there is none; `back`
    says which of them run backwards."""

    def __init__(self, function, ins, ys, states, axes, back, compute):
        self.function, self.ins, self.ys, self.states = function, ins, ys, states
        self.axes, self.back, self.compute = axes, back, compute
        timed = [(x, axis) for x, axis in zip([*ins, *ys], axes) if axis is not None]
        self.length = timed[0][0].shape[timed[0][1]] if timed else None
        self.single = ins[0].dtype in (np.float32, np.complex64)

    def expected(self):
        return self.compute(*self.ins, *self.states)

    def __str__(self):
        shapes = ", ".join(str(x.shape) for x in self.ins)
        return f"@{self.function.name} on {shapes}"

    def split(self, rng):
        """The pieces in the order in which they run."""
        early = int(rng.integers(0, self.length + 1))

        def piece(first):
            def part(x, axis, back):
                if axis is None:
                    return x
                at = self.length - early if back else early
                a, b = np.split(x, [at], axis)
                return a if first != back else b
            parts = [part(x, a, r) for x, a, r in zip([*self.ins, *self.ys], self.axes, self.back)]
            n = len(self.ins)
            return Case(self.function, parts[:n], parts[n:], self.states, self.axes, self.back,
                        self.compute)
        return piece(True), piece(False)

    def join(self, first, second):
        joined, n = [], len(self.ys)
        for x, y, axis, back in zip(first, second, self.axes[-n:], self.back[-n:]):
            joined.append(np.concatenate([y, x] if back else [x, y], axis))
        return joined + list(second[n:])


def normal(rng, dtype, *shape):
    x = rng.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def unknown(arrays, keep=()):
    """The dtypes and shapes of arrays, extents not known but for `keep`, pairs
    of an array's number and an axis."""
    return [(x.dtype, [n if (i, d) in keep else None for d, n in enumerate(x.shape)])
            for i, x in enumerate(arrays)]


def scan(rng):
    cases = []
    for dtype in (np.float32, np.float64, np.int32, np.complex64, np.complex128):
        for rank, axis, reverse in [(1, 0, False), (3, 1, False), (3, 1, True), (2, 1, True), (4, 0, False)]:
            for length in LENGTHS:
                shape = list(rng.integers(1, 5, rank))
                shape[axis] = length
                if dtype == np.int32:
                    a, b = (rng.integers(-3, 4, shape).astype(dtype) for _ in range(2))
                    s = rng.integers(-3, 4, np.delete(shape, axis)).astype(dtype)
                else:
                    a, b = normal(rng, dtype, *shape) * dtype(0.6), normal(rng, dtype, *shape)
                    s = normal(rng, dtype, *np.delete(shape, axis))
                s = np.asarray(s, dtype)
                text = (f"ssm.scan dimension({axis}) {'reverse' if reverse else ''} "
                        "ins({0}, {1} : {t0}, {t1}) outs({2}, {3} : {t2}, {t3})")
                function = Function(f"scan_{np.dtype(dtype).name}_{rank}_{axis}_{int(reverse)}",
                                    unknown([a, b]), unknown([a, s]), text,
                                    [3 if d == axis else 2 for d in range(rank)])
                cases.append(Case(function, [a, b], [a], [s], [axis] * 3, [reverse] * 3,
                                  lambda a, b, s, axis=axis, reverse=reverse:
                                  oracle.scan(a, b, s, axis, reverse)))
    return cases


def selective_scan(rng):
    cases = []
    for dtype in (np.float32, np.float64):
        for skip, gate, reverse in [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)]:
            for length in LENGTHS:
                b, d, n = rng.integers(1, 6, 3)
                u, z = (normal(rng, dtype, b, length, d) for _ in range(2))
                # Steps as after softplus, some of them large.
                delta = np.abs(normal(rng, dtype, b, length, d)) ** 3
                A = -np.exp(normal(rng, dtype, d, n))
                B, C = (normal(rng, dtype, b, length, n) for _ in range(2))
                D, s = normal(rng, dtype, d), normal(rng, dtype, b, d, n)
                ins = [u, delta, A, B, C] + [D] * skip + [z] * gate
                axes = [1, 1, None, 1, 1] + [None] * skip + [1] * gate + [1]
                text = ("ssm.selective_scan " + ("reverse " if reverse else "")
                        + "ins({0}, {1}, {2}, {3}, {4} : {t0}, {t1}, {t2}, {t3}, {t4}) ")
                at = 5
                for word in ["skip"] * skip + ["gate"] * gate:
                    text += f"{word}({{{at}}} : {{t{at}}}) "
                    at += 1
                text += f"outs({{{at}}}, {{{at + 1}}} : {{t{at}}}, {{t{at + 1}}})"
                function = Function(f"selective_{np.dtype(dtype).name}_{skip}{gate}{reverse}",
                                    unknown(ins), unknown([u, s]), text, [2, 3, 2])

                def compute(u, delta, A, B, C, *rest, skip=skip, gate=gate, reverse=reverse):
                    return oracle.selective_scan(u, delta, A, B, C, rest[0] if skip else None,
                                                 rest[skip] if gate else None, rest[-1], reverse)
                cases.append(Case(function, ins, [u], [s], axes, [bool(reverse)] * len(axes), compute))
    return cases


def short_conv(rng):
    cases = []
    for dtype in (np.float32, np.float64):
        for width, dilation, bias, silu, reverse in [(4, 1, 1, 1, 0), (4, 1, 0, 0, 1), (3, 2, 1, 1, 1),
                                                     (1, 1, 1, 0, 0), (2, 5, 0, 1, 0)]:
            for length in LENGTHS:
                b, c = rng.integers(1, 6, 2)
                x, w = normal(rng, dtype, b, length, c), normal(rng, dtype, c, width)
                s = normal(rng, dtype, b, (width - 1) * dilation, c)
                ins = [x, w] + [normal(rng, dtype, c)] * bias
                y = 2 + bias
                text = (("ssm.short_conv activation(silu) " if silu else "ssm.short_conv ")
                        + f"dilation({dilation}) {'reverse' if reverse else ''} "
                        + "ins({0}, {1} : {t0}, {t1}) " + ("bias({2} : {t2}) " if bias else "")
                        + f"outs({{{y}}}, {{{y + 1}}} : {{t{y}}}, {{t{y + 1}}})")
                function = Function(f"conv_{np.dtype(dtype).name}_{width}_{dilation}_{bias}{silu}{reverse}",
                                    unknown(ins, {(1, 1)}), unknown([x, s], {(1, 1)}), text,
                                    [2, 3, 2] if width > 1 else [])

                def compute(x, w, *rest, bias=bias, dilation=dilation, silu=silu, reverse=reverse):
                    return oracle.short_conv(x, w, rest[0] if bias else None, rest[-1], dilation, silu,
                                             reverse)
                axes = [1, None] + [None] * bias + [1]
                cases.append(Case(function, ins, [x], [s], axes, [bool(reverse)] * len(axes), compute))
    return cases


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


def linear(rng):
    cases = []
    for dtype, name in ((np.float32, "f32"), (np.float64, "f64")):
        for rows, k, columns, lanes in [(1, 7, 16, 16), (5, 3, 17, 8), (0, 4, 4, 4), (13, 32, 50, 16)]:
            w = normal(rng, dtype, -(-columns // lanes), k, lanes) / dtype(np.sqrt(k))
            ins = [normal(rng, dtype, rows, k), w, normal(rng, dtype, columns),
                   normal(rng, dtype, rows, columns)]
            function = Function(f"linear_{name}_{lanes}", unknown(ins, {(1, 2)}), unknown([ins[3]]),
                                LINEAR.format(f=name), [4])
            cases.append(Case(function, ins, [ins[3]], [], [None] * 5, [False] * 5, oracle.linear))
    return cases


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


def recurrence(rng):
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
                              oracle.gated_recurrence))
    return cases


CASES = {"scan": scan, "selective_scan": selective_scan, "short_conv": short_conv, "linear": linear,
         "recurrence": recurrence}
