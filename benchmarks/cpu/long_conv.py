#!/usr/bin/env python3
"""Times the long convolution of one layer beside torch.fft's, on one thread.

    benchmarks/cpu/long_conv.py [--length 4096] [--channels 768] [--cpu znver4]

Both transform the kernel, x and back: irfft(rfft(x, 2L) * rfft(k, 2L)). The peer
has time innermost, as its models keep it; for one whose channels are innermost, as
ours are, the transpositions there and back are measured as well.

Memory that is given back stays with the process, for both: a model's workspace is
there before it runs, too.
"""
import ctypes

import numpy as np
import torch

from paired import aligned, alternate, arguments, compare, ours


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def kernel(length, channels):
    x, k = f"memref<1x{length}x{channels}xf32>", f"memref<{length}x{channels}xf32>"
    return f"""
func.func @conv(%x: {x}, %k: {k}, %y: {x}) attributes {{llvm.emit_c_interface}} {{
  ssm.long_conv ins(%x, %k : {x}, {k}) outs(%y : {x}) {{ssm.strategy = #ssm.strategy<fft>}}
  return
}}"""


def main():
    parser = arguments(__doc__, 31, peer=False)
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--channels", type=int, default=768)
    args = parser.parse_args()
    torch.set_num_threads(1)
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
    libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
    L, D = args.length, args.channels
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    x, k, y = f(1, L, D), f(L, D), aligned(np.zeros((1, L, D), np.float32))
    call = ours(kernel(L, D), "conv", ["ssm-lower-long-conv"], args.cpu, [x, k, y], y[:, :1])
    tx, tk = torch.from_numpy(x), torch.from_numpy(k)
    cx, ck = tx.transpose(1, 2).contiguous(), tk.T.contiguous()

    def convolve(x, k):
        return torch.fft.irfft(torch.fft.rfft(x, n=2 * L) * torch.fft.rfft(k, n=2 * L), n=2 * L)[..., :L]

    def turned():
        return convolve(tx.transpose(1, 2).contiguous(), tk.T.contiguous()).transpose(1, 2).contiguous()
    with torch.no_grad():
        call()
        want = convolve(cx.double(), ck.double()).transpose(1, 2).numpy()
        compare(y, want)
        for name, found in ("ssmc", y), ("torch", turned().numpy()):
            print(f"{name}: error {np.linalg.norm(found - want) / np.linalg.norm(want):.1e} of the norm")
        alternate({"ssmc": call, "torch.fft": lambda: convolve(cx, ck), "torch.fft, channels last": turned},
                  "torch.fft", L * D, "(channel, token)", f"L{L} D{D} fp32, torch {torch.__version__}", args)


if __name__ == "__main__":
    main()
