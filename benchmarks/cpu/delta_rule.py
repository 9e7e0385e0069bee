#!/usr/bin/env python3
"""Times ssm.delta_rule beside ggml's operators of the same recurrence, on one
thread: Gated DeltaNet (gated_delta_net) and RWKV-7 (rwkv_wkv7).

    benchmarks/cpu/delta_rule.py gated|rwkv7 --peer LIBGGML_MIXERS.SO [--cpu znver3]
"""
import numpy as np

from paired import Peer, aligned, alternate, arguments, compare, ours

SHAPES = {"gated": (512, 12, 128), "rwkv7": (512, 24, 64)}


def kernel(L, H, N, erase):
    t, s, h = f"memref<1x{L}x{H}x{N}xf32>", f"memref<1x{H}x{N}x{N}xf32>", f"memref<1x{L}x{H}xf32>"
    if erase:
        args, form = f"%a: {t}, %b: {t}, %g: {t}", f"erase(%a, %b : {t}, {t}) decay(%g : {t})"
    else:
        args, form = f"%beta: {h}, %g: {h}", f"beta(%beta : {h}) decay(%g : {h})"
    return f"""
func.func @f(%q: {t}, %k: {t}, %v: {t}, {args}, %y: {t}, %s: {s}) attributes {{llvm.emit_c_interface}} {{
  ssm.delta_rule ins(%q, %k, %v : {t}, {t}, {t}) {form} outs(%y, %s : {t}, {s})
  return
}}"""


def main():
    parser = arguments(__doc__, 25)
    parser.add_argument("mixer", choices=SHAPES)
    args = parser.parse_args()
    L, H, N = SHAPES[args.mixer]
    rng = np.random.default_rng(1)
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    unit = lambda x: (x / np.sqrt((x ** 2).sum(-1, keepdims=True) + 1e-6)).astype(np.float32)
    q, k, v = f(L, H, N), unit(f(L, H, N)), f(L, H, N)
    y, state = aligned(f(1, L, H, N)), aligned(np.zeros((1, H, N, N), np.float32))
    if args.mixer == "gated":
        g = -np.log1p(np.exp(f(L, H) - 2)).astype(np.float32)
        beta = (1 / (1 + np.exp(-f(L, H)))).astype(np.float32)
        peer = Peer(args.peer, "gated_delta", (L, H, N), [q * np.sqrt(np.float32(N)), k, v, g, beta, state[0]],
                    (L, H, N))
        name, rest = "ggml gated_delta_net", [beta, g]
    else:
        # Decays of the model: exp(-0.6065 sigmoid(x)).
        g = (-0.6065306597 / (1 + np.exp(-f(L, H, N)))).astype(np.float32)
        a = -unit(f(L, H, N))
        b = (-a / (1 + np.exp(-f(L, H, N)))).astype(np.float32)
        peer = Peer(args.peer, "rwkv7", (L, H, N), [q, np.exp(g), k, v, a, b, state[0]], (L, H, N))
        name, rest = "ggml rwkv_wkv7", [a, b, g]
    arrays = [aligned(x[None]) for x in (q, k, v, *rest)]
    call = ours(kernel(L, H, N, args.mixer == "rwkv7"), "f", ["ssm-lower-delta-rule"], args.cpu,
                [*arrays, y, state], state)
    call(), peer()
    compare(y[0], peer.out)
    alternate({"ssmc delta_rule": call, name: peer}, name, L * H * N, "(column, token)",
              f"{args.mixer} L{L} H{H} N{N} P{N} fp32", args)


if __name__ == "__main__":
    main()
