#!/usr/bin/env python3
"""Exports transformers' MambaForCausalLM or Mamba2ForCausalLM with random
weights to ONNX.

This is what a user of PyTorch's exporters gets. Of Mamba, TorchScript writes
every token of the selective scan as a dozen nodes; of Mamba-2, the other one
writes the chunked closed form. The length is fixed in both. The defaults are the
130M model at 128 tokens (38,926 nodes, 678 MB, about 2.5 minutes):

    pip install torch transformers onnx onnxscript
    export_mamba.py mamba130m.onnx
    export_mamba.py mamba4x512.onnx --layers 4 --length 512
    export_mamba.py mamba2-130m.onnx --model mamba2 --length 512

Beside MODEL.onnx it writes MODEL.npz with `input_ids` and PyTorch's `logits` at
the traced length, and `input_ids_L{n}`, `logits_L{n}` at the other lengths of
--check.
"""
import argparse
import os
import time

import numpy as np
import torch
from transformers import Mamba2Config, Mamba2ForCausalLM, MambaConfig, MambaForCausalLM


class Logits(torch.nn.Module):
    """The forward of a language model without caches or dictionaries."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=False, return_dict=False)[0]


def add_model_arguments(parser):
    parser.add_argument("--model", choices=["mamba", "mamba2"], default="mamba")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--state", type=int, help="default: 16, of mamba2 128")
    parser.add_argument("--vocabulary", type=int, default=50280)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)


def make_model(args):
    torch.manual_seed(0)
    common = dict(hidden_size=args.hidden, num_hidden_layers=args.layers, vocab_size=args.vocabulary, use_cache=False)
    if args.model == "mamba":
        return Logits(MambaForCausalLM(MambaConfig(state_size=args.state or 16, **common)).eval())
    config = Mamba2Config(state_size=args.state or 128, num_heads=args.hidden // 32, head_dim=64, n_groups=1, **common)
    return Logits(Mamba2ForCausalLM(config).eval())


def make_tokens(args, length):
    generator = torch.Generator().manual_seed(length)
    return torch.randint(0, args.vocabulary, (args.batch, length), generator=generator)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output")
    add_model_arguments(parser)
    parser.add_argument("--check", type=int, nargs="*", default=[100, 512],
                        help="other lengths to store PyTorch's logits of")
    args = parser.parse_args()
    module = make_model(args)

    start = time.time()
    with torch.no_grad():
        ids = make_tokens(args, args.length)
        torch.onnx.export(module, (ids,), args.output, input_names=["input_ids"],
                          output_names=["logits"], opset_version=17 if args.model == "mamba" else 20,
                          dynamo=args.model != "mamba", external_data=False)
        print(f"exported in {time.time() - start:.0f} s, {os.path.getsize(args.output) / 1e6:.0f} MB")
        stored = {"input_ids": ids.numpy(), "logits": module(ids).numpy()}
        for length in args.check:
            ids = make_tokens(args, length)
            stored[f"input_ids_L{length}"] = ids.numpy()
            stored[f"logits_L{length}"] = module(ids).numpy()
    np.savez(os.path.splitext(args.output)[0] + ".npz", **stored)


if __name__ == "__main__":
    main()
