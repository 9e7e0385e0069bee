"""The cases of ssm.rope and its dense formula: each pair as a complex number
that is turned."""
import numpy as np

from common import LENGTHS, STORAGE, Case, mixer, normal, wide


def rope(x, cos, sin, layout):
    x, turn = wide(x), wide(cos) + 1j * wide(sin)
    if turn.ndim < 4:
        turn = turn[..., None, :]
    angles = turn.shape[-1]
    pairs, rest = x[..., :2 * angles], x[..., 2 * angles:]
    shape = (2, angles) if layout == "half" else (angles, 2)
    axis = -2 if layout == "half" else -1
    pairs = np.moveaxis(pairs.reshape(*x.shape[:3], *shape), axis, 0)
    turned = (pairs[0] + 1j * pairs[1]) * turn
    y = np.stack([turned.real, turned.imag], axis).reshape(*x.shape[:3], 2 * angles)
    return (np.concatenate([y, rest], -1),)


def cases(rng):
    cases = []
    for dtype, angle_dtype in STORAGE:
        for layout, rank in [("half", 2), ("half", 4), ("interleaved", 2), ("interleaved", 3)]:
            for length in LENGTHS:
                b, h, f = rng.integers(1, 5, 3)
                # All, all but one, or some of the elements are turned.
                x = normal(rng, dtype, b, length, h, 2 * f + rng.integers(0, 4))
                shape = {2: [length, f], 3: [b, length, f], 4: [b, length, h, f]}[rank]
                angle = normal(rng, np.float64, *shape)
                cos, sin = np.cos(angle).astype(angle_dtype), np.sin(angle).astype(angle_dtype)
                function, ins = mixer(f"rope_{np.dtype(dtype).name}_{layout}_{rank}",
                                      f"ssm.rope layout({layout})", [("ins", [x, cos, sin])],
                                      [np.zeros_like(x)], [], [2, 3, 2])
                time = 0 if rank == 2 else 1
                cases.append(Case(function, ins, [np.zeros_like(x)], [], [1, time, time, 1],
                                  [False] * 4, lambda *ins, layout=layout: rope(*ins, layout)))
    return cases
