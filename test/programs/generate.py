"""Random programs: 1 to 4 mixers, each on a sequence that those before it gave,
with arithmetic between them."""
import zlib

from attention import attention, rope
from matrix_states import delta_rule, quasiseparable, semiseparable
from program import Program
from regions import associative_scan, product, recurrence
from routing import chunks, route
from scans import scan, selective_scan, short_conv

MIXERS = [semiseparable, delta_rule, quasiseparable, scan, selective_scan, short_conv, attention,
          rope, route, chunks, recurrence, associative_scan, product]


def squash(p, x):
    return p.map("math.tanh", x)


def sigmoid(p, x):
    one = p.full(1.0, x.dims, x.dtype)
    return p.map("arith.divf", one, p.map("arith.addf", one, p.map("math.exp", p.map("arith.negf", x))))


def add(p, x):
    return p.map("arith.addf", x, p.draw(p.like(x)))


def gate(p, x):
    return p.map("arith.mulf", x, p.map("math.tanh", p.draw(p.like(x))))


def bias(p, x):
    return p.map("arith.addf", x, p.spread(p.input([x.dims[-1]], x.dtype), x.dims, [0, 1]))


def norm(p, x):
    """The root mean square of each row becomes 1, but for rows close to zero."""
    rows, wide = x.dims[:-1], p.cast(x, p.wide)
    zero = p.full(0.0, rows, p.wide)
    sums = p.emit(f"linalg.reduce {{ arith.addf }} ins({p.map('arith.mulf', wide, wide).name} : {wide.type}) "
                  f"outs({zero.name} : {zero.type}) dimensions = [2]", rows, p.wide)
    mean = p.map("arith.divf", sums, p.full(x.dims[-1].size, rows, p.wide))
    scale = p.map("math.rsqrt", p.map("arith.addf", mean, p.full(0.1, rows, p.wide)))
    return p.cast(p.map("arith.mulf", wide, p.spread(scale, x.dims, [2])), x.dtype)


def part(p, x):
    """Some of the channels."""
    size = p.pick(range(1, x.dims[-1].size + 1))
    first = p.pick(range(x.dims[-1].size - size + 1))
    sizes = ", ".join(f"%{d.symbol}" if d.symbol else str(d.size) for d in x.dims[:2])
    return p.emit(f"tensor.extract_slice {x.name}[0, 0, {first}] [{sizes}, {size}] [1, 1, 1] : {x.type} to TYPE",
                  [*x.dims[:2], size], x.dtype)


def both(p, x):
    """Channels of two sequences side by side."""
    y = p.draw(p.streams)
    size = x.dims[-1].size + y.dims[-1].size
    return p.emit(f"tensor.concat dim(2) {x.name}, {y.name} : ({x.type}, {y.type}) -> TYPE",
                  [*x.dims[:2], size], x.dtype) if size <= 64 else x


ARITHMETIC = [squash, sigmoid, add, gate, bias, norm, part, both]


def generate(seed, mixers=MIXERS, double=False):
    """The program and its text."""
    p = Program(seed, double)
    mixers = [p.pick(mixers) for _ in range(5)]
    sizes = [p.pick(range(1, 49)) for _ in range(2)]
    x = p.input([p.B, p.L, p.draw(sizes)], p.storage)
    p.streams.append(x)
    for _ in range(p.draw([1, 1, 1, 2, 2, 3, 4])):
        for _ in range(p.draw([0, 0, 1, 2])):
            x = apply(p, p.draw(ARITHMETIC), x)
        x = apply(p, p.draw(mixers), x)
        p.streams.append(x)
        # What follows begins here mostly.
        x = x if p.maybe(0.8) else p.draw(p.streams)
    others = [v for v in p.streams[1:-1] + p.kept if p.maybe(0.4)]
    return p, p.text(list(dict.fromkeys([p.streams[-1], *others])))


def apply(p, op, x):
    p.turn_to(zlib.crc32(op.__name__.encode()), x.dims[-1].size)
    return op(p, x)
