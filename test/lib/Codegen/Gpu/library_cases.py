"""Products by a library that is there, on an emulated device, beside numpy.

    library_cases.py [sm_80]

What the library refuses is computed by our kernels; a choice is asked once.
"""
import ctypes
import os
import pathlib
import shutil
import sys

LIBRARY = pathlib.Path(shutil.which("ssmc")).resolve().parents[1] / "lib" / "emulator" / "libcublasLt.so"
os.environ["SSMRT_CUBLASLT"] = str(LIBRARY)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel_cases  # noqa: E402
from product_cases import product  # noqa: E402

library = ctypes.CDLL(str(LIBRARY))


def counted(name):
    return ctypes.c_uint64.in_dll(library, f"emulated_{name}").value


COMPUTED = [  # by the library
    ("mk,kn->mn", dict(m=80, k=72, n=136), "bf16", 0.0),
    ("mk,nk->mn", dict(m=40, k=33, n=41), "f32", None),
    ("km,kn->mn", dict(m=72, k=35, n=64), "f16", 0.0),
    ("km,nk->nm", dict(m=40, k=104, n=72), "bf16", None),
    ("km,kn->nm", dict(m=19, k=5, n=23), "f32", 0.0),
    ("bmk,bnk->bmn", dict(b=3, m=20, k=37, n=18), "f32", 0.0),
    ("bck,kn->bcn", dict(b=4, c=19, k=20, n=30), "f32", 0.0),
    ("bcmk,bckn->bcmn", dict(b=2, c=3, m=17, k=20, n=30), "f32", None),
]
OTHERS = [  # not
    ("mk,kn->mn", dict(m=80, k=30, n=44), "f16", 0.0),  # refused
    ("mk,kn->mn", dict(m=20, k=30, n=44), "f32", 1.5),  # begins with a number
    ("mk,kn->mn", dict(m=12, k=30, n=44), "f32", 0.0),  # few rows
    ("bmhk,bhnk->bhmn", dict(b=2, m=20, k=20, n=37, h=2), "f32", 0.0),  # batches that are not as one
]

if __name__ == "__main__":
    for spec, extents, kind, start in COMPUTED + OTHERS:
        product(spec, extents, kind, start=start)
    kernel_cases.check_all(*sys.argv[1:] or ["sm_80"])
    runs = 4  # of each case
    assert counted("products") == runs * len(COMPUTED), counted("products")
    # Where values are on the device differs from run to run only in what it is aligned to.
    assert counted("choices") <= 3 * (len(COMPUTED) + 1), counted("choices")
    print("products", counted("products"), "choices", counted("choices"))
