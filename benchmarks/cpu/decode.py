#!/usr/bin/env python3
"""Times a step of one token of every mixer with a state beside two loops, on one
thread: "state" reads and writes the state once in its order (for attention: reads
the keys and values once), "all" also reads every operand and writes the output.

    benchmarks/cpu/decode.py [MIXER...] [--batch 1] [--rounds 15] [--cpu znver3]
    benchmarks/cpu/decode.py --position 10000 [MIXER...]

"memory": the states of as many layers as fill 128 MB pass by in turn; "cache": one
layer's stays. Operands are the same for all layers and stay in the caches, as what
the layer before has computed does.

With --position a step from a state of zeros alternates with one from the state that
so many tokens have left: their times differ where a step depends on its position.
Of attention, whose cache grows, it is one with a window: the caches of both steps
hold the window, one of them also as many keys before it.
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


def sweep(memref, total, access, base, size):
    """Loops over `size` of the `total` elements of a buffer, from %base on: "change"
    reads and writes each, "read" and "write" do one of it."""
    text, at, t = "", 0, f"memref<{total}xf32>"
    for lanes, group in ((LANES, 4), (LANES, 1), (size % LANES, 1)):
        count = (size - at) // (lanes * group) if lanes else 0
        if not count:
            continue
        name, v = f"{memref}_{at}_", f"vector<{lanes}xf32>"
        some = lambda x: ", ".join(f"{name}{x}{i}" for i in range(group))
        loads = "".join(f"""
        {name}o{i} = arith.constant {i * lanes} : index
        {name}p{i} = arith.addi {name}first, {name}o{i} : index
        {name}i{i} = arith.addi {name}p{i}, {base} : index""" for i in range(group))
        if access != "write":
            loads += "".join(f"\n        {name}x{i} = vector.load {memref}[{name}i{i}] : {t}, {v}" for i in range(group))
        change = {"read": "{n}y{i} = arith.addf {n}sum{i}, {n}x{i}", "change": "{n}y{i} = arith.mulf {n}c, {n}x{i}",
                  "write": "{n}y{i} = arith.addf {n}c, {n}c"}[access]
        loads += "".join(f"\n        {change.format(n=name, i=i)} : {v}" for i in range(group))
        head, last, tail = "", "", ""
        if access == "read":
            kinds = ", ".join([v] * group)
            begin = ", ".join(f"{name}sum{i} = {name}c" for i in range(group))
            head, last = f"{name}last:{group} = ", f"\n        scf.yield {some('y')} : {kinds}"
            tail = "".join(f"\n      vector.store {name}last#{i}, %out[{name}at{i}] : memref<64xf32>, {v}" for i in range(group))
            begin = f" iter_args({begin}) -> ({kinds})"
        else:
            begin = ""
            last = "".join(f"\n        vector.store {name}y{i}, {memref}[{name}i{i}] : {t}, {v}" for i in range(group))
        at_out = "".join(f"\n      {name}at{i} = arith.constant {i * LANES} : index" for i in range(group))
        text += f"""
      {name}c = arith.constant dense<0.9999> : {v}
      {name}from = arith.constant {at} : index
      {name}to = arith.constant {at + count * lanes * group} : index
      {name}step = arith.constant {lanes * group} : index{at_out}
      {head}scf.for {name}first = {name}from to {name}to step {name}step{begin} {{{loads}{last}
      }}{tail}"""
        at += count * lanes * group
    return text


def moving(step, layers, turns, operands):
    """Reads each state and, unless it is only read, writes it back; with `operands`
    the others too, beside every layer's."""
    size = int(np.prod(step.state))
    flat = {"all": layers * size, **{name: int(np.prod(s)) for name, s in {**step.ins, **step.outs}.items()}}
    work = sweep("%all", flat["all"], "read" if step.only_read else "change", "%base", size)
    for name in flat if operands else ():
        if name != "all":
            work += sweep(f"%{name}", flat[name], "write" if name in step.outs else "read", "%c0", flat[name])
    arguments = ", ".join(f"%{name}: memref<{n}xf32>" for name, n in flat.items())
    return f"""
func.func @f({arguments}, %out: memref<64xf32>) attributes {{llvm.emit_c_interface}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %layers = arith.constant {layers} : index
  %turns = arith.constant {turns} : index
  %size = arith.constant {size} : index
  scf.for %turn = %c0 to %turns step %c1 {{
    scf.for %i = %c0 to %layers step %c1 {{
      %base = arith.muli %i, %size : index{work}
    }}
  }}
  return
}}"""


def operands_of(step, layers):
    """The states of all layers and the other operands, by name."""
    rng = np.random.default_rng(1)
    f = lambda shape: aligned(rng.uniform(0.01, 0.1, shape).astype(np.float32))
    arrays = {name: f(shape) for name, shape in {**step.ins, **step.outs}.items()}
    for name in ("g", "A"):
        if name in arrays:
            arrays[name] *= -1
    return f([layers] + step.state), arrays


def timed(call):
    start = time.thread_time()
    call()
    return (time.thread_time() - start) * 1e6


def measure(step, layers, turns, where, args):
    states, arrays = operands_of(step, layers)
    none, out = np.zeros(1), aligned(np.zeros(64, np.float32))
    flat = [states.reshape(-1), *(a.reshape(-1) for a in arrays.values()), out]
    calls = {"step": ours(in_layers(step, layers, turns), "f", step.passes, args.cpu,
                          [states, *arrays.values()], none)}
    for name, operands in (("state", False), ("all", True)):
        calls[name] = ours(moving(step, layers, turns, operands), "f", [], args.cpu, flat, none)
    for call in calls.values():
        call()
    times = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, call in calls.items():
            times[name].append(timed(call) / (layers * turns))
    size = np.prod(step.state) * 4
    everything = size + sum(a.nbytes for a in arrays.values())
    line = f"{step.name:15s} {where:6s} step {statistics.median(times['step']):9.2f} us"
    for name, count in (("state", size), ("all", everything)):
        ratio = statistics.median(a / b for a, b in zip(times["step"], times[name]))
        line += (f"  {name} {count / 1024:6.0f} KB {statistics.median(times[name]):9.2f} us"
                 f"  step of {name} {ratio:5.2f}")
    print(line)
    for name, t in times.items():
        print(f"    {name}: " + " ".join(f"{v:.2f}" for v in t))


def window(B, past):
    """The step of attention with a window of 1024 keys at the end of `past`."""
    H, K = 12, 64
    t, kv = [B, 1, H, K], [B, past, H, K]
    return Step("window", ["ssm-lower-attention", "ssm-expand-math"],
                "ssm.attention left(1023) right(0) ins(%q, %s0, %s1 : {q}, {s}, {s}) outs(%y, %l : {y}, {l})",
                [2] + kv, {"q": t}, {"y": t, "l": [B, 1, H]}, True)


def measure_position(steps, position, args):
    """Two steps, the first and one behind `position` others."""
    calls, states, layers, operands = [], [], [], []
    for step in steps:
        layers.append(max(2, MEMORY // (int(np.prod(step.state)) * 4)))
        state, arrays = operands_of(step, layers[-1])
        states.append(state)
        operands.append([*arrays.values()])  # which calls only point to
        calls.append(ours(in_layers(step, layers[-1], 1), "f", step.passes, args.cpu, [state, *operands[-1]],
                          np.zeros(1)))
    # What each begins from; a cache that is only read stays as it is.
    before = [np.zeros(steps[0].state, np.float32), states[-1][0].copy()]
    if not steps[0].only_read:
        one = aligned(np.zeros([1] + steps[0].state, np.float32))
        ours(in_layers(steps[0], 1, position), "f", steps[0].passes, args.cpu, [one, *operands[0]],
             np.zeros(1))()
        before[1] = one[0]
    times = ([], [])
    for _ in range(args.rounds):
        for i, t in enumerate(times):
            if not steps[0].only_read:
                states[i][...] = before[i]
            t.append(timed(calls[i]) / layers[i])
    ratio = statistics.median(b / a for a, b in zip(*times))
    first, later = map(statistics.median, times)
    print(f"{steps[0].name:15s} step 0 {first:9.2f} us  step {position} {later:9.2f} us  later of first {ratio:5.2f}")
    for name, t in zip(("first", "later"), times):
        print(f"    {name}: " + " ".join(f"{v:.2f}" for v in t))


def main():
    parser = arguments(__doc__, 15, peer=False)
    parser.add_argument("mixers", nargs="*")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--position", type=int)
    args = parser.parse_args()
    print(f"{cpu_name()}, code for {args.cpu}; batch {args.batch}, one token, 1 thread, processor time,"
          f" {args.rounds} alternating rounds; medians, of pairs where a ratio")
    chosen = [s for s in steps(args.batch) if not args.mixers or s.name in args.mixers]
    if args.position:
        for step in chosen:
            pair = [step, step]
            if step.name == "attention":
                pair = [window(args.batch, 1024), window(args.batch, 1024 + args.position)]
            measure_position(pair, args.position, args)
        return
    for step in chosen:
        size = int(np.prod(step.state)) * 4
        measure(step, max(2, MEMORY // size), 1, "memory", args)
        measure(step, 1, max(1, (16 << 20) // size), "cache", args)


if __name__ == "__main__":
    main()
