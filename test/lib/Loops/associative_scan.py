"""The Loop that transformers' exporter writes for an associative scan.

Its states keep an axis of one, start at the identity, computed from a slice of the
first token, and both results grow by a Concat in every iteration. It becomes a scan
at a free length, and runs at several.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper, parser

TEXT = """<ir_version: 10, opset_import: ["" : 20]>
m (float[2,LENGTH,8] x, float[8,4] A, float[8,4] Wb, float[8,4] Wc) => (float[2,?,8] y RESULT) {
  one = Constant<value_ints=[1]>()
  first = Constant<value_ints=[0]>()
  two = Constant<value_ints=[2]>()
  last = Constant<value_ints=[-1]>()
  dt = Softplus(x)
  rate = Abs(A)
  minus = Neg(dt)
  wide = Unsqueeze(minus, last)
  exponent = Mul(wide, rate)
  decay = Exp(exponent)
  key = MatMul(x, Wb)
  keys = Unsqueeze(key, two)
  value = Mul(dt, x)
  values = Unsqueeze(value, last)
  drive = Mul(values, keys)
  a = Transpose<perm=[1,0,2,3]>(decay)
  b = Transpose<perm=[1,0,2,3]>(drive)
  zero = Constant<value_float=0.0>()
  unit = Constant<value_float=1.0>()
  zero_b = CastLike(zero, b)
  one_a = CastLike(unit, a)
  shape = Shape(a)
  length = Slice(shape, first, one, first)
  count = Squeeze(length)
  b0 = Slice(b, first, one, first)
  state0 = Mul(b0, zero_b)
  a0 = Slice(a, first, one, first)
  none = Mul(a0, zero_b)
  product0 = Add(none, one_a)
  products0 = Slice(a, first, first, first)
  states0 = Slice(b, first, first, first)
  true = Constant<value=bool {1}>()
  product1, state1, products1, states1 = Loop(count, true, product0, state0, products0, states0)<body = body (
      int64 i, bool go, float[1,2,8,4] product, float[1,2,8,4] state, float[?,2,8,4] products,
      float[?,2,8,4] states) => (bool go2, float[1,2,8,4] product2, float[1,2,8,4] state2,
      float[?,2,8,4] products2, float[?,2,8,4] states2) {
    index = Reshape(i, one)
    next = Add(index, one)
    a_step = Slice(a, index, next, first)
    b_step = Slice(b, index, next, first)
    product2 = Mul(product, a_step)
    kept = Mul(a_step, state)
    state2 = Add(kept, b_step)
    products2 = Concat<axis=0>(products, product2)
    states2 = Concat<axis=0>(states, state2)
    go2 = Identity(go)
  }>
  h = Transpose<perm=[1,0,2,3]>(states1)
  query = MatMul(x, Wc)
  queries = Unsqueeze(query, last)
  column = MatMul(h, queries)
  y = Squeeze(column, last)
  WRITE
}"""


def build(length, products):
    text = TEXT.replace("LENGTH", str(length)).replace("RESULT", ", float[?,2,8,4] p" if products else "")
    model = parser.parse_model(text.replace("WRITE", "p = Identity(products1)" if products else ""))
    random = np.random.default_rng(0)
    for info in list(model.graph.input)[1:]:
        model.graph.input.remove(info)
        model.graph.initializer.append(numpy_helper.from_array(random.normal(size=(8, 4)).astype(np.float32), info.name))
    return model


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}\n{done.stderr}")
    return done.stderr


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    path, library, feed = folder / "model.onnx", folder / "model.so", folder / "feed.npz"
    for length, products in (("L", False), (12, False), ("L", True)):
        onnx.save(build(length, products), path)
        said = run("ssmc", path, "-o", library, "--report", *(["--dim=x:1=L"] if length == 12 else []))
        if "-> ssm.scan" not in said:
            sys.exit(f"{length}, {products}: {said}")
        session = onnxruntime.InferenceSession(build("L", products).SerializeToString(),
                                               providers=["CPUExecutionProvider"])
        names = [info.name for info in session.get_outputs()]
        for time in (12, 1, 29):
            x = np.random.default_rng(time).normal(size=(2, time, 8)).astype(np.float32)
            np.savez(feed, x=x, **dict(zip(names, session.run(None, {"x": x}))))
            run("ssm-run", library, "--input", f"x=@{feed}:x",
                *(part for name in names for part in ("--expect", f"{name}=@{feed}:{name}")))
