#!/usr/bin/env python3
"""Times an LSTM or GRU, compiled from ssm.recurrence, beside ONNX Runtime's node.

    benchmarks/cpu/recurrence.py lstm --batch 1
    benchmarks/cpu/recurrence.py gru --batch 16 [--threads 2]

Both sides have the same weights as constants, take x (time, batch, inputs),
project it, run all steps and write the hidden states of every step. The IR has
the projection within the step, as the equations do. Runs alternate in pairs; times
are processor times of all threads, by the clock with several.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from paired import cpu_name  # sets paths
from recurrent_cells import CELLS, module, reference


def onnx_model(cell, inputs, hidden, W, R, b):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    # ONNX has LSTM's gates as i o f c, GRU's as z r h, and weights transposed.
    order = [0, 3, 1, 2] if cell == "lstm" else [0, 1, 2]
    arrange = lambda m: np.concatenate([np.split(m, CELLS[cell], -1)[g] for g in order], -1)
    weights = {"W": arrange(W).T[None], "R": arrange(R).T[None],
               "b": np.concatenate([arrange(b[0]), arrange(b[1])])[None]}
    attributes = {"hidden_size": hidden}
    if cell.startswith("gru"):
        attributes["linear_before_reset"] = int(cell == "gru")
    node = helper.make_node("LSTM" if cell == "lstm" else "GRU", ["x", "W", "R", "b"], ["y"], **attributes)
    graph = helper.make_graph(
        [node], "rnn", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["L", "B", inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["L", 1, "B", hidden])],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return model.SerializeToString()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cell", choices=CELLS)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--dynamic", action="store_true", help="leave the batch open when compiling")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--runs", type=int, default=5, help="of each side in a pair")
    parser.add_argument("--flag", action="append", default=[], help="for ssmc")
    parser.add_argument("--keep", help="folder for the model's files")
    args = parser.parse_args()
    import onnxruntime

    L, B, I, H, n = args.length, args.batch, args.inputs, args.hidden, CELLS[args.cell] * args.hidden
    rng = np.random.default_rng(0)
    draw = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(np.float32)
    W, R, b = draw(I, n), draw(H, n), draw(2, n)
    x = rng.standard_normal((L, B, I)).astype(np.float32)

    with tempfile.TemporaryDirectory() as folder:
        folder = args.keep or folder
        os.makedirs(folder, exist_ok=True)
        source, library = os.path.join(folder, "model.mlir"), os.path.join(folder, "model.so")
        with open(source, "w") as file:
            file.write(module(args.cell, None if args.dynamic else B, W, R, b))
        subprocess.run(["ssmc", source, "-O2", "-o", library, *args.flag], check=True)
        given, found = os.path.join(folder, "x.npz"), os.path.join(folder, "y.npz")
        np.savez(given, x=x)
        subprocess.run(["ssm-run", library, f"--input=@{given}", f"--output=@{found}"], check=True)
        y = np.load(found)["y"]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        session = onnxruntime.InferenceSession(onnx_model(args.cell, I, H, W, R, b), options,
                                               providers=["CPUExecutionProvider"])
        z = session.run(None, {"x": x})[0]
        binding = session.io_binding()
        binding.bind_cpu_input("x", x)
        binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(z))
        clock = time.process_time if args.threads == 1 else time.perf_counter

        def peer():
            start = clock()
            session.run_with_iobinding(binding)
            return (clock() - start) * 1e3

        def ours():
            done = subprocess.run(["ssm-run", library, f"--input=@{given}", f"--bench={args.runs}", "--json",
                                   "--threads", str(args.threads)], capture_output=True, text=True, check=True)
            return json.loads(done.stdout)["cpu_ms" if args.threads == 1 else "p50_ms"]

        pairs = [(ours(), statistics.median(peer() for _ in range(args.runs))) for _ in range(args.pairs)]

    exact = reference(args.cell, x, W, R, b)
    print(f"{cpu_name()}; {args.cell}, {L} steps, batch {B}{' (open)' if args.dynamic else ''}, {I} inputs, {H} hidden, "
          f"{args.threads} threads, {'processor time' if args.threads == 1 else 'clock'}, {args.pairs} pairs; "
          f"ONNX Runtime {onnxruntime.__version__}")
    for name, side, value in (("ssmc", 0, y), ("ONNX Runtime", 1, z[:, 0])):
        times = [pair[side] for pair in pairs]
        print(f"{name:13s} median {statistics.median(times):8.3f} ms  best {min(times):8.3f} ms  "
              f"{statistics.median(times) / L * 1e3:7.2f} us per step;  "
              f"largest deviation from double precision {np.abs(value - exact).max():.1e} of {np.abs(exact).max():.2f}")
    print(f"ratio {statistics.median(p / o for o, p in pairs):.2f} (median of pairs)")
    print(f"two products: {2 * L * B * (I + H) * n / 1e9:.2f} GFLOP, "
          f"{R.nbytes / 2**20:.2f} MB of weights used by every step")
    print("raw ms: " + " ".join(f"{o:.3f}/{p:.3f}" for o, p in pairs))


if __name__ == "__main__":
    main()
