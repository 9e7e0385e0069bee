"""mixer.py FILE.mlir: compares the mixer of a model with the function of the
same name in models.py, on random inputs and several batches and lengths."""
import pathlib
import re
import sys

import numpy as np

import models
from block import check, compare

DTYPES = {"1": np.float32, "9": np.bool_}
# Batch and length.
CASES = [(1, 1), (2, 2), (3, 11)]


def inputs_of(text):
    """Names, types and extents, as the signature has them."""
    listed = re.search(r"inputs = \[(.*?)\],\s*outputs", text, re.S)[1]
    return re.findall(r'name = "(\w+)", dtype = (\d+) : i64, dims = affine_map<\(\)\[s0, s1\] -> \((.*?)\)>',
                      listed)


def sample(rng, name, dtype, shape):
    if dtype == np.bool_:
        return rng.random(shape) < 0.3
    x = rng.standard_normal(shape)
    return models.RANGES.get(name, lambda x: x)(x).astype(dtype)


path = pathlib.Path(sys.argv[1])
signature, model = inputs_of(path.read_text()), getattr(models, path.stem)


def test(block):
    rng = np.random.default_rng(5)
    for batch, length in CASES:
        extents = {"s0": batch, "s1": length}
        feed = {name: sample(rng, name, DTYPES[dtype],
                             [extents.get(d) or int(d) for d in dims.split(", ")])
                for name, dtype, dims in signature}
        doubles = {name: x if x.dtype == bool else x.astype(np.float64) for name, x in feed.items()}
        compare(f"{batch} x {length}", block(**feed)["y"], model(**doubles))


check(path, test)
