"""Random routing: what is computed on the marked rows only, and goes back to all."""


def route(p, x):
    """x and as much of it again as it is probable that a chunk begins: of equal
    tokens the probability is a difference of equal numbers, and x times that
    nothing but rounding."""
    resets = [p.flags(p.B, p.L)] if p.chance(0.3) else []
    q = p.draw(p.like(x))
    chance, last, seen = p.mixer("ssm.route", [("ins", [q, x]), ("resets", resets)],
                                 [p.empty([p.B, p.L], p.storage), p.state([p.B, x.dims[-1]]), p.flags(p.B, often=0.5)])
    p.keep(last)
    p.keep(seen)
    return p.map("arith.addf", x, p.map("arith.mulf", x, p.spread(chance, x.dims, [2])))


def chunks(p, x):
    """Rows at marks, a mixer or arithmetic on them, and each for its tokens."""
    mask = p.flags(p.B, p.L, often=p.pick([0.0, 0.1, 0.5, 1.0]))
    capacity = p.L if p.chance(0.6) else p.pick([1, 2, 9])
    z, count = p.mixer("ssm.compact", [("ins", [x, mask])],
                       [p.empty([p.B, capacity, x.dims[-1]], x.dtype), p.empty([p.B], p.pick(["i32", "i64"]))])
    p.keep(count)
    z = p.map("math.tanh", z)
    y, last = p.mixer("ssm.expand", [("ins", [z, mask])],
                      [p.empty(x.dims, x.dtype), p.state([p.B, x.dims[-1]], x.dtype)])
    p.keep(last)
    return y
