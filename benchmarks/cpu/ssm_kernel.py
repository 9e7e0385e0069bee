#!/usr/bin/env python3
"""Times the kernel of a diagonal state space (S4D, DSS) beside the exponentials that its
definition has, on one thread.

    benchmarks/cpu/ssm_kernel.py [--length 16384] [--channels 256] [--modes 64] [--cpu znver4]

The floor is one real exponential for each lag, mode and channel, as our own vector code
computes them from and to the first-level cache: the sines and cosines of complex ones,
and the sum, are not counted. The peer is torch's sum over complex exponentials, channel
by channel, as its models write it.
"""
import numpy as np
import torch

from paired import aligned, alternate, arguments, ours

CACHED = 4096


def exponentials(count):
    return f"""
func.func @exponentials(%x: memref<{CACHED}xf32>, %y: memref<{CACHED}xf32>) attributes {{llvm.emit_c_interface}} {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %lanes = arith.constant 16 : index
  %cached = arith.constant {CACHED} : index
  %rounds = arith.constant {count // CACHED} : index
  scf.for %round = %zero to %rounds step %one {{
    scf.for %i = %zero to %cached step %lanes {{
      %v = vector.load %x[%i] : memref<{CACHED}xf32>, vector<16xf32>
      %e = math.exp %v : vector<16xf32>
      vector.store %e, %y[%i] : memref<{CACHED}xf32>, vector<16xf32>
    }}
  }}
  return
}}"""


def kernel(length, channels, modes):
    a, k = f"memref<2x{channels}x{modes}xf32>", f"memref<{length}x{channels}xf32>"
    return f"""
func.func @kernel(%a: {a}, %c: {a}, %k: {k}) attributes {{llvm.emit_c_interface}} {{
  ssm.ssm_kernel ins(%a, %c : {a}, {a}) outs(%k : {k})
  return
}}"""


def oracle(a, c, length):
    """In double precision, in pieces whose first factor has exact angles."""
    a, c = a[0] + 1j * a[1].astype(np.float64), c[0] + 1j * c[1].astype(np.float64)
    step = 256
    powers = np.exp(a[:, :, None] * np.arange(step))
    pieces = [np.einsum("dn,dnl->ld", c * np.exp(first * a), powers).real for first in range(0, length, step)]
    return np.concatenate(pieces)[:length]


def main():
    parser = arguments(__doc__, 11, peer=False)
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--modes", type=int, default=64)
    args = parser.parse_args()
    torch.set_num_threads(1)
    L, D, N = args.length, args.channels, args.modes
    rng = np.random.default_rng(1)
    # S4D-Lin with steps from 0.001 to 0.1.
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), (D, 1)))
    a = aligned(np.stack([dt * np.full(N, -0.5), dt * np.pi * np.arange(N)]).astype(np.float32))
    c = aligned(rng.standard_normal((2, D, N)).astype(np.float32))
    k = aligned(np.zeros((L, D), np.float32))
    call = ours(kernel(L, D, N), "kernel", ["ssm-lower-ssm-kernel"], args.cpu, [a, c, k], k[:1])
    x = aligned(rng.uniform(-20, 0, CACHED).astype(np.float32))
    y = aligned(np.zeros_like(x))
    floor = ours(exponentials(L * D * N), "exponentials", ["ssm-expand-math"], args.cpu, [x, y], y)
    ta, tc = (torch.complex(*torch.from_numpy(x)) for x in (a, c))
    lags = torch.arange(L)

    def peer():
        return torch.stack([(tc[d] @ torch.exp(ta[d, :, None] * lags)).real for d in range(D)], 1)
    call()
    want = oracle(a, c, L)
    for name, found in ("ssmc", k), ("torch", peer().numpy()):
        error = np.abs(found - want).max()
        print(f"{name}: largest error {error:.1e}, {error / np.hypot(*c).sum(-1).max():.1e} of the sum of |c|")
    with torch.no_grad():
        alternate({"ssmc": call, "exponentials alone": floor, "torch": peer}, "exponentials alone", L * D,
                  "(channel, lag)", f"L{L} D{D} N{N} complex64, torch {torch.__version__}", args)


if __name__ == "__main__":
    main()
