#!/usr/bin/env python3
"""How far a compiled model, ONNX Runtime and PyTorch are from double precision.

    accuracy.py mamba130m.onnx mamba130m.so --json ../results/accuracy-mamba130m.json

The model is that of export_mamba.py with the same options (the weights follow
from its seed), computed once more by PyTorch with every tensor in double; where
transformers asks for float (norms, states) it gets double too. Reported are the
largest and the root mean square deviation of all logits.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers.models.mamba.modeling_mamba as mamba
from export_mamba import add_model_arguments, make_model, make_tokens


def in_double(module):
    """The module with no step left in single precision."""
    def norm(self, hidden):
        variance = hidden.pow(2).mean(-1, keepdim=True)
        return self.weight * hidden * torch.rsqrt(variance + self.variance_epsilon)

    mamba.MambaRMSNorm.forward = norm
    torch.Tensor.float = lambda self: self.double()
    torch.set_default_dtype(torch.float64)
    return module.double()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("onnx")
    parser.add_argument("library")
    parser.add_argument("--ssm-run", default="ssm-run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", help="write the deviations to this file")
    add_model_arguments(parser)
    args = parser.parse_args()

    module, ids = make_model(args), make_tokens(args, args.length)
    results = {}
    with torch.no_grad():
        results["PyTorch"] = module(ids).numpy()
        exact = in_double(module)(ids)
    assert exact.dtype == torch.float64
    exact = exact.numpy()

    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(args.onnx, options, providers=["CPUExecutionProvider"])
    results["ONNX Runtime"] = session.run(None, {"input_ids": ids.numpy()})[0]

    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("in.npz", "out.npz")]
        np.savez(files[0], input_ids=ids.numpy())
        done = subprocess.run([args.ssm_run, args.library, "--input", "@" + files[0],
                               "--output", "@" + files[1], "--threads", str(args.threads)],
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        results["ssmc"] = np.load(files[1])["logits"]

    report = {"onnx": os.path.basename(args.onnx), "tokens": args.length,
              "torch": torch.__version__, "onnxruntime": onnxruntime.__version__,
              "largest_logit": float(np.abs(exact).max()), "deviation": {}}
    for name, logits in results.items():
        error = np.abs(logits.astype(np.float64) - exact)
        report["deviation"][name] = {"max": float(error.max()),
                                     "rms": float(np.sqrt((error ** 2).mean()))}
        print(f"{name:14s} max {error.max():.3e}  rms {np.sqrt((error ** 2).mean()):.3e}")
    print(f"largest logit {report['largest_logit']:.3f}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
