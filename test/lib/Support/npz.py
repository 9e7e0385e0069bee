"""Arrays of every type, order, header version and compression survive npz-copy;
broken files are refused with a message."""
import io
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np

tmp = sys.argv[1]
os.makedirs(tmp, exist_ok=True)
rng = np.random.default_rng(0)
path = lambda name: os.path.join(tmp, name)


def copy(source, target):
    return subprocess.run(["npz-copy", source, target], capture_output=True, text=True)


def equal(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape, (a.dtype, b.dtype, a.shape, b.shape)
    assert a.tobytes() == b.tobytes()


def header(array, version):
    data = io.BytesIO()
    np.lib.format.write_array(data, array, version=version)
    return data.getvalue()


arrays = {}
for dtype in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"):
    for shape in ((), (1,), (7,), (2, 3), (3, 1, 4, 2), (0,), (2, 0, 3)):
        a = np.asarray(rng.standard_normal(shape) * 50).astype(dtype)
        arrays[f"{dtype}.{len(shape)}.{a.size}"] = a
arrays["in:fortran/4d"] = np.asfortranarray(rng.standard_normal((3, 4, 5, 2)))
arrays["in:fortran/2d"] = np.asfortranarray(rng.standard_normal((300, 70)).astype("f4"))

for save in (np.savez, np.savez_compressed):
    save(path("in.npz"), **arrays)
    r = copy(path("in.npz"), path("out.npz"))
    assert r.returncode == 0, r.stderr
    out = np.load(path("out.npz"))
    assert list(out.files) == list(arrays)
    for name, a in arrays.items():
        equal(np.ascontiguousarray(a).reshape(a.shape), out[name])

for version in ((1, 0), (2, 0), (3, 0)):
    a = np.asfortranarray(rng.standard_normal((5, 6)))
    open(path("in.npy"), "wb").write(header(a, version))
    r = copy(path("in.npy"), path("out.npy"))
    assert r.returncode == 0, r.stderr
    equal(np.ascontiguousarray(a), np.load(path("out.npy")))

# zip64 sizes in the directory, as writers of streams leave them.
with zipfile.ZipFile(path("z64.npz"), "w") as z, z.open("a.npy", "w", force_zip64=True) as f:
    f.write(header(np.arange(5), (1, 0)))
r = copy(path("z64.npz"), path("out.npz"))
assert r.returncode == 0 and list(np.load(path("out.npz"))["a"]) == [0, 1, 2, 3, 4], r.stderr


def npy(text, data=b"", version=1):
    text = text.encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def zipped(method, name="a.npy", size=None, data=header(np.zeros(3), (1, 0))):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as z:
        z.writestr(name, data)
    raw = bytearray(raw.getvalue())
    if size is not None:
        at = raw.rindex(b"PK\x01\x02") + 24
        raw[at:at + 4] = struct.pack("<I", size)
    return bytes(raw)


broken = [
    (".npy", b"", "not a .npy file"),
    (".npy", b"hello, world", "not a .npy file"),
    (".npy", header(np.zeros(2), (1, 0))[:40], "truncated .npy header"),
    (".npy", npy("{}", version=9), "version 9"),
    (".npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", b"123"),
     "promises 12 bytes of data, the file has 3"),
    (".npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"), "malformed"),
    (".npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,"), "malformed"),
    (".npy", npy("{'descr': '<f4', 'shape': ()}", b"1234"), "malformed"),
    (".npy", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"), "malformed"),
    (".npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
     "too large"),
    (".npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
     "malformed"),
    (".npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1250000000,)}"),
     "promises 10000000000 bytes"),
    (".npy", header(np.zeros(3, ">f4"), (1, 0)), "'>f4' is not supported"),
    (".npy", header(np.zeros(3, "c8"), (1, 0)), "'<c8' is not supported"),
    (".npy", header(np.zeros((1,) * 33) if np.lib.NumpyVersion(np.__version__) >= "2.0.0"
                    else np.zeros(1, "c8"), (1, 0)), "supported"),
    (".npz", b"PK", "too short"),
    (".npz", b"x" * 100, "no end record"),
    (".npz", zipped(zipfile.ZIP_BZIP2), "method 12 is not supported"),
    (".npz", zipped(zipfile.ZIP_STORED, name="a.txt"), "not a .npy file"),
    (".npz", zipped(zipfile.ZIP_DEFLATED, size=0xfffffff0), "unpacks to more than it can hold"),
    (".npz", zipped(zipfile.ZIP_STORED, size=1000), "claims 1000 bytes"),
    (".npz", zipped(zipfile.ZIP_DEFLATED, size=20), "compressed data is broken"),
]
for i, (suffix, data, message) in enumerate(broken):
    open(path(f"broken{i}{suffix}"), "wb").write(data)
    r = copy(path(f"broken{i}{suffix}"), path("never" + suffix))
    assert r.returncode == 1, (i, r)
    assert message in r.stderr and r.stderr.startswith(path(f"broken{i}")), (i, message, r.stderr)
    assert not os.path.exists(path("never" + suffix))
assert "No such file" in copy(path("absent.npy"), path("never.npy")).stderr

# No truncation is readable; a changed byte of an archive shows in its checksum
# unless it is one that carries nothing (a date, say).
np.savez_compressed(path("small.npz"), a=np.arange(4.0), b=np.zeros((2, 2), "i1"))
np.save(path("small.npy"), np.arange(4.0))
for name in ("small.npz", "small.npy"):
    r = subprocess.run(["npz-copy", "--break", path(name)], capture_output=True, text=True)
    assert r.returncode == 0, r
    size = os.path.getsize(path(name))
    assert f"truncations refused: {size} of {size}\n" in r.stdout, r.stdout
print("ok")
