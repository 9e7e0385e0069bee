"""What the tests of the package share. SSMC_LIBRARY_DIR names the libraries."""
import os
import pathlib

import numpy as np
import onnx.parser
import pytest

import ssmc

MODELS = pathlib.Path(__file__).resolve().parents[1] / "models"
MAMBA = MODELS / "mamba"


def parse(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model('<ir_version: 10, opset_import: ["": 21]> g ' + text)


class Lent:
    """A foreign array that only speaks DLPack, and counts how often it did."""

    def __init__(self, array: np.ndarray):
        self.array, self.lent = array, 0

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        self.lent += 1
        return self.array.__dlpack__(**options)


@pytest.fixture(scope="session")
def mamba() -> ssmc.Module:
    """Any batch, any length, with its decoder."""
    return ssmc.compile(MAMBA / "forward.dynamo.onnx", dim={"input_ids": {0: "B", 1: "L"}},
                        entry=["forward", "prefill", "prefill_lengths", "step", "verify"])


@pytest.fixture(scope="session")
def stored():
    return np.load(MAMBA / "lengths.npz")


@pytest.fixture(scope="session")
def libraries() -> pathlib.Path:
    return pathlib.Path(os.environ["SSMC_LIBRARY_DIR"])


@pytest.fixture(scope="session")
def scale(libraries) -> ssmc.Module:
    """y[B, L] = 2 x[B, L] + mask[P + L] with P from past[P], written by hand."""
    module = ssmc.load(libraries / "fake-model.so")
    return module
