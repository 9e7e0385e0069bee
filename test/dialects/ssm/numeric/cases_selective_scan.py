"""The cases of ssm.selective_scan and its dense formula."""
import numpy as np

from cases_scan import scan
from common import LENGTHS, STORAGE, Case, normal, sigmoid, unknown, wide
from execute import Function


def selective_scan(u, delta, A, B, C, D, z, resets, s0, reverse=False):
    u, delta, A, B, C = map(wide, (u, delta, A, B, C))
    a = np.exp(np.einsum("bld,dn->bldn", delta, A))
    if resets is not None:
        a = a * ~resets[:, :, None, None]
    b = np.einsum("bld,bln,bld->bldn", delta, B, u)
    h, last = scan(a, b, s0, 1, reverse)
    y = np.einsum("bln,bldn->bld", C, h)
    if D is not None:
        y = y + wide(D) * u
    if z is not None:
        y = y * wide(z) * sigmoid(wide(z))
    return y, last


def cases(rng):
    cases = []
    for dtype, state_dtype in STORAGE:
        for skip, gate, resets, reverse in [(0, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 1), (0, 1, 0, 1),
                                            (0, 0, 1, 0)]:
            for length in LENGTHS:
                b, d, n = rng.integers(1, 6, 3)
                u, z = (normal(rng, dtype, b, length, d) for _ in range(2))
                # Steps as after softplus, some of them large.
                delta = np.abs(normal(rng, dtype, b, length, d)) ** 3
                A = -np.exp(normal(rng, dtype, d, n))
                B, C = (normal(rng, dtype, b, length, n) for _ in range(2))
                D, s = normal(rng, dtype, d), normal(rng, state_dtype, b, d, n)
                flags = rng.random((b, length)) < 0.3
                ins = [u, delta, A, B, C] + [D] * skip + [z] * gate + [flags] * resets
                axes = [1, 1, None, 1, 1] + [None] * skip + [1] * gate + [1] * resets + [1]
                text = ("ssm.selective_scan " + ("reverse " if reverse else "")
                        + "ins({0}, {1}, {2}, {3}, {4} : {t0}, {t1}, {t2}, {t3}, {t4}) ")
                at = 5
                for word in ["skip"] * skip + ["gate"] * gate + ["resets"] * resets:
                    text += f"{word}({{{at}}} : {{t{at}}}) "
                    at += 1
                text += f"outs({{{at}}}, {{{at + 1}}} : {{t{at}}}, {{t{at + 1}}})"
                function = Function(f"selective_{np.dtype(dtype).name}_{skip}{gate}{resets}{reverse}",
                                    unknown(ins), unknown([u, s]), text, [2, 3, 2])

                def compute(u, delta, A, B, C, *rest, skip=skip, gate=gate, resets=resets,
                            reverse=reverse):
                    return selective_scan(u, delta, A, B, C, rest[0] if skip else None,
                                          rest[skip] if gate else None,
                                          rest[-2] if resets else None, rest[-1], reverse)
                cases.append(Case(function, ins, [u], [s], axes, [bool(reverse)] * len(axes), compute,
                                  linear=(0, len(ins))))
    return cases
