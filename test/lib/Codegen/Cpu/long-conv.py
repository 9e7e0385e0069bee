"""ssm-lower-long-conv, by transforms and lag by lag, against numpy's transforms in
double precision: one block and several, kernels shorter and longer than the sequence,
of each row, of both directions; and pieces that go on from a past."""
import sys

import numpy as np
from kernel_harness import build, check, host_runs, strided

cpu = sys.argv[1]
if not host_runs(cpu):
    sys.exit(0)
rng = np.random.default_rng(5)


def oracle(x, k, ahead):
    batch, length, channels = x.shape
    later = 0 if ahead is None else ahead.shape[-2]
    lags = np.zeros((batch, later + k.shape[-2], channels))
    lags[:, later:] = k
    if later:
        lags[:, :later] = ahead[..., ::-1, :]
    size = length + lags.shape[1]
    product = np.fft.rfft(x.astype(np.float64), size, 1) * np.fft.rfft(lags, size, 1)
    return np.fft.irfft(product, size, 1)[:, later:later + length]


def function(name, strategy, length, width, later, rows, c):
    t3 = f"memref<?x{length}x{c}xf32, strided<[?, ?, 1], offset: ?>>"
    row = "?x" * rows
    k, a = f"memref<{row}{width}x{c}xf32>", f"memref<{row}{later}x{c}xf32>"
    ahead = (f", %a: {a}", f"ahead(%a : {a})") if later else ("", "")
    return f"""
func.func @{name}(%x: {t3}, %k: {k}{ahead[0]}, %y: {t3}) attributes {{llvm.emit_c_interface}} {{
  ssm.long_conv ins(%x, %k : {t3}, {k}) {ahead[1]} outs(%y : {t3}) {{ssm.strategy = #ssm.strategy<{strategy}>}}
  return
}}"""


STRATEGIES = ["fft", "recurrent"]
# Lengths, widths and lags ahead, known and not; the extents that are known choose
# the size of a block: 128, 512, 1024, 2048.
VARIANTS = [("?", "?", "", 0, "?"), ("?", "?", "?", 1, "?"), (100, 100, 7, 0, 48), (700, 700, "", 1, "?"),
            (4096, 4096, "", 0, 16), (3000, 20, 3000, 0, 20)]
PAST = """
func.func @past(%x: memref<?x?x?xf32>, %k: memref<?x?xf32>, %y: memref<?x?x?xf32>, %s: memref<?x?x?xf32>)
    attributes {llvm.emit_c_interface} {
  ssm.long_conv ins(%x, %k : memref<?x?x?xf32>, memref<?x?xf32>) outs(%y, %s : memref<?x?x?xf32>, memref<?x?x?xf32>)
  return
}"""
lib = build("\n".join([function(f"{s}{i}", s, *v) for i, v in enumerate(VARIANTS) for s in STRATEGIES] + [PAST]),
            ["ssm-lower-long-conv"], cpu)
CALLS = [(1, 1, 1, 0), (2, 5, 9, 3), (1, 0, 4, 2), (2, 1024, 1024, 1030), (1, 1025, 0, 1), (2, 2500, 2500, 2499),
         (1, 3100, 40, 1025), (1, 40, 3100, 2000)]
for i, (length, width, later, rows, c) in enumerate(VARIANTS):
    for call in CALLS if length == "?" else [(2, length, width, later or 0)]:
        for channels in [c] if c != "?" else [1, 16, 37]:
            f = lambda *s: rng.standard_normal(s).astype(np.float32)
            batch, l, w, v = call
            row = [batch] * rows
            x, k, a = strided(f(batch, l, channels)), f(*row, w, channels), f(*row, v, channels)
            want = oracle(x, k, a if later else None)
            for strategy in STRATEGIES:
                y = strided(np.full_like(x, 7))
                lib.call(f"{strategy}{i}", x, k, *([a] if later else []), y)
                where = f"{strategy} {VARIANTS[i]} {call} channels {channels}"
                check(where, y, want, 5e-6)
                assert np.isnan(y.base[..., :2]).all() and np.isnan(y.base[..., -3:]).all(), where
for past, width, channels in [(40, 41, 37), (30, 9, 16), (5, 40, 5)]:
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    x, k, s = f(2, 70, channels), f(width, channels), f(2, past, channels)
    known = np.concatenate([s, x], 1)
    y, at = np.zeros_like(x), 0
    for piece in (1, 17, 0, 1, 51):
        # What is older than the state counts as zero.
        want = oracle(known[:, at:at + past + piece], k, None)[:, past:]
        part, out = np.ascontiguousarray(x[:, at:at + piece]), np.zeros((2, piece, channels), np.float32)
        lib.call("past", part, k, out, s)
        check(f"past {past} width {width} piece {piece}", out, want, 2e-6)
        at += piece
        assert np.array_equal(s, known[:, at:at + past]), (past, width, piece)
print("ok")
