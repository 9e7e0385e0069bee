"""The models of test/models beside PyTorch's stored outputs and ONNX Runtime."""
import numpy as np
import onnxruntime
import pytest
from conftest import MODELS, Lent

import ssmc


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def run_ort(path, feeds):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)


@pytest.mark.parametrize("length", [1, 7, 24, 40])
def test_lengths(mamba, stored, length):
    ids = stored[f"input_ids_L{length}"]
    close(mamba(ids), stored[f"logits_L{length}"])
    close(mamba(input_ids=Lent(ids)), stored[f"logits_L{length}"])


def test_batches(mamba, stored):
    path = str(MODELS / "mamba" / "forward.dynamo.onnx")
    ids = stored["input_ids_L24"]
    close(mamba(ids), run_ort(path, {"input_ids": ids})[0])
    five = np.concatenate([ids, ids, ids])[:5]
    close(mamba(five)[4], mamba(ids)[0])


@pytest.mark.parametrize("name", ["mamba2", "xlstm", "qwen3_next", "recurrent_gemma"])
def test_as_traced(name):
    path = MODELS / name / "forward.dynamo.onnx"
    data = np.load(MODELS / name / "forward.npz")
    module = ssmc.compile(path, opt_level=0)
    feeds = {v.name: data[v.name if v.name in data else "in:" + v.name] for v in module.inputs}
    results = module(feeds)
    results = results if isinstance(results, tuple) else (results,)
    for value, result, expected in zip(module.outputs, results, run_ort(str(path), feeds), strict=True):
        assert result.dtype == value.dtype and result.shape == expected.shape
        close(result, expected)


def test_caches_as_inputs_and_outputs():
    path = MODELS / "mobius_mamba2" / "model.onnx"
    module = ssmc.compile(path, opt_level=0)
    for archive in ("prompt.npz", "decode.npz"):
        data = np.load(MODELS / "mobius_mamba2" / archive)
        feeds = {v.name: data["in:" + v.name if "in:" + v.name in data else v.name] for v in module.inputs}
        results = module(feeds)
        for value, expected in zip(module.outputs, run_ort(str(path), feeds), strict=True):
            close(results[value.name], expected)
