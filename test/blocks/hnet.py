"""A stage of H-Net as a state machine, token by token, against the compiled block
in one call, in two, and with one token a call."""
import sys

import numpy as np

from block import check, compare, normal

STATES = ["tail", "last", "seen", "memory", "row"]


def step(x, w, wq, wk, wr, main_q, main_k, main_g, state):
    """One token of one sequence. The state changes; y, and whether a chunk began."""
    known = np.concatenate([state["tail"], x[None]])
    code = (known * w.T).sum(0)
    code = code / (1 + np.exp(-code))
    state["tail"] = known[1:]
    q, k = code @ wq, code @ wk
    p = 1.0
    if state["seen"]:
        cosine = state["last"] @ k / np.linalg.norm(state["last"]) / np.linalg.norm(k)
        p = min(max((1 - cosine) / 2, 0), 1)
    state["last"], state["seen"] = q, True
    begins = p > 0.5
    if begins:
        decay = np.exp(-(code @ main_g) ** 2)
        state["memory"] = decay * state["memory"] + np.outer(code @ main_k, code)
        mixed = state["memory"].T @ (code @ main_q)
        p = min(max(p, 1e-4), 1 - 1e-4)
        state["row"] = p * mixed + (1 - p) * state["row"]
    return state["row"] + code @ wr, begins


def empty(batch):
    return {"tail": np.zeros((batch, 2, 6), np.float32), "last": np.zeros((batch, 6), np.float32),
            "seen": np.zeros(batch, bool), "memory": np.zeros((batch, 1, 3, 6), np.float32),
            "row": np.zeros((batch, 6), np.float32)}


def oracle(x, weights):
    wide = {name: value.astype(np.float64) for name, value in weights.items()}
    ys, counts, ends = [], [], []
    for row in x.astype(np.float64):
        state = {name: value[0].astype(np.float64) for name, value in empty(1).items()}
        state["memory"] = state["memory"][0]
        done = [step(token, state=state, **wide) for token in row]
        ys.append([y for y, _ in done])
        counts.append(sum(begins for _, begins in done))
        ends.append(state)
    return np.array(ys).reshape(x.shape), np.array(counts), ends


def test(block):
    rng = np.random.default_rng(5)
    weights = {"w": normal(rng, 6, 3), "main_g": normal(rng, 6) / 3,
               **{name: normal(rng, 6, 6) for name in ("wq", "wk", "wr")},
               **{name: normal(rng, 6, 3) / 3 for name in ("main_q", "main_k")}}
    for batch, length in [(1, 13), (3, 17), (2, 1)]:
        x = normal(rng, batch, length, 6)
        expected, counts, ends = oracle(x, weights)
        assert length == 1 or len(set(counts)) > 1 or 1 < counts[0] < length, "chunks must differ"
        # All at once, a prompt and its rest, and a prompt and then tokens.
        for pieces in ([length], [length // 2, length - length // 2],
                       [length // 3] + [1] * (length - length // 3)):
            state, ys, count, at = empty(batch), [], 0, 0
            for piece in pieces:
                out = block(x=x[:, at:at + piece], **weights, **state)
                ys.append(out["y"])
                count, at = count + out["count"], at + piece
                state = {name: out[name + "_out"] for name in STATES}
            what = f"batch {batch}, pieces {pieces}"
            compare(what, np.concatenate(ys, 1), expected, 2e-5)
            assert (count == counts).all(), (what, count, counts)
            for name in STATES:
                wanted = np.array([end[name] for end in ends]).reshape(state[name].shape)
                compare(f"{what}: {name}", state[name] * 1.0, wanted * 1.0, 2e-5)


check(sys.argv[1], test)
