#!/usr/bin/env python3
"""Writes a model of one LinearAttention node, a Gated DeltaNet: ONNX's own of
opset 27, or with --contrib that of com.microsoft, which ONNX Runtime has a kernel
for.

    linear_attention.py gated_delta.onnx [--contrib] [--length 512 --heads 12 --width 128]
    ssmc gated_delta.onnx -o gated_delta.so
    compare_ort.py gated_delta.onnx gated_delta.so --feeds gated_delta.npz --threads 1

Keys have length one, decays and rates are those of a model at rest. Beside
MODEL.onnx stands MODEL.npz with an array in:NAME for every input.
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--contrib", action="store_true", help="the operator of com.microsoft")
    args = parser.parse_args()
    L, H, N = args.length, args.heads, args.width
    rng = np.random.default_rng(1)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    keys = normal(1, L, H, N)
    keys /= np.sqrt((keys ** 2).sum(-1, keepdims=True) + 1e-6)
    feeds = {"query": normal(1, L, H * N), "key": keys.reshape(1, L, H * N), "value": normal(1, L, H * N),
             "state": np.zeros((1, H, N, N), np.float32),
             "decay": -np.log1p(np.exp(normal(1, L, H) - 2)), "beta": 1 / (1 + np.exp(-normal(1, L, H)))}
    node = helper.make_node("LinearAttention", list(feeds), ["y", "last"], domain="com.microsoft" if args.contrib else "",
                            update_rule="gated_delta", q_num_heads=H, kv_num_heads=H, scale=float(N ** -0.5))
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "linear_attention", [info(name, array.shape) for name, array in feeds.items()],
                              [info("y", (1, L, H * N)), info("last", (1, H, N, N))])
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 27), helper.make_opsetid("com.microsoft", 1)]), args.output)
    np.savez(args.output.removesuffix(".onnx") + ".npz",
             **{f"in:{name}": array.astype(np.float32) for name, array in feeds.items()})


if __name__ == "__main__":
    main()
