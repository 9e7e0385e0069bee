#!/usr/bin/env python3
"""Times the short convolution of one layer beside ggml's, on one thread.

    benchmarks/cpu/short_conv.py --peer LIBGGML_MIXERS.SO [--cpu znver3]

Ours also adds the bias, applies SiLU and keeps the state, which are separate
operators of the peer and not in its time. The peer reads its input with time
innermost; the transposition that a model needs for that is not in its time.
"""
import numpy as np

from paired import Peer, aligned, alternate, arguments, compare, ours


def kernel(length, channels, width, packed=False):
    x, s = f"memref<1x{length}x{channels}xf32>", f"memref<1x{width - 1}x{channels}xf32>"
    w, bias = f"memref<{channels}x{width}xf32>", f"memref<{channels}xf32>"
    r = f"memref<1x{length}xi1>"
    extra, resets = (f"%r: {r}, ", f"resets(%r : {r})") if packed else ("", "")
    return f"""
func.func @conv({extra}%x: {x}, %w: {w}, %b: {bias}, %y: {x}, %s: {s})
    attributes {{llvm.emit_c_interface}} {{
  ssm.short_conv activation(silu) ins(%x, %w : {x}, {w}) bias(%b : {bias}) {resets}
    outs(%y, %s : {x}, {s})
  return
}}"""


def main():
    args = arguments(__doc__, 51).parse_args()
    L, C, W = 512, 1536, 4
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    x, w, bias = f(1, L, C), f(C, W), aligned(np.zeros(C, np.float32))
    y, s = f(1, L, C), aligned(np.zeros((1, W - 1, C), np.float32))
    call = ours(kernel(L, C, W), "conv", ["ssm-lower-short-conv"], args.cpu, [x, w, bias, y, s], s)
    flags = np.arange(L)[None] % 100 == 0  # sequences of 100 tokens in a row
    packed = ours(kernel(L, C, W, packed=True), "conv", ["ssm-lower-short-conv"], args.cpu,
                  [flags, x, w, bias, y, s], s)
    peer = Peer(args.peer, "short_conv", (L, C, W),
                [np.pad(x[0].T, ((0, 0), (W - 1, 0))), w], (L, C))
    call(), peer()
    want = peer.out.astype(np.float64)
    compare(y[0], want / (1 + np.exp(-want)))
    alternate({"ssmc conv + bias + silu": call, "ssmc the same, packed": packed,
               "ggml ssm_conv": peer}, "ggml ssm_conv", L * C,
              "(channel, token)", f"L{L} C{C} W{W} fp32", args)


if __name__ == "__main__":
    main()
