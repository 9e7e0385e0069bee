"""Inputs of lanes.mlir, and a check of the results."""
import sys

import numpy as np

rng = np.random.default_rng(5)
a, b, wide = rng.standard_normal((3, 3, 300)).astype("f4")
far, one, sums = wide.T.copy(), a[:, 0].copy(), b[0].copy()
CALLS = {"c.swapped": [a, b], "c.before": [a, b], "c.both": [a, b], "c.backwards": [a, far, one],
         "c.summed": [a, one, sums]}

if sys.argv[1] == "--check":
    found = np.load(sys.argv[2])
    a, b, wide, one, sums = (x.astype("f8") for x in (a, b, wide, one, sums))
    expected = {"swapped": [b, a], "before": [b, a + b], "both": [a - b, a - b],
                "backwards": [a[:, ::-1] - wide[::-1] * one[:, None]],
                "summed": [sums + (a * one[:, None]).sum(0)]}
    for name, results in expected.items():
        for i, result in enumerate(results):
            np.testing.assert_allclose(found[f"c.{name}.{i}"], result, rtol=1e-13, atol=1e-15, err_msg=name)
else:
    np.savez(sys.argv[1], **{f"{call}.{i}": x for call, given in CALLS.items() for i, x in enumerate(given)})
