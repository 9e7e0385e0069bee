"""ssm-lower-short-conv against a dense oracle in double precision."""
import itertools
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(5)


def oracle(x, w, bias, state, silu, dilation, reverse, resets):
    batch, length, channels = x.shape
    width, pad = w.shape[1], (w.shape[1] - 1) * dilation
    seen = np.concatenate([state, x[:, ::-1] if reverse else x], 1).astype(np.float64)
    y = np.zeros(x.shape) + (0 if bias is None else bias)
    # The number of the sequence that each of `seen` belongs to.
    begins = np.zeros((batch, pad + length), int)
    if resets is not None:
        begins[:, pad:] = resets[:, ::-1] if reverse else resets
    number = begins.cumsum(1)
    for t, j in itertools.product(range(length), range(width)):
        own = number[:, t + j * dilation] == number[:, t + pad]
        y[:, t] += w[:, j] * np.where(own[:, None], seen[:, t + j * dilation], 0)
    if silu:
        y = y / (1 + np.exp(-y))
    last = number[:, length:] == number[:, -1:] if pad + length else number
    tail = np.where(last[:, :pad, None], seen[:, length:length + pad], 0)
    return (y[:, ::-1] if reverse else y), tail


def function(name, width, dilation=1, silu=True, bias=True, reverse=False, c="?", resets=False):
    pad = (width - 1) * dilation
    t3 = f"memref<?x?x{c}xf32, strided<[?, ?, 1], offset: ?>>"
    s3 = f"memref<?x{pad}x{c}xf32>"
    args = f"%x: {t3}, %w: memref<{c}x{width}xf32>, " + (f"%bias: memref<{c}xf32>, " if bias else "")
    if resets:
        args += "%resets: memref<?x?xi1>, "
    return f"""
func.func @{name}({args}%y: {t3}, %s: {s3}) attributes {{llvm.emit_c_interface}} {{
  ssm.short_conv {"activation(silu)" if silu else ""} {f"dilation({dilation})" if dilation > 1 else ""}
    {"reverse" if reverse else ""} ins(%x, %w : {t3}, memref<{c}x{width}xf32>)
    {f"bias(%bias : memref<{c}xf32>)" if bias else ""}
    {"resets(%resets : memref<?x?xi1>)" if resets else ""} outs(%y, %s : {t3}, {s3})
  return
}}"""


variants = [dict(width=4), dict(width=4, reverse=True, silu=False), dict(width=1, bias=False),
            dict(width=3, dilation=2, c=37), dict(width=4, dilation=9, reverse=True),
            dict(width=4, resets=True), dict(width=4, resets=True, reverse=True, bias=False),
            dict(width=3, dilation=9, resets=True), dict(width=1, resets=True)]
lib = build("\n".join(function(f"f{i}", **v) for i, v in enumerate(variants)),
            ["ssm-lower-short-conv"], cpu)
for (i, v), (batch, length) in itertools.product(enumerate(variants),
                                                 [(1, 1), (3, 2), (2, 35), (1, 0)]):
    for c in [v["c"]] if "c" in v else [1, 16, 64, 71]:
        f = lambda *s: rng.standard_normal(s).astype(np.float32)
        width, dilation = v["width"], v.get("dilation", 1)
        x, w, state = strided(f(batch, length, c)), f(c, width), f(batch, (width - 1) * dilation, c)
        bias = f(c) if v.get("bias", True) else None
        resets = rng.random((batch, length)) < 0.15 if "resets" in v else None
        if resets is not None and length:  # a state of infinities is dropped too
            resets[0, -1 if v.get("reverse") else 0] = True
            state[0] = np.inf
        with np.errstate(invalid="ignore"):  # inf * 0 of what np.where drops
            want_y, want_s = oracle(x, w, bias, state, v.get("silu", True), dilation,
                                    v.get("reverse", False), resets)
        y, s = strided(np.zeros_like(x)), state.copy()
        lib.call(f"f{i}", x, w, *([] if bias is None else [bias]),
                 *([] if resets is None else [resets]), y, s)
        where = f"{v} batch {batch} length {length} channels {c}"
        check("y of " + where, y, want_y, 1e-6)
        assert np.array_equal(s, want_s.astype(np.float32)), "state of " + where
        assert np.isnan(y.base[..., :2]).all() and np.isnan(y.base[..., -3:]).all(), where
print("ok")
