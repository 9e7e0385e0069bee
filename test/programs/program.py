"""A program of the ssm dialect while it is written: its entry's inputs, with
numbers for them, its text, and the values that its next op may take."""
from dataclasses import dataclass

import numpy as np

# Numbers of ONNX's data types, as a signature has them.
CODES = {"f32": 1, "i32": 6, "i64": 7, "i1": 9, "f16": 10, "f64": 11}
ARRAYS = {"f32": np.float32, "i32": np.int32, "i64": np.int64, "i1": np.bool_, "f16": np.float16,
          "f64": np.float64}


@dataclass(frozen=True)
class Dim:
    """An extent: known in the program's types, or by a symbol's name alone."""
    size: int
    symbol: str = ""

    def __str__(self):
        return "?" if self.symbol else str(self.size)


@dataclass(frozen=True)
class Value:
    name: str
    dims: tuple
    dtype: str

    @property
    def type(self):
        return f"tensor<{''.join(f'{d}x' for d in self.dims)}{self.dtype}>"


# Programs in a row that are of one family: their mixers have the same types and
# attributes, so that kernels are shared and much is compiled in little time.
FAMILY = 30


class Program:
    """`rng` makes numbers and decides what goes where; `taste`, which programs of a
    family share, everything that types and attributes depend on."""

    def __init__(self, seed, double=False):
        """With `double`, what is a program in single precision otherwise, with the
        same numbers."""
        self.name, self.rng, self.family = f"p{seed}", np.random.default_rng(seed), seed // FAMILY
        self.turn_to()
        self.storage = self.pick(["f32"] * 12 + ["f64", "f16", "bf16", "bf16"])
        self.rounding = ARRAYS[self.storage] if double else None
        if double:
            self.storage = "f64"
        # The type of states, and of arithmetic.
        self.wide = "f64" if self.storage == "f64" else "f32"
        self.half = self.storage in ("f16", "bf16")
        self.inputs, self.lines, self.count = {}, [], 0
        # Sequences of B x L x C, what else may be a result, and the ops in it.
        self.streams, self.kept, self.mixers = [], [], []
        # Blocks of the kernels are 64 tokens.
        lengths = [1, 2, 3, 5, 8, 13, 17, 31, 40] * 2 + [63, 64, 65, 100, 127, 128, 129, 200]
        self.B, self.L, self.M = (self.dim(*d) for d in (("B", [1, 1, 2, 3]), ("L", lengths),
                                                         ("M", [1, 2, 7, 16, 33, 64, 65])))

    # Choices.

    def turn_to(self, *what):
        """From here on, as the family does it with `what`, a list of numbers."""
        self.taste = np.random.default_rng([self.family, *what])

    def pick(self, choices):
        return choices[int(self.taste.integers(len(choices)))]

    def chance(self, probability):
        return self.taste.random() < probability

    def draw(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def maybe(self, probability):
        return self.rng.random() < probability

    def dim(self, symbol, sizes):
        return Dim(self.pick(sizes)) if self.chance(0.4) else Dim(self.draw(sizes), symbol)

    # Values.

    def fresh(self, dims, dtype):
        self.count += 1
        dims = tuple(d if isinstance(d, Dim) else Dim(int(d)) for d in dims)
        return Value(f"%v{self.count}", dims, dtype)

    def emit(self, text, dims, dtype):
        """The value of an op of one result."""
        value = self.fresh(dims, dtype)
        self.lines.append(f"{value.name} = {text.replace('TYPE', value.type)}")
        return value

    def input(self, dims, dtype, make=None):
        """An argument of the entry; by chance normal, or what `make` gives for a
        shape. NumPy has no bf16: it is made of an f32 inside."""
        if dtype == "bf16":
            return self.cast(self.input(dims, "f32", make), dtype)
        value = self.fresh(dims, dtype)
        shape = [d.size for d in value.dims]
        array = make(shape) if make else self.rng.standard_normal(shape)
        self.inputs[value] = self.rounded(array, dtype)
        return value

    def rounded(self, array, dtype):
        array = np.asarray(array)
        if self.rounding and dtype == "f64":
            array = array.astype(self.rounding)
        return array.astype(ARRAYS[dtype])

    def flags(self, *dims, often=0.1):
        return self.input(dims, "i1", lambda shape: self.rng.random(shape) < often)

    def uniform(self, dims, dtype, low=0.0, high=1.0):
        return self.input(dims, dtype, lambda shape: self.rng.uniform(low, high, shape))

    def number(self, x, dtype):
        text = x if isinstance(x, str) else repr(float(x)) if "f" in dtype else str(x)
        self.count += 1
        self.lines.append(f"%n{self.count} = arith.constant {text} : {dtype}")
        return f"%n{self.count}"

    def empty(self, dims, dtype):
        like = self.fresh(dims, dtype)
        sizes = ", ".join(f"%{d.symbol}" for d in like.dims if d.symbol)
        return self.emit(f"tensor.empty({sizes}) : TYPE", dims, dtype)

    def full(self, x, dims, dtype):
        at, of = self.number(x, dtype), self.empty(dims, dtype)
        return self.emit(f"linalg.fill ins({at} : {dtype}) outs({of.name} : {of.type}) -> TYPE", dims, dtype)

    def state(self, dims, dtype=None):
        """What is before the op: nothing, an input, or what another op left; of the
        same symbols, as the rows of a batch are not those of a sequence."""
        like = self.fresh(dims, dtype or self.wide)
        left = [v for v in self.kept if (v.dims, v.dtype) == (like.dims, like.dtype)]
        if left and self.maybe(0.5):
            return self.draw(left)
        return self.full(0.0, dims, like.dtype) if self.maybe(0.4) else self.input(dims, like.dtype)

    def keep(self, value):
        self.kept.append(value)

    # Ops.

    def map(self, op, *values):
        """An op of arith or math, element by element."""
        names = ", ".join(v.name for v in values)
        return self.emit(f"{op} {names} : TYPE", values[0].dims, values[0].dtype)

    def cast(self, x, dtype):
        if x.dtype == dtype:
            return x
        width = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}
        if width[dtype] == width[x.dtype]:
            x = self.cast(x, "f32")
        op = "arith.extf" if width[dtype] > width[x.dtype] else "arith.truncf"
        return self.emit(f"{op} {x.name} : {x.type} to TYPE", x.dims, dtype)

    def spread(self, x, dims, new):
        """x along `new` dimensions, numbers among `dims`."""
        of = self.empty(dims, x.dtype)
        return self.emit(f"linalg.broadcast ins({x.name} : {x.type}) outs({of.name} : {of.type}) "
                         f"dimensions = {list(new)}", dims, x.dtype)

    def heads(self, x, heads):
        """The last dimension in `heads` parts."""
        rank, dims = len(x.dims), [*x.dims[:-1], heads, x.dims[-1].size // heads]
        groups = [[i] for i in range(rank - 1)] + [[rank - 1, rank]]
        sizes = ", ".join(f"%{d.symbol}" if isinstance(d, Dim) and d.symbol else str(getattr(d, "size", d)) for d in dims)
        return self.emit(f"tensor.expand_shape {x.name} {groups} output_shape [{sizes}] : {x.type} into TYPE",
                         dims, x.dtype)

    def join(self, x):
        """The last two dimensions in one."""
        rank = len(x.dims)
        groups = [[i] for i in range(rank - 2)] + [[rank - 2, rank - 1]]
        return self.emit(f"tensor.collapse_shape {x.name} {groups} : {x.type} into TYPE",
                         [*x.dims[:-2], x.dims[-2].size * x.dims[-1].size], x.dtype)

    def mixer(self, op, groups, outs):
        """The results of `op`, its name and attributes as text, on groups of
        operands, pairs of a keyword and values; a group of none is left out."""
        self.mixers.append(op.split()[0])
        results = [self.fresh(v.dims, v.dtype) for v in outs]
        text = f"{', '.join(v.name for v in results)} = {op}"
        for keyword, values in [*groups, ("outs", outs)]:
            if values:
                text += f" {keyword}({listed(values)})"
        self.lines.append(f"{text} -> {', '.join(v.type for v in results)}")
        return results

    def tokens(self, heads, width):
        """B x L x heads x width of the storage type: of a stream, or an input."""
        fit = [s for s in self.streams if s.dims[-1].size == heads * width]
        if fit and self.maybe(0.6):
            return self.heads(self.draw(fit), heads)
        return self.input([self.B, self.L, heads, width], self.storage)

    def like(self, x):
        """Sequences of the same type."""
        return [s for s in self.streams if s.type == x.type] + [x]

    def rows(self):
        """As many rows as there are tokens."""
        size, of = self.B.size * self.L.size, [d for d in (self.B, self.L) if d.symbol]
        if not of:
            return Dim(size)
        self.count += 1
        names = [f"%{d.symbol}" if d.symbol else self.number(d.size, "index") for d in (self.B, self.L)]
        self.lines.append(f"%R{self.count} = arith.muli {names[0]}, {names[1]} : index")
        return Dim(size, f"R{self.count}")

    # The whole.

    def arrays(self):
        return {f"x{i}": array for i, array in enumerate(self.inputs.values())}

    def text(self, results):
        # What numpy does not have is returned in a wider type.
        results = [self.cast(v, "f32") if v.dtype == "bf16" else v for v in results]
        used = list(dict.fromkeys(d.symbol for v in self.inputs for d in v.dims if d.symbol))
        symbols = ", ".join(f'"{s}"' for s in used)
        place = {s: f"s{i}" for i, s in enumerate(used)}

        def described(values, kind):
            rows = []
            for i, v in enumerate(values):
                dims = ", ".join(place[d.symbol] if d.symbol else str(d.size) for d in v.dims)
                rows.append(f'{{name = "{kind}{i}", dtype = {CODES[v.dtype]} : i64, '
                            f"dims = affine_map<()[{', '.join(place.values())}] -> ({dims})>}}")
            return ",\n          ".join(rows)
        arguments = ", ".join(f"{v.name}: {v.type}" for v in self.inputs)
        body = "\n    ".join([f'%{s} = onnx.symbol "{s}"' for s in used] + self.lines)
        return f"""  func.func @{self.name}({arguments}) -> ({', '.join(v.type for v in results)})
      attributes {{ssm.signature = {{symbols = [{symbols}],
        inputs = [{described(self.inputs, "x")}],
        outputs = [{described(results, "y")}]}}}} {{
    {body}
    return {listed(results)}
  }}
"""


def listed(values):
    return f"{', '.join(v.name for v in values)} : {', '.join(v.type for v in values)}"
