"""The decoder that is derived from a forward graph: prefill(a), prefill(b) and
steps on what follows give what PyTorch gives for the whole sequence.

    steps.py FOLDER/GRAPH.onnx TMP [ssmc options]
"""
import json
import os
import subprocess
import sys
import zlib

import numpy as np

graph, tmp, *options = sys.argv[1:]
os.makedirs(tmp, exist_ok=True)
lib, given, made = (os.path.join(tmp, name) for name in ("model.so", "in.npz", "out.npz"))
stored = np.load(os.path.join(os.path.dirname(graph), "lengths.npz"))
subprocess.run(["ssmc", graph, "-o", lib, "--dim=input_ids:0=B", "--dim=input_ids:1=L", "--entry=prefill,prefill_lengths,step,verify",
                *options], check=True)
info = subprocess.run(["ssm-run", lib, "--info", "--json"], check=True, capture_output=True, text=True).stdout
states = json.loads(info)["states"]
rng = np.random.default_rng(zlib.crc32("/".join(graph.split("/")[-2:]).encode()))


def new_state(rows):
    return {s["name"]: np.full([rows, *s["dims"][1:]], s["initial"], {"float32": "f4", "int64": "i8"}[s["type"]])
            for s in states}


def run(entry, **inputs):
    np.savez(given, **inputs)
    subprocess.run(["ssm-run", lib, f"--entry={entry}", f"--input=@{given}", f"--output=@{made}"], check=True)
    with np.load(made) as outputs:
        return dict(outputs)


def advance(entry, ids, state, **more):
    outputs = run(entry, input_ids=ids, **state, **more)
    return outputs["logits"], {s["name"]: outputs[s["name"]] for s in states}


for length, rows in ((24, [0, 1]), (40, [1, 0, 1])):
    ids, logits = (stored[f"{name}_L{length}"][rows] for name in ("input_ids", "logits"))
    a = int(rng.integers(1, length - 6))
    b = int(rng.integers(0, length - 4 - a))
    found, state = [], new_state(len(rows))
    for entry, begin, end in (("prefill", 0, a), ("prefill", a, a + b),
                              *(("step", t, t + 1) for t in range(a + b, min(length, a + b + 12)))):
        part, state = advance(entry, ids[:, begin:end], state)
        found.append(part)
    found = np.concatenate(found, 1)
    deviation = np.abs(found - logits[:, :found.shape[1]]).max()
    print(f"{length} tokens, {len(rows)} rows, prefill {a} and {b}: largest deviation {deviation:.2g}")
    assert deviation <= 1e-4 * max(1, np.abs(logits).max())

# Rows at different positions: each goes on as if it ran alone.
ids, logits = (stored[f"{name}_L40"][:2] for name in ("input_ids", "logits"))
begin = np.array([5, 17])
alone = [advance("prefill", ids[row:row + 1, :n], new_state(1))[1] for row, n in enumerate(begin)]
state = {name: np.concatenate([s[name] for s in alone]) for name in alone[0]}
# In one call, too, in which what is behind the shorter one is anything.
prompts = np.where(np.arange(20) < begin[:, None], ids[:, :20], 10**9)
_, together = advance("prefill_lengths", prompts, new_state(2), lengths=begin)
for t in range(3):
    found, state = advance("step", ids[[0, 1], begin + t][:, None], state)
    also, together = advance("step", ids[[0, 1], begin + t][:, None], together)
    assert np.abs(also - found).max() <= 1e-4 * max(1, np.abs(logits).max()), t
    deviation = np.abs(found[:, 0] - logits[[0, 1], begin + t]).max()
    assert deviation <= 1e-4 * max(1, np.abs(logits).max()), (t, deviation)
# A draft of 4 tokens, of which each row accepts the first few: what follows is
# as if it had been given those alone.
for _ in range(3):
    counts = rng.integers(0, 5, 2)
    at = begin + 3
    ids4 = np.stack([ids[row, at[row]:at[row] + 4] for row in range(2)])
    ids4 = np.where(np.arange(4) < counts[:, None], ids4, rng.integers(0, 99, (2, 4)))
    outputs = run("verify", input_ids=ids4, **state)
    for row, count in enumerate(counts):
        deviation = np.abs(outputs["logits"][row, :count] - logits[row, at[row]:at[row] + count])
        assert deviation.size == 0 or deviation.max() <= 1e-4 * max(1, np.abs(logits).max()), counts
    brought = {name: value for name, value in outputs.items() if name.startswith("brought_")}
    accepted = run("accept", lengths=counts, **brought, **state)
    found, _ = advance("step", ids[[0, 1], at + counts][:, None], accepted)
    deviation = np.abs(found[:, 0] - logits[[0, 1], at + counts]).max()
    print(f"accepted {counts}: largest deviation {deviation:.2g}")
    assert deviation <= 1e-4 * max(1, np.abs(logits).max()), (counts, deviation)
for wrong, message in (([5, 21], "larger than the number of tokens that are given: found 21, expected "),
                       ([-1, 5], "a number of 'lengths' is negative")):
    np.savez(given, input_ids=prompts, lengths=np.array(wrong), **new_state(2))
    done = subprocess.run(["ssm-run", lib, "--entry=prefill_lengths", f"--input=@{given}"], capture_output=True, text=True)
    assert done.returncode == 1 and message in done.stderr, done
