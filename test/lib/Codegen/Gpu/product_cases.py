"""Products on an emulated device (emulate.py), beside numpy.

    product_cases.py few_rows|mma_few_rows|tiles|mma [sm_80]

Static shapes: of whole blocks and ragged ones, with batches, operands that lie
transposed, sums that begin with a number or with what is there.
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel_cases  # noqa: E402

rng = np.random.default_rng(7)


def product(spec, extents, kind="f32", start=0.0, right_kind=None):
    """`spec` as einsum's; what is there at the beginning is an input where
    `start` is None."""
    left, right, out = spec.replace("->", ",").split(",")
    case = kernel_cases.Case(kind)
    right_kind = right_kind or kind
    shapes = [[extents[c] for c in names] for names in (left, right, out)]
    a = case.input("a", rng.standard_normal(shapes[0]))
    b = case.input("b", rng.standard_normal(shapes[1]), right_kind)
    wanted = np.einsum(spec, a, b)
    if start is None:
        wanted = wanted + case.input("c", rng.standard_normal(shapes[2]), "f32")
        before, first = "", "%c"
    else:
        wanted = wanted + start
        before = f"""%first = arith.constant {start:f} : f32
  %f = linalg.fill ins(%first : f32) outs(%y : {{y}}) -> {{y}}"""
        first = "%f"
    case.result("y", wanted, "f32")
    loops = sorted(extents)
    dims = ", ".join("d" + c for c in loops)
    maps = ", ".join(f"affine_map<({dims}) -> ({', '.join('d' + c for c in names)})>" for names in (left, right, out))
    kinds = ", ".join('"parallel"' if c in out else '"reduction"' for c in loops)

    def extended(name, kind):
        if kind == "f32":
            return "", "%" + name
        return f"%{name}w = arith.extf %{name} : {kind} to f32", f"%{name}w"
    (line_p, p), (line_q, q) = extended("p", kind), extended("q", right_kind)
    case.run(f"""linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins({case.ref('a', 'b')}) outs({first} : {{y}}) {{
    ^bb0(%p: {kind}, %q: {right_kind}, %sum: f32):
      {line_p}
      {line_q}
      %m = arith.mulf {p}, {q} : f32
      %s = arith.addf %sum, %m : f32
      linalg.yield %s : f32
  }}""", f"{spec} {extents} {kind} {right_kind} {start}", before, tolerance=2e-5)


def few_rows():
    product("mk,kn->mn", dict(m=1, k=768, n=96))
    product("mk,kn->mn", dict(m=3, k=50, n=64), start=1.5)
    product("mk,kn->mn", dict(m=8, k=129, n=37), start=None)  # no vector
    product("mk,kn->mn", dict(m=16, k=70, n=40))
    product("mk,kn->mn", dict(m=11, k=33, n=4224))
    product("mk,nk->mn", dict(m=1, k=772, n=30))
    product("mk,nk->mn", dict(m=2, k=37, n=1100))  # four columns to a thread
    product("mk,nk->mn", dict(m=13, k=1032, n=5), start=None)
    product("km,kn->nm", dict(m=300, k=40, n=2))  # few columns
    product("bmk,bkn->bmn", dict(b=3, m=2, k=24, n=24))
    product("bmhk,bhnk->bhmn", dict(b=2, m=2, k=36, n=7, h=3))
    product("mk,kn->mn", dict(m=1, k=100, n=80), "bf16")
    product("mk,kn->mn", dict(m=7, k=100, n=80), "f16")
    product("mk,nk->mn", dict(m=4, k=104, n=80), "bf16", start=2.0)
    product("mk,nk->mn", dict(m=4, k=102, n=9), "f32", right_kind="f16")
    product("mk,kn->mn", dict(m=16, k=132, n=8448))
    product("mk,nk->mn", dict(m=16, k=260, n=4230), start=None)
    product("mk,nk->mn", dict(m=5, k=516, n=80))
    product("mk,kn->mn", dict(m=6, k=1536, n=80))


def mma_few_rows():
    product("mk,kn->mn", dict(m=2, k=768, n=1536), "bf16")
    product("mk,nk->mn", dict(m=16, k=768, n=800), "bf16", start=1.5)
    product("mk,kn->mn", dict(m=16, k=40, n=72), "f16")
    product("mk,nk->mn", dict(m=7, k=104, n=37), "f16", start=None)
    product("mk,kn->mn", dict(m=17, k=520, n=3080), "bf16", start=None)
    product("mk,kn->mn", dict(m=33, k=48, n=6152), "f16")
    product("mk,nk->mn", dict(m=64, k=136, n=3075), "bf16")
    product("mk,nk->mn", dict(m=61, k=1536, n=9), "f16")
    product("mk,kn->nm", dict(m=70, k=24, n=8), "bf16")  # few columns
    product("bmk,bkn->bmn", dict(b=3, m=5, k=56, n=24), "bf16")
    product("bmhk,bhnk->bhmn", dict(b=2, m=20, k=48, n=37, h=3), "f16")
    product("bck,kn->bcn", dict(b=3, c=7, k=32, n=40), "bf16")


def tiles():
    product("mk,kn->mn", dict(m=150, k=40, n=132))
    product("mk,kn->mn", dict(m=65, k=17, n=63), start=None)  # no vector
    product("mk,nk->mn", dict(m=40, k=36, n=68), start=1.5)
    product("km,nk->nm", dict(m=40, k=36, n=70))
    product("km,kn->mn", dict(m=72, k=33, n=80))
    product("bmhk,bhnk->bhmn", dict(b=2, m=20, k=20, n=37, h=2))
    product("bck,kdn->bdcn", dict(b=2, c=19, k=20, d=2, n=30))
    product("mk,kn->mn", dict(m=30, k=21, n=28), "f16", right_kind="f32")
    product("mk,kn->mn", dict(m=2049, k=9, n=2100))  # large tiles


def mma():
    product("mk,kn->mn", dict(m=80, k=72, n=136), "bf16")
    product("mk,nk->mn", dict(m=33, k=40, n=41), "f16", start=None)
    product("km,kn->mn", dict(m=72, k=35, n=64), "f16", start=1.5)
    product("km,nk->nm", dict(m=40, k=104, n=70), "bf16")
    product("bmhk,bhnk->bhmn", dict(b=2, m=20, k=48, n=37, h=2), "bf16")
    product("mk,kn->mn", dict(m=40, k=30, n=44), "bf16")  # not aligned: tiles of f32
    product("mk,kn->mn", dict(m=1450, k=40, n=1544), "bf16")  # large tiles


if __name__ == "__main__":
    {"few_rows": few_rows, "mma_few_rows": mma_few_rows, "tiles": tiles, "mma": mma}[sys.argv[1]]()
    kernel_cases.check_all(*sys.argv[2:] or ["sm_80"])
