#!/usr/bin/env python3
"""Times ssm.quasiseparable (Hydra) beside two ssm.semiseparable of the same size,
forward and backward, and what adds their outputs and the diagonal, on one thread.

    benchmarks/cpu/quasiseparable.py [--length 512] [--cpu znver3]
"""
import numpy as np

from paired import aligned, alternate, arguments, ours

H, N, P, LANES = 24, 64, 64, 16


def types(L):
    return {"q": f"memref<1x{L}x1x{N}xf32>", "k": f"memref<1x{L}x{H}x{N}xf32>",
            "v": f"memref<1x{L}x{H}x{P}xf32>", "g": f"memref<1x{L}x{H}xf32>",
            "s": f"memref<1x{H}x{N}x{P}xf32>"}


def both(L):
    t = types(L)
    return """
func.func @f(%qf: {q}, %kf: {k}, %qb: {q}, %kb: {k}, %v: {v}, %d: {g}, %gf: {g}, %gb: {g}, %y: {v})
    attributes {{llvm.emit_c_interface}} {{
  ssm.quasiseparable ins(%qf, %kf, %qb, %kb, %v : {q}, {k}, {q}, {k}, {v}) diagonal(%d : {g})
    decay(%gf, %gb : {g}, {g}) outs(%y : {v})
  return
}}""".format(**t)


def one(L, reverse):
    t = types(L)
    return """
func.func @f(%q: {q}, %k: {k}, %v: {v}, %g: {g}, %y: {v}, %s: {s}) attributes {{llvm.emit_c_interface}} {{
  ssm.semiseparable {r} ins(%q, %k, %v : {q}, {k}, {v}) decay(%g : {g}) outs(%y, %s : {v}, {s})
  return
}}""".format(**t, r="reverse" if reverse else "")


def combination(L):
    """y = yf + yb + d v"""
    return """
func.func @f(%f: {v}, %b: {v}, %v: {v}, %d: {g}, %y: {v}) attributes {{llvm.emit_c_interface}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lanes = arith.constant {lanes} : index
  %L = arith.constant {L} : index
  %H = arith.constant {H} : index
  %P = arith.constant {P} : index
  scf.for %t = %c0 to %L step %c1 {{
    scf.for %h = %c0 to %H step %c1 {{
      %scalar = memref.load %d[%c0, %t, %h] : {g}
      %own = vector.broadcast %scalar : f32 to vector<{lanes}xf32>
      scf.for %p = %c0 to %P step %lanes {{
        %yf = vector.load %f[%c0, %t, %h, %p] : {v}, vector<{lanes}xf32>
        %yb = vector.load %b[%c0, %t, %h, %p] : {v}, vector<{lanes}xf32>
        %x = vector.load %v[%c0, %t, %h, %p] : {v}, vector<{lanes}xf32>
        %sum = arith.addf %yf, %yb : vector<{lanes}xf32>
        %all = vector.fma %own, %x, %sum : vector<{lanes}xf32>
        vector.store %all, %y[%c0, %t, %h, %p] : {v}, vector<{lanes}xf32>
      }}
    }}
  }}
  return
}}""".format(**types(L), L=L, H=H, P=P, lanes=LANES)


def main():
    parser = arguments(__doc__, 25, peer=False)
    parser.add_argument("--length", type=int, default=512)
    args = parser.parse_args()
    L = args.length
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    qf, qb, kf, kb, v, d = (f(1, L, 1, N), f(1, L, 1, N), f(1, L, H, N), f(1, L, H, N),
                            f(1, L, H, P), f(1, L, H))
    gf, gb = (aligned(-np.exp(f(1, L, H) - 2)) for _ in "fb")
    y, yf, yb, summed = (f(1, L, H, P) for _ in range(4))
    states = [aligned(np.zeros((1, H, N, P), np.float32)) for _ in "fb"]
    call = ours(both(L), "f", ["ssm-lower-quasiseparable"], args.cpu,
                [qf, kf, qb, kb, v, d, gf, gb, y], d[:0])
    passes = [ours(one(L, reverse), "f", ["ssm-lower-semiseparable"], args.cpu,
                   [q, k, v, g, out, state], state)
              for reverse, q, k, g, out, state in ((False, qf, kf, gf, yf, states[0]),
                                                   (True, qb, kb, gb, yb, states[1]))]
    passes.append(ours(combination(L), "f", [], args.cpu, [yf, yb, v, d, summed], d[:0]))
    two = lambda: [one() for one in passes]
    name = "two passes and their sum"
    alternate({"ssmc quasiseparable": call, name: two}, name, L * H * P, "(column, token)",
              f"Hydra L{L} H{H} N{N} P{P} fp32", args)


if __name__ == "__main__":
    main()
