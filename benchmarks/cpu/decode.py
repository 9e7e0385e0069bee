#!/usr/bin/env python3
"""Times a step of one token of every mixer with a state beside a loop that reads
and writes the state once in its order (for attention: that reads the keys and
values once), on one thread.

    benchmarks/cpu/decode.py [MIXER...] [--batch 1] [--rounds 15] [--cpu znver3]

"memory": the states of as many layers as fill 128 MB pass by in turn; "cache": one
layer's stays. Steps go on from the state that the last has left, so a round is at
later positions than the one before: the first and the last fifth of the rounds
are also given alone.
"""
import statistics
import time

import numpy as np

from paired import aligned, arguments, cpu_name, ours

LANES, MEMORY = 16, 128 << 20


class Step:
    """An op on operands of one token (`ins`, `outs`) and a state."""

    def __init__(self, name, passes, op, state, ins, outs, state_is_read_only=False):
        self.name, self.passes, self.op, self.state = name, passes, op, state
        self.ins, self.outs, self.only_read = ins, outs, state_is_read_only


def steps(B):
    """The mixers with the sizes that the other scripts have."""
    D, N, W = 1536, 16, 4
    token = [B, 1, D]
    yield Step("scan", ["ssm-lower-scan"],
               "ssm.scan dimension(1) ins(%a, %b : {a}, {b}) outs(%y, %s : {y}, {s})",
               [B, D], {"a": token, "b": token}, {"y": token})
    yield Step("selective_scan", ["ssm-lower-selective-scan"],
               "ssm.selective_scan ins(%u, %d, %A, %B, %C : {u}, {d}, {A}, {B}, {C})"
               " outs(%y, %s : {y}, {s})", [B, D, N],
               {"u": token, "d": token, "A": [D, N], "B": [B, 1, N], "C": [B, 1, N]}, {"y": token})
    yield Step("short_conv", ["ssm-lower-short-conv"],
               "ssm.short_conv activation(silu) ins(%x, %w : {x}, {w}) bias(%b : {b})"
               " outs(%y, %s : {y}, {s})", [B, W - 1, D],
               {"x": token, "w": [D, W], "b": [D]}, {"y": token})
    for name, H, G, K, P in (("mamba2", 24, 1, 128, 64), ("gla", 12, 12, 128, 128)):
        q, v = [B, 1, G, K], [B, 1, H, P]
        yield Step(name, ["ssm-lower-semiseparable"],
                   "ssm.semiseparable ins(%q, %k, %v : {q}, {k}, {v}) decay(%g : {g})"
                   " outs(%y, %s : {y}, {s})", [B, H, K, P],
                   {"q": q, "k": q, "v": v, "g": [B, 1, H] if G == 1 else [B, 1, H, K]}, {"y": v})
    H, K = 12, 128
    t = [B, 1, H, K]
    yield Step("gated_delta", ["ssm-lower-delta-rule"],
               "ssm.delta_rule ins(%q, %k, %v : {q}, {k}, {v}) beta(%b : {b}) decay(%g : {g})"
               " outs(%y, %s : {y}, {s})", [B, H, K, K],
               {"q": t, "k": t, "v": t, "b": [B, 1, H], "g": [B, 1, H]}, {"y": t})
    H, K = 24, 64
    t = [B, 1, H, K]
    yield Step("rwkv7", ["ssm-lower-delta-rule"],
               "ssm.delta_rule ins(%q, %k, %v : {q}, {k}, {v}) erase(%a, %b : {a}, {b})"
               " decay(%g : {g}) outs(%y, %s : {y}, {s})", [B, H, K, K],
               {"q": t, "k": t, "v": t, "a": t, "b": t, "g": t}, {"y": t})
    H, K, past = 12, 64, 2048
    t, kv = [B, 1, H, K], [B, past, H, K]
    yield Step("attention", ["ssm-lower-attention", "ssm-expand-math"],
               "ssm.attention right(0) ins(%q, %s0, %s1 : {q}, {s}, {s}) outs(%y, %l : {y}, {l})",
               [2] + kv, {"q": t}, {"y": t, "l": [B, 1, H]}, True)


def memref(shape, dynamic=False):
    text = "x".join(map(str, shape)) + "xf32"
    if not dynamic:
        return f"memref<{text}>"
    strides = [int(np.prod(shape[i + 1:])) for i in range(len(shape))]
    return f"memref<{text}, strided<{strides}, offset: ?>>"


def in_layers(step, layers, turns):
    """`turns` times a step of each of the layers."""
    operands = {**step.ins, **step.outs}
    types = {name: memref(shape) for name, shape in operands.items()}
    all_states, slices, shape = memref([layers] + step.state), "", step.state
    parts = [(), ] if not step.only_read else [(0,), (1,)]
    inner = shape[len(parts[0]):]
    types["s"] = memref(inner, dynamic=True)
    for part in parts:
        at = ", ".join(map(str, ["%i", *part] + [0] * len(inner)))
        sizes = ", ".join(map(str, [1] * (1 + len(part)) + inner))
        ones = ", ".join(["1"] * (1 + len(shape)))
        slices += (f"      %s{''.join(map(str, part))} = memref.subview %all[{at}] [{sizes}] [{ones}]"
                   f" : {all_states} to {types['s']}\n")
    arguments = ", ".join(f"%{n}: {types[n]}" for n in operands)
    return f"""
func.func @f(%all: {all_states}, {arguments}) attributes {{llvm.emit_c_interface}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %layers = arith.constant {layers} : index
  %turns = arith.constant {turns} : index
  scf.for %turn = %c0 to %turns step %c1 {{
    scf.for %i = %c0 to %layers step %c1 {{
{slices}      {step.op.format(**types)}
    }}
  }}
  return
}}"""


def moving(size, turns, only_read):
    """Reads each element and, unless told, writes it back."""
    t, v, group = f"memref<{size}xf32>", f"vector<{LANES}xf32>", 4
    loads = "".join(f"""
      %o{i} = arith.constant {i * LANES} : index
      %i{i} = arith.addi %i, %o{i} : index
      %x{i} = vector.load %s[%i{i}] : {t}, {v}
      %y{i} = arith.{'addf %sum' if only_read else 'mulf %scale'}{i if only_read else ''}, %x{i} : {v}"""
                    for i in range(group))
    names = lambda x: ", ".join(f"%{x}{i}" for i in range(group))
    if only_read:
        kinds = ", ".join([v] * group)
        begin = ", ".join(f"%sum{i} = %zero" for i in range(group))
        loop = (f"%last:{group} = scf.for %i = %c0 to %n step %step iter_args({begin}) -> ({kinds}) {{"
                f"{loads}\n      scf.yield {names('y')} : {kinds}\n    }}\n"
                + "".join(f"    vector.store %last#{i}, %out[%at{i}] : memref<64xf32>, {v}\n" for i in range(group)))
    else:
        stores = "".join(f"\n      vector.store %y{i}, %s[%i{i}] : {t}, {v}" for i in range(group))
        loop = f"scf.for %i = %c0 to %n step %step {{{loads}{stores}\n    }}"
    places = "\n".join(f"  %at{i} = arith.constant {i * LANES} : index" for i in range(group))
    return f"""
func.func @f(%s: {t}, %out: memref<64xf32>) attributes {{llvm.emit_c_interface}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %step = arith.constant {group * LANES} : index
  %n = arith.constant {size} : index
  %turns = arith.constant {turns} : index
  %zero = arith.constant dense<0.0> : {v}
  %scale = arith.constant dense<0.9999> : {v}
{places}
  scf.for %turn = %c0 to %turns step %c1 {{
    {loop}
  }}
  return
}}"""


def measure(step, layers, turns, where, args):
    rng = np.random.default_rng(1)
    f = lambda shape: aligned(rng.uniform(0.01, 0.1, shape).astype(np.float32))
    arrays = {name: f(shape) for name, shape in {**step.ins, **step.outs}.items()}
    for name in ("g", "A"):
        if name in arrays:
            arrays[name] *= -1
    states, none, out = f([layers] + step.state), np.zeros(1), f([64])
    calls = [ours(in_layers(step, layers, turns), "f", step.passes, args.cpu,
                  [states, *arrays.values()], none),
             ours(moving(states.size, turns, step.only_read), "f", [], args.cpu,
                  [states.reshape(-1), out], none)]
    for call in calls:
        call()
    times = ([], [])
    for _ in range(args.rounds):
        for call, t in zip(calls, times):
            start = time.thread_time()
            call()
            t.append((time.thread_time() - start) * 1e6 / (layers * turns))
    ratios = [a / b for a, b in zip(*times)]
    part = max(1, args.rounds // 5)
    first, last = statistics.median(times[0][:part]), statistics.median(times[0][-part:])
    print(f"{step.name:15s} {where:6s} {np.prod(step.state) * 4 / 1024:8.0f} KB  step {statistics.median(times[0]):9.2f} us"
          f"  moving {statistics.median(times[1]):9.2f} us  step of moving {statistics.median(ratios):5.2f}"
          f"  first rounds {first:9.2f}  last {last:9.2f}")
    for name, t in zip(("step", "moving"), times):
        print(f"    {name}: " + " ".join(f"{v:.2f}" for v in t))


def main():
    parser = arguments(__doc__, 15, peer=False)
    parser.add_argument("mixers", nargs="*")
    parser.add_argument("--batch", type=int, default=1)
    args = parser.parse_args()
    print(f"{cpu_name()}, code for {args.cpu}; batch {args.batch}, one token, 1 thread, processor time,"
          f" {args.rounds} alternating rounds; medians, of pairs where a ratio")
    for step in steps(args.batch):
        if args.mixers and step.name not in args.mixers:
            continue
        size = int(np.prod(step.state)) * 4
        measure(step, max(2, MEMORY // size), 1, "memory", args)
        measure(step, 1, max(1, (16 << 20) // size), "cache", args)


if __name__ == "__main__":
    main()
