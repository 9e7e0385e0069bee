#!/usr/bin/env python3
"""Times ssm.scan beside loops that only move the same bytes, on one thread: two
arrays are read and one is written, in the order of memory.

    benchmarks/cpu/scan.py [--length 4096] [--channels 1536] [--cpu znver3]

One of the loops writes past the caches (streaming stores), which spares reading
what is written; it is the floor where the result is larger than the caches.
"""
import numpy as np

from paired import aligned, alternate, arguments, ours

LANES, UNROLL = 16, 4


def scan(L, D):
    t, s = f"memref<1x{L}x{D}xf32>", f"memref<1x{D}xf32>"
    return f"""
func.func @f(%a: {t}, %b: {t}, %h: {t}, %s: {s}) attributes {{llvm.emit_c_interface}} {{
  ssm.scan dimension(1) ins(%a, %b : {t}, {t}) outs(%h, %s : {t}, {s})
  return
}}"""


def moving(L, D, streaming):
    """h = a + b"""
    t, v = f"memref<{L * D}xf32>", f"vector<{LANES}xf32>"
    attr = "{nontemporal = true}" if streaming else ""
    body = "".join(f"""
    %o{i} = arith.constant {i * LANES} : index
    %i{i} = arith.addi %i, %o{i} : index
    %a{i} = vector.load %a[%i{i}] : {t}, {v}
    %b{i} = vector.load %b[%i{i}] : {t}, {v}
    %h{i} = arith.addf %a{i}, %b{i} : {v}
    vector.store %h{i}, %h[%i{i}] {attr} : {t}, {v}""" for i in range(UNROLL))
    return f"""
func.func @f(%a: {t}, %b: {t}, %h: {t}) attributes {{llvm.emit_c_interface}} {{
  %c0 = arith.constant 0 : index
  %step = arith.constant {UNROLL * LANES} : index
  %n = arith.constant {L * D} : index
  scf.for %i = %c0 to %n step %step {{{body}
  }}
  return
}}"""


def main():
    parser = arguments(__doc__, 15, peer=False)
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--channels", type=int, default=1536)
    args = parser.parse_args()
    L, D = args.length, args.channels
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(0, 1, s).astype(np.float32))
    a, b, h, state = f(1, L, D), f(1, L, D), f(1, L, D), f(1, D)
    calls = {"ssmc scan": ours(scan(L, D), "f", ["ssm-lower-scan"], args.cpu, [a, b, h, state], state)}
    flat = [x.reshape(-1) for x in (a, b, h)]
    plain, streaming = "moving the bytes", "the same, streaming stores"
    calls[plain] = ours(moving(L, D, False), "f", [], args.cpu, flat, state)
    calls[streaming] = ours(moving(L, D, True), "f", [], args.cpu, flat, state)
    alternate(calls, plain, L * D, "element", f"L{L} D{D} fp32, 12 bytes an element", args)


if __name__ == "__main__":
    main()
