#!/usr/bin/env python3
"""Times ssm.attention beside torch's scaled_dot_product_attention and ggml's
flash_attn_ext (which knows no window but a mask), 12 heads of width 64.

    python3 -m venv ENV && ENV/bin/pip install numpy torch
    ENV/bin/python benchmarks/cpu/attention.py causal|full|window|one --peer LIBGGML_MIXERS.SO [--threads 2]

With two threads our heads are halved, as the runtime's loop over heads does it,
and times are those of the clock.
"""
import statistics
import threading
import time

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from paired import Peer, aligned, alternate, arguments, compare, cpu_name, ours

H, N, WINDOW = 12, 64, 256
# Queries, keys, attributes of the op.
CASES = {"causal": (2048, 2048, "right(0)"), "full": (2048, 2048, ""),
         "window": (2048, 2048, f"left({WINDOW - 1}) right(0)"), "one": (1, 8192, "right(0)")}


def kernel(attributes, queries, keys, heads):
    t4 = lambda n: f"memref<1x{n}x{heads}x{N}xf32, strided<[?, {H * N}, {N}, 1], offset: ?>>"
    q, k, lse = t4(queries), t4(keys), f"memref<1x{queries}x{heads}xf32>"
    return f"""
func.func @f(%q: {q}, %k: {k}, %v: {k}, %y: {q}, %lse: {lse}) attributes {{llvm.emit_c_interface}} {{
  ssm.attention {attributes} ins(%q, %k, %v : {q}, {k}, {k}) outs(%y, %lse : {q}, {lse})
  return
}}"""


def in_threads(calls):
    def run():
        threads = [threading.Thread(target=call) for call in calls[1:]]
        for thread in threads:
            thread.start()
        calls[0]()
        for thread in threads:
            thread.join()
    return run


def by_the_clock(calls, ours, unit, what, args):
    """As `alternate`, for several threads."""
    times = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - start) * 1e9 / unit)
    print(f"{cpu_name()}; {what}, {args.threads} threads, by the clock, {args.rounds} alternating rounds")
    for name, t in times.items():
        print(f"{name:26s} ns per (query, key) in a head: median {statistics.median(t):7.3f}  best {min(t):7.3f}")
    for name, t in times.items():
        if name != ours:
            ratio = statistics.median(theirs / mine for theirs, mine in zip(t, times[ours]))
            print(f"{ours}: {ratio:.2f}x {name} (median of paired ratios), "
                  f"{min(t) / min(times[ours]):.2f}x by the best")
    for name, t in times.items():
        print(f"  {name}: " + " ".join(f"{v:.3f}" for v in t))


def main():
    parser = arguments(__doc__, 15)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Lq, Lk, attributes = CASES[args.case]
    rng = np.random.default_rng(1)
    f = lambda *s: aligned(rng.uniform(-1, 1, s).astype(np.float32))
    q, k, v, y = f(1, Lq, H, N), f(1, Lk, H, N), f(1, Lk, H, N), f(1, Lq, H, N)
    share = H // args.threads
    text = kernel(attributes, Lq, Lk, share)
    calls = []
    for first in range(0, H, share):
        part = [x[:, :, first:first + share] for x in (q, k, v, y)]
        lse = f(1, Lq, share)
        calls.append(ours(text, "f", ["ssm-lower-attention", "ssm-expand-math"], args.cpu,
                          [*part, lse], lse))
    call = in_threads(calls) if args.threads > 1 else calls[0]
    tensors = [torch.from_numpy(x).transpose(1, 2) for x in (q, k, v)]
    seen = torch.ones(Lq, Lk, dtype=torch.bool).tril(Lk - Lq)
    if args.case == "window":
        seen &= seen.triu(1 - WINDOW)
    mask = {"attn_mask": seen} if args.case == "window" else {"is_causal": args.case == "causal"}
    peer = lambda: scaled_dot_product_attention(*tensors, **mask)
    call()
    compare(y, peer().transpose(1, 2).numpy())
    pairs = H * (int(seen.sum()) if args.case != "full" else Lq * Lk)
    mine, name = "ssmc attention", "torch"
    all_calls = {mine: call, name: peer}
    if args.case == "causal":
        ggml = Peer(args.peer, "attention", (Lq, H, N),
                    [np.ascontiguousarray(x[0].transpose(1, 0, 2)) for x in (q, k, v)], (Lq, H, N))
        all_calls["ggml flash_attn_ext"] = lambda: ggml.library.peer_run(ggml.handle, args.threads)
        all_calls["ggml flash_attn_ext"]()
        compare(y[0], ggml.out)
    what = f"{args.case} Lq{Lq} Lk{Lk} H{H} d{N} fp32, torch {torch.__version__}"
    if args.threads == 1:
        alternate(all_calls, name, pairs, "(query, key) in a head", what, args)
    else:
        by_the_clock(all_calls, mine, pairs, what, args)


if __name__ == "__main__":
    main()
