"""long.py FOLDER: a million steps and three at -O2, beside double precision.

A rounding of eps at each step, of which a state keeps the last 1 / (1 - a), may
add up to eps min(L, 1 / (1 - a)) of the largest value; decays a that are computed
and sums in another order are what 8 of these are allowed for. Roundings go both
ways, so that even where little is forgotten a thousandth is far above them. Each
channel has an a of its own, about which its decays lie."""
import pathlib
import sys

import numpy as np

from artifact import Artifact
from ops import delta_rule, scan, selective, semiseparable, short_conv

LENGTH = 1_000_003
# 1 - a of each channel or head.
RATES = np.array([0.5, 1e-3, 1e-6])
EPS = np.finfo(np.float32).eps
ALLOWED = np.minimum(8 * EPS * np.minimum(LENGTH, 1 / RATES), 1e-3)


def about(rng, shape):
    """Factors whose distance to 1 is a rate, or up to twice as much or half."""
    return 1 - np.minimum(RATES * 2 ** rng.uniform(-1, 1, shape), 1)


OPS = [scan("scan", 3), selective("selective", 3, 2, False), short_conv("conv", 3, 4, silu=True),
       semiseparable("semi", (3, 3, 3), 2, 4, 3), delta_rule("delta", (3, 3, 3), 2, 2, 3)]


def check(op, rng, machine):
    given = op.inputs_of(rng, 1, LENGTH)
    if op.forget:
        given = op.forget(given, lambda shape: about(rng, shape)) | {"state": given["state"]}
        given = {n: np.float32(x) for n, x in given.items()}
    found, = machine([(op.name + "_forwards", given)])
    y, last = op.expected("forwards", given)
    # Channels, or heads, of y and of the state; a convolution forgets at once.
    allowed = ALLOWED if op.forget else np.full(3, 8 * EPS)
    for what, x, z, axis in (("y", found["y"], y, 2), ("state", found["last"], last, 1 if op.forget else 2)):
        error, size = (np.abs(np.moveaxis(v, axis, 0)).reshape(3, -1).max(1) for v in (np.float64(x) - z, z))
        print(f"{op.name}: {what}: {error / size} of {allowed}")
        if not (error <= allowed * size).all():
            sys.exit(f"{op.name}: {what} is off by {error / size} of its largest values, above {allowed}")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "long.mlir"
    source.write_text("module {\n" + "".join(op.text("forwards") for op in OPS) + "}\n")
    machine, rng = Artifact(source, 2), np.random.default_rng(11)
    for op in OPS:
        check(op, rng, machine)


if __name__ == "__main__":
    main()
