#!/usr/bin/env python3
"""Exports transformers' MambaForCausalLM with random weights to ONNX.

This is what a user of PyTorch's TorchScript exporter gets: every token of the
selective scan is a dozen nodes, and the length is fixed. The defaults are the
130M model at 128 tokens (38,926 nodes, 678 MB, about 2.5 minutes):

    pip install torch transformers onnx onnxscript
    export_mamba.py mamba130m.onnx
    export_mamba.py mamba4x512.onnx --layers 4 --length 512

Beside MODEL.onnx it writes MODEL.npz with `input_ids` and PyTorch's `logits` at
the traced length, and `input_ids_L{n}`, `logits_L{n}` at the other lengths of
--check.
"""
import argparse
import os
import time

import numpy as np
import torch
from transformers import MambaConfig, MambaForCausalLM


class Logits(torch.nn.Module):
    """The forward of a language model without caches or dictionaries."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=False, return_dict=False)[0]


def add_model_arguments(parser):
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--state", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=50280)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)


def make_model(args):
    torch.manual_seed(0)
    config = MambaConfig(hidden_size=args.hidden, num_hidden_layers=args.layers,
                         state_size=args.state, vocab_size=args.vocabulary, use_cache=False)
    return Logits(MambaForCausalLM(config).eval())


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
                          output_names=["logits"], opset_version=17, dynamo=False)
        print(f"exported in {time.time() - start:.0f} s, {os.path.getsize(args.output) / 1e6:.0f} MB")
        stored = {"input_ids": ids.numpy(), "logits": module(ids).numpy()}
        for length in args.check:
            ids = make_tokens(args, length)
            stored[f"input_ids_L{length}"] = ids.numpy()
            stored[f"logits_L{length}"] = module(ids).numpy()
    np.savez(os.path.splitext(args.output)[0] + ".npz", **stored)


if __name__ == "__main__":
    main()
