"""LSTM and GRU as ssm.recurrence with constant weights, and in numpy. The step has
the projection of its input within, as the equations do.

Gates lie side by side: LSTM i f z o, GRU z r n; `b` has a row for each of the two
products. The reset gate of gru comes after the product, of gru-before before it.
"""
import numpy as np

CELLS = {"lstm": 4, "gru": 3, "gru-before": 3}


def constant(array):
    shape = "x".join(map(str, array.shape))
    return f'arith.constant dense<"0x{array.astype("<f4").tobytes().hex()}"> : tensor<{shape}xf32>'


class Step:
    """Writes the ops of a step, on tensors of `batch` rows, or %B where it is None."""

    def __init__(self, batch, hidden):
        self.lines, self.hidden = [], hidden
        self.rows, self.size = ("?", "%B") if batch is None else (batch, str(batch))
        self.empty = "(%B)" if batch is None else "()"
        self.h = self.type(hidden)
        one, e = self("arith.constant 1.0 : f32"), self(f"tensor.empty{self.empty} : {self.h}")
        self.ones = self(f"linalg.fill ins({one} : f32) outs({e} : {self.h}) -> {self.h}")

    def __call__(self, text):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"    {name} = {text}")
        return name

    def type(self, columns):
        return f"tensor<{self.rows}x{columns}xf32>"

    def op(self, name, *operands):
        return self(f"{name} {', '.join(operands)} : {self.h}")

    def product(self, x, depth, w, columns, bias):
        out = self.type(columns)
        e = self(f"tensor.empty{self.empty} : {out}")
        init = self(f"linalg.broadcast ins({bias} : tensor<{columns}xf32>) outs({e} : {out}) dimensions = [0]")
        return self(f"linalg.matmul ins({x}, {w} : {self.type(depth)}, tensor<{depth}x{columns}xf32>) "
                    f"outs({init} : {out}) -> {out}")

    def gate(self, wide, number, gates):
        return self(f"tensor.extract_slice {wide}[0, {number * self.hidden}] [{self.size}, {self.hidden}] [1, 1] : "
                    f"{self.type(gates * self.hidden)} to {self.h}")

    def sigmoid(self, x):
        x = self.op("math.exp", self.op("arith.negf", x))
        return self.op("arith.divf", self.ones, self.op("arith.addf", x, self.ones))


def write_lstm(s, inputs):
    n = 4 * s.hidden
    px, ph = s.product("%xt", inputs, "%W", n, "%bw"), s.product("%h", s.hidden, "%R", n, "%br")
    total = s(f"arith.addf {px}, {ph} : {s.type(n)}")
    i, f, z, o = (s.gate(total, g, 4) for g in range(4))
    kept = s.op("arith.mulf", s.sigmoid(f), "%c")
    c = s.op("arith.addf", kept, s.op("arith.mulf", s.sigmoid(i), s.op("math.tanh", z)))
    h = s.op("arith.mulf", s.sigmoid(o), s.op("math.tanh", c))
    return ["%h", "%c"], [h, c, h]


def write_gru(s, inputs, resets_before):
    H = s.hidden
    px = s.product("%xt", inputs, "%W", 3 * H, "%bw")
    if resets_before:
        ph = s.product("%h", H, "%Rzr", 2 * H, "%brzr")
        hz, hr = (s.gate(ph, g, 2) for g in range(2))
    else:
        ph = s.product("%h", H, "%R", 3 * H, "%br")
        hz, hr, hn = (s.gate(ph, g, 3) for g in range(3))
    z = s.sigmoid(s.op("arith.addf", s.gate(px, 0, 3), hz))
    r = s.sigmoid(s.op("arith.addf", s.gate(px, 1, 3), hr))
    if resets_before:
        hn = s.product(s.op("arith.mulf", r, "%h"), H, "%Rn", H, "%brn")
    else:
        hn = s.op("arith.mulf", r, hn)
    new = s.op("math.tanh", s.op("arith.addf", s.gate(px, 2, 3), hn))
    rest = s.op("arith.mulf", s.op("arith.subf", s.ones, z), new)
    h = s.op("arith.addf", s.op("arith.mulf", z, "%h"), rest)
    return ["%h"], [h, h]


def module(cell, batch, W, R, b):
    """forward(x: time x batch x inputs) -> y; the batch is open where it is None."""
    inputs, H, B = W.shape[0], R.shape[0], batch
    s = Step(batch, H)
    constants = {"W": W, "bw": b[0], "R": R, "br": b[1]}
    if cell == "lstm":
        states, yields = write_lstm(s, inputs)
    else:
        states, yields = write_gru(s, inputs, cell == "gru-before")
    if cell == "gru-before":
        constants = {"W": W, "bw": b[0], "Rzr": R[:, :2 * H], "Rn": R[:, 2 * H:],
                     "brzr": b[1][:2 * H], "brn": b[1][2 * H:]}
    dims = "affine_map<()[s0, s1] -> (s0, s1, {})>" if B is None else f"affine_map<()[s0] -> (s0, {B}, {{}})>"
    x, y = (f"tensor<?x{s.rows}x{extent}xf32>" for extent in (inputs, H))
    newline = "\n"
    return f"""
func.func @forward(%x: {x}) -> {y} attributes {{ssm.signature = {{
    symbols = ["L"{', "B"' if B is None else ''}],
    inputs = [{{name = "x", dtype = 1 : i64, dims = {dims.format(inputs)}}}],
    outputs = [{{name = "y", dtype = 1 : i64, dims = {dims.format(H)}}}]}}}} {{
  %L = onnx.symbol "L"
  {'%B = onnx.symbol "B"' if B is None else ''}
{newline.join(f"  %{name} = {constant(value)}" for name, value in constants.items())}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%L{', %B' if B is None else ''}) : {y}
  %s = tensor.empty{s.empty} : {s.h}
  %init = linalg.fill ins(%zero : f32) outs(%s : {s.h}) -> {s.h}
  %y:{1 + len(states)} = ssm.recurrence axes[0, 0] ins(%x : {x}) outs(%e : {y})
      states({', '.join(['%init'] * len(states))} : {', '.join([s.h] * len(states))}) {{
  ^bb0(%xt: {s.type(inputs)}, {', '.join(f'{v}: {s.h}' for v in states)}):
{newline.join(s.lines)}
    ssm.yield {', '.join(yields)} : {', '.join([s.h] * len(yields))}
  }} -> {', '.join([y] + [s.h] * len(states))}
  return %y#0 : {y}
}}
"""


def reference(cell, x, W, R, b):
    """In double precision."""
    x, W, R, b = (v.astype(np.float64) for v in (x, W, R, b))
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    hidden, gates = R.shape[0], CELLS[cell]
    h = c = np.zeros((x.shape[1], hidden))
    ys = []
    for xt in x:
        px = xt @ W + b[0]
        if cell == "lstm":
            i, f, z, o = np.split(px + h @ R + b[1], 4, -1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
            h = sigmoid(o) * np.tanh(c)
        else:
            (xz, xr, xn), (hz, hr, hn) = np.split(px, 3, -1), np.split(h @ R + b[1], 3, -1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            hn = r * hn if cell == "gru" else (r * h) @ R[:, 2 * hidden:] + b[1][2 * hidden:]
            h = z * h + (1 - z) * np.tanh(xn + hn)
        ys.append(h)
    return np.stack(ys)
