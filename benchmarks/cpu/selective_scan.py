#!/usr/bin/env python3
"""Times the selective scan of one layer beside ggml's, on one thread.

    benchmarks/cpu/selective_scan.py --peer LIBGGML_MIXERS.SO [--cpu znver3]

The peer applies softplus to the step, which is not in our time; its skip and
gate are operators of their own.
"""
import numpy as np

from paired import Peer, aligned, alternate, arguments, compare, ours


def kernel(length, channels, states, full=False, packed=False):
    lxd, lxn = f"memref<1x{length}x{channels}xf32>", f"memref<1x{length}x{states}xf32>"
    extra = f"%D: memref<{channels}xf32>, %z: {lxd}, " if full else ""
    optional = f"skip(%D : memref<{channels}xf32>) gate(%z : {lxd})" if full else ""
    if packed:
        extra, optional = f"%r: memref<1x{length}xi1>, ", f"resets(%r : memref<1x{length}xi1>)"
    return f"""
func.func @scan({extra}%u: {lxd}, %dt: {lxd}, %A: memref<{channels}x{states}xf32>,
                %B: {lxn}, %C: {lxn}, %y: {lxd}, %h: memref<1x{channels}x{states}xf32>)
    attributes {{llvm.emit_c_interface}} {{
  ssm.selective_scan ins(%u, %dt, %A, %B, %C : {lxd}, {lxd},
      memref<{channels}x{states}xf32>, {lxn}, {lxn}) {optional}
      outs(%y, %h : {lxd}, memref<1x{channels}x{states}xf32>)
  return
}}"""


def main():
    parser = arguments(__doc__, 25)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--channels", type=int, default=1536)
    parser.add_argument("--states", type=int, default=16)
    args = parser.parse_args()
    L, D, N = args.length, args.channels, args.states
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    u, z, B, C, skip = f(1, L, D), f(1, L, D), f(1, L, N), f(1, L, N), f(D)
    raw = rng.uniform(-3, 0, (1, L, D)).astype(np.float32)
    dt = aligned(np.log1p(np.exp(raw.astype(np.float64))).astype(np.float32))
    A = aligned(rng.uniform(-8, -1, (D, N)).astype(np.float32))
    y, h = aligned(u), aligned(np.zeros((1, D, N), np.float32))
    passes = ["ssm-lower-selective-scan"]
    plain = ours(kernel(L, D, N), "scan", passes, args.cpu, [u, dt, A, B, C, y, h], h)
    gated = ours(kernel(L, D, N, full=True), "scan", passes, args.cpu,
                 [skip, z, u, dt, A, B, C, y, h], h)
    resets = np.arange(L)[None] % 100 == 0  # sequences of 100 tokens in a row
    packed = ours(kernel(L, D, N, packed=True), "scan", passes, args.cpu,
                  [resets, u, dt, A, B, C, y, h], h)
    peer = Peer(args.peer, "selective_scan", (L, D, N),
                [np.zeros((D, N)), u[0], raw[0], A, B[0], C[0]], (L, D))
    plain(), peer()
    compare(y[0], peer.out)
    alternate({"ssmc scan": plain, "ssmc scan + skip + gate": gated,
               "ssmc scan, packed": packed, "ggml ssm_scan": peer},
              "ggml ssm_scan", L * D, "(channel, token)", f"L{L} D{D} N{N} fp32", args)


if __name__ == "__main__":
    main()
