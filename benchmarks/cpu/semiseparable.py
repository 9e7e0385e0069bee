#!/usr/bin/env python3
"""Times ssm.semiseparable beside ggml's operators of the same recurrence, on one
thread: Mamba-2 (ssm_scan) and gated linear attention (gated_linear_attn).

    benchmarks/cpu/semiseparable.py mamba2|gla --peer LIBGGML_MIXERS.SO [--cpu znver3]
"""
import numpy as np

from paired import Peer, aligned, alternate, arguments, compare, ours

SHAPES = {"mamba2": (512, 24, 1, 128, 64), "gla": (512, 12, 12, 128, 128)}


def kernel(L, H, G, N, P, rank):
    qk, v, s = f"memref<1x{L}x{G}x{N}xf32>", f"memref<1x{L}x{H}x{P}xf32>", f"memref<1x{H}x{N}x{P}xf32>"
    g = f"memref<1x{L}x{H}xf32>" if rank == 3 else f"memref<1x{L}x{H}x{N}xf32>"
    return f"""
func.func @f(%q: {qk}, %k: {qk}, %v: {v}, %g: {g}, %y: {v}, %s: {s}) attributes {{llvm.emit_c_interface}} {{
  ssm.semiseparable ins(%q, %k, %v : {qk}, {qk}, {v}) decay(%g : {g}) outs(%y, %s : {v}, {s})
  return
}}"""


def main():
    parser = arguments(__doc__, 25)
    parser.add_argument("mixer", choices=SHAPES)
    args = parser.parse_args()
    L, H, G, N, P = SHAPES[args.mixer]
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    q, k, v = f(1, L, G, N), f(1, L, G, N), f(1, L, H, P)
    y, state = f(1, L, H, P), aligned(np.zeros((1, H, N, P), np.float32))
    if args.mixer == "mamba2":
        # The peer applies softplus and multiplies v by dt, which is not in our time.
        raw = rng.uniform(-3, 0, (L, H)).astype(np.float32)
        A = -rng.uniform(1, 8, H).astype(np.float32)
        dt = np.log1p(np.exp(raw.astype(np.float64))).astype(np.float32)
        g, x = aligned((dt * A)[None]), v[0].copy()
        v[0] *= dt[..., None]
        peer = Peer(args.peer, "mamba2_scan", (L, H, P, N),
                    [np.zeros((H, P, N)), x, raw, A, k[0, :, 0], q[0, :, 0]], (L, H, P))
        name = "ggml ssm_scan"
    else:
        # Decays as the layer makes them: sigmoid(x) ** (1 / 16).
        g = aligned((np.log(1 / (1 + np.exp(-f(1, L, H, N)))) / 16).astype(np.float32))
        peer = Peer(args.peer, "gla", (L, H, N),
                    [k[0], v[0], q[0], np.exp(g[0]), np.zeros((H, N, P))], (L, H, P))
        name = "ggml gated_linear_attn"
    call = ours(kernel(L, H, G, N, P, g.ndim), "f", ["ssm-lower-semiseparable"], args.cpu,
                [q, k, v, g, y, state], state)
    call(), peer()
    compare(y[0], peer.out)
    alternate({"ssmc semiseparable": call, name: peer}, name, L * H * P, "(column, token)",
              f"{args.mixer} L{L} H{H} N{N} P{P} fp32", args)


if __name__ == "__main__":
    main()
