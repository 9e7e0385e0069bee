"""What the cases of all ops share: a case, random numbers, the text of an op."""
import ml_dtypes
import numpy as np

from execute import Function

LENGTHS = [0, 1, 2, 5, 8, 13]
# Element types of what an op reads and writes, and of its state.
STORAGE = [(np.float32, np.float32), (np.float64, np.float64),
           (ml_dtypes.bfloat16, np.float32), (np.float16, np.float32)]
# Of the largest value: what arithmetic and one rounding of the output may cost.
TOLERANCES = {"float64": 1e-12, "complex128": 1e-12, "float32": 1e-5, "complex64": 1e-5,
              "int32": 0, "float16": 1e-3, "bfloat16": 8e-3}


class Case:
    """A call: inputs, outputs `ys` (for their shapes) and states. `axes` has
    the time axis of each input and output, None where there is none; `back`
    says which of them run backwards; `linear` the inputs, then states, in which
    together the op is linear; `identity` has the states that an associative scan
    begins with where nothing comes before it."""

    def __init__(self, function, ins, ys, states, axes, back, compute, linear=(), identity=None):
        self.linear, self.identity = linear, identity
        self.function, self.ins, self.ys, self.states = function, ins, ys, states
        self.axes, self.back, self.compute = axes, back, compute
        timed = [(x, axis) for x, axis in zip([*ins, *ys], axes) if axis is not None]
        self.length = timed[0][0].shape[timed[0][1]] if timed else None
        self.tolerance = TOLERANCES[np.dtype((ys or ins)[0].dtype).name]

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


def wide(x):
    """In double precision, in which oracles compute."""
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mixer(name, op, groups, ys, states, tiles, keep=()):
    """The function that applies `op`, its name and attributes as text, to groups
    of operands, pairs of a keyword and arrays; a group without arrays is left
    out."""
    ins, text = [], op
    for keyword, arrays in groups:
        if arrays:
            at = range(len(ins), len(ins) + len(arrays))
            text += (f" {keyword}(" + ", ".join(f"{{{i}}}" for i in at) + " : "
                     + ", ".join(f"{{t{i}}}" for i in at) + ")")
            ins += arrays
    at = range(len(ins), len(ins) + len(ys) + len(states))
    text += (" outs(" + ", ".join(f"{{{i}}}" for i in at) + " : "
             + ", ".join(f"{{t{i}}}" for i in at) + ")")
    outs = {(i - len(ins), d) for i, d in keep if i >= len(ins)}
    return Function(name, unknown(ins, keep), unknown([*ys, *states], outs), text, tiles), ins
