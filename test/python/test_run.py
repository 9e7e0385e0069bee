"""Arrays in and out, and what is refused."""
import gc
import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
from conftest import Lent, parse

import ssmc

F32 = np.float32


@pytest.fixture(scope="module")
def add():
    return ssmc.compile(parse("(float[B, L] x, float[L] b) => (float[B, L] y) { y = Add (x, b) }"), opt_level=0)


@pytest.fixture(scope="module")
def two():
    return ssmc.compile(parse("(int64[N] a, bool[N] m) => (int64[N] s, bool[N] n) { s = Add (a, a) n = Not (m) }"),
                        opt_level=0)


def refuses(code, match):
    class Check:
        def __enter__(self):
            self.raised = pytest.raises(ssmc.RunError, match=match)
            self.info = self.raised.__enter__()

        def __exit__(self, *error):
            caught = self.raised.__exit__(*error)
            assert self.info.value.code == code
            return caught

    return Check()


INVALID, SHAPE = ssmc.Code.INVALID_ARGUMENT, ssmc.Code.SHAPE_MISMATCH
X = np.arange(6, dtype=F32).reshape(2, 3)
B = np.array([10, 20, 30], F32)


def test_description(add):
    assert list(add.entries) == ["forward"]
    assert [(v.name, v.dtype, v.shape) for v in add.inputs] == [("x", F32, ("B", "L")), ("b", F32, ("L",))]
    assert add.outputs[0].shape == ("B", "L") and add.outputs[0].rank == 2
    assert add.info["compiler"] == ssmc.version()
    assert "forward" in repr(add) and add.entries["forward"].symbols == ("B", "L")


def test_by_position_name_and_mapping(add):
    for y in (add(X, B), add(x=X, b=B), add(X, b=B), add({"x": X, "b": B})):
        assert isinstance(y, np.ndarray) and y.dtype == F32
        np.testing.assert_array_equal(y, X + B)


def test_several_outputs(two):
    y = two([1, 2], [True, False])
    s, n = y
    assert y["s"] is s and y[1] is n and list(y.as_dict()) == list(y.names) == ["s", "n"]
    assert s.tolist() == [2, 4] and n.tolist() == [False, True]
    assert pickle.loads(pickle.dumps(y)).names == ("s", "n")
    with pytest.raises(KeyError, match="no output 'z': there are s, n"):
        y["z"]
    only = np.empty(2, np.int64)
    assert two([1, 2], [True, False], out={"s": only})["s"] is only and only.tolist() == [2, 4]
    with refuses(INVALID, "out is a list or a mapping"):
        two([1], [True], out=only)
    with refuses(INVALID, "out has memory for 1 outputs"):
        two([1], [True], out=[only])
    with refuses(INVALID, "there is no output 'q'"):
        two([1], [True], out={"q": only})


def test_dlpack_is_not_copied(add):
    x, b = Lent(X.copy()), Lent(B.copy())
    memory = Lent(np.zeros((2, 3), F32))
    assert add(x, b, out=memory) is memory
    np.testing.assert_array_equal(memory.array, X + B)
    assert x.lent == b.lent == memory.lent == 1
    # What comes out speaks DLPack, too.
    np.testing.assert_array_equal(np.from_dlpack(add(x, b)), X + B)


def test_dlpack_before_version_1(add):
    class Old(Lent):
        def __dlpack__(self, stream=None):
            return self.array.__dlpack__()

    np.testing.assert_array_equal(add(Old(X.copy()), Old(B.copy())), X + B)


def test_dlpack_with_strides(add):
    np.testing.assert_array_equal(add(Lent(X.T.copy().T), Lent(np.repeat(B, 2)[::2])), X + B)


def test_dlpack_is_given_back(add):
    class Watched(np.ndarray):
        pass

    array = X.copy().view(Watched)
    import weakref
    gone = weakref.ref(array)
    add(Lent(array), B)
    del array
    gc.collect()
    assert gone() is None


def test_dlpack_elsewhere(add):
    class Gpu(Lent):
        def __dlpack_device__(self):
            return 2, 0

    with refuses(INVALID, "input 'x' lies on a device of type 2"):
        add(Gpu(X), B)


def test_dlpack_refuses(add):
    class Kept(Lent):
        def __dlpack__(self, **options):
            raise BufferError("it needs its gradient")

    with refuses(INVALID, "input 'x' cannot be had: it needs its gradient"):
        add(Kept(X), B)
    with refuses(INVALID, "with 64 bits of DLPack, which models do not take"):
        add(Lent(X.astype(np.complex64)), B)


def test_dlpack_read_only(add):
    frozen = np.zeros((2, 3), F32)
    frozen.flags.writeable = False
    with refuses(INVALID, "memory for it is read-only"):
        add(X, B, out=frozen)


def test_out(add):
    memory = np.empty((2, 3), F32)
    assert add(X, B, out=memory) is memory
    np.testing.assert_array_equal(memory, X + B)
    with refuses(SHAPE, r"memory for output 'y' has shape \(3, 3\); with these inputs it is \(2, 3\)"):
        add(X, B, out=np.empty((3, 3), F32))
    with refuses(INVALID, "output 'y' is of type float32; float64 was given"):
        add(X, B, out=np.empty((2, 3)))
    with refuses(INVALID, "must be contiguous"):
        add(X, B, out=np.empty((2, 6), F32)[:, ::2])
    with refuses(INVALID, "overlaps an input"):
        x = X.copy()
        add(x, B, out=x)
    with refuses(INVALID, "memory for it is a NumPy array"):
        add(X, B, out=3)


def test_layouts(add):
    """What is not dense is copied, never misread."""
    for x in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X[::-1][::-1], np.broadcast_to(X[:1], (2, 3))):
        np.testing.assert_array_equal(add(x, B), x + B)
    raw = bytearray(25)
    raw[1:] = X.tobytes()
    np.testing.assert_array_equal(add(np.frombuffer(raw, F32, offset=1).reshape(2, 3), B), X + B)


def test_types(add, two):
    with refuses(INVALID, r"input 'x' is of type float32; float64 was given: convert it with .astype\('float32'\)"):
        add(X.astype(np.float64), B)
    with refuses(INVALID, "float32 of the other byte order was given"):
        add(X.astype(">f4"), B)
    with refuses(INVALID, "input 'a' is of type int64; int32 was given"):
        two(np.zeros(2, np.int32), np.zeros(2, bool))
    with refuses(INVALID, "input 'a' is of type int64; values of type float64 were given"):
        two([1.5, 2], [True, False])
    with refuses(INVALID, "input 'm' is of type bool"):
        two([1], [2])
    with refuses(INVALID, "a NumPy array or an object with __dlpack__ is needed, not str"):
        two("ab", [True])
    with refuses(INVALID, "inhomogeneous"):
        add([[1.0], [1.0, 2.0]], B)
    with refuses(INVALID, "is of type float32; object was given"):
        add(np.array([[None]]), B)
    np.testing.assert_array_equal(add([[1, 2, 3]], [1, 1, 1]), [[2, 3, 4]])
    with refuses(INVALID, "element 1 is 7, expected 0 or 1"):
        two([1, 2], np.array([0, 7], np.uint8).view(bool))


def test_extents(add):
    with refuses(SHAPE, r"input 'b': dimension 0 \('L'\) is 2, expected 3"):
        add(X, B[:2])
    with refuses(SHAPE, "input 'x' has 1 dimensions, expected 2"):
        add(B, B)
    with refuses(INVALID, "input 'x' has 9 dimensions; models have at most 8"):
        add(np.zeros([1] * 9, F32), B)
    assert add(X[:0], B).shape == (0, 3)
    assert add(X[:, :0], B[:0]).shape == (2, 0)
    assert add(Lent(X[:0].copy()), B).shape == (0, 3)


def test_names(add):
    with refuses(INVALID, "there is no input 'z': entry 'forward' takes x, b"):
        add(X, z=B)
    with refuses(INVALID, "input 'x' is given twice"):
        add(X, x=X)
    with refuses(INVALID, "input 'b' is not given"):
        add(X)
    with refuses(INVALID, "3 inputs were given"):
        add(X, B, B)


def test_threads_option(add):
    for n in (0, 1, 2):
        np.testing.assert_array_equal(add(X, B, num_threads=n), X + B)
    try:
        add.num_threads = 2
        np.testing.assert_array_equal(add(X, B), X + B)
    finally:
        add.num_threads = 0
    for n in (-1, 1.5, True):
        with refuses(INVALID, "num_threads is a number from 0"):
            add(X, B, num_threads=n)


def test_bad_index(scale):
    with refuses(ssmc.Code.RUNTIME, "index"):
        scale.entries["gather"](np.zeros(4, F32), np.array([5]))


def test_loaded_by_hand(scale):
    y = scale.entries["scale"](X, np.ones(5, F32), [True, False])
    np.testing.assert_array_equal(y, 2 * X + 1)
    with refuses(ssmc.Code.UNSUPPORTED, "the model has no entry 'forward', but scale"):
        scale(X)


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    module = ssmc.compile(parse("(bfloat16[N] x) => (bfloat16[N] y, float16[N] h) {"
                                " y = Identity (x) h = Cast <to = 10> (x) }"), opt_level=0)
    x = np.array([1, -2.5, 3e5], ml_dtypes.bfloat16)
    y, h = module(x)
    assert y.dtype == ml_dtypes.bfloat16 and y.tolist() == x.tolist()
    assert h.dtype == np.float16 and h.tolist() == [1, -2.5, np.inf]
    with refuses(INVALID, "input 'x' is of type bfloat16"):
        module(x.astype(F32))


def test_many_threads(add):
    wrong = []

    def work(k):
        for _ in range(50):
            if not np.array_equal(add(X + k, B), X + k + B):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=[k]) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_fork(scale):
    """The threads of the pool are not in a child, which makes its own."""
    entry, mask = scale.entries["scale"], np.ones(3, F32)
    for _ in range(20):
        entry(X, mask, [], num_threads=2)
    child = os.fork()
    if child == 0:
        right = all(np.array_equal(entry(X, mask, [], num_threads=2), 2 * X + 1) for _ in range(20))
        os._exit(0 if right else 1)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0


def test_closed():
    model = parse("(float[N] x) => (float[N] y) { y = Neg (x) }")
    with ssmc.compile(model, opt_level=0) as module:
        assert module([1.0]).tolist() == [-1]
        entry, folder = module.entries["forward"], module.path.parent
        assert folder.exists()
    assert not folder.exists() and "closed" in repr(module)
    for call in (module, entry):
        with refuses(INVALID, "the module is closed"):
            call([1.0])
    module.close()


def test_entry_outlives_its_module():
    module = ssmc.compile(parse("(float[N] x) => (float[N] y) { y = Neg (x) }"), opt_level=0)
    entry, folder = module.entries["forward"], module.path.parent
    del module
    gc.collect()
    assert entry([1.0]).tolist() == [-1] and folder.exists()
    del entry
    gc.collect()
    assert not folder.exists()


def test_load(libraries, tmp_path):
    for path, code, match in [(tmp_path / "absent.so", ssmc.Code.IO, "No such file"),
                              (libraries / "libssmrt.so", INVALID, "no symbol ssm_model"),
                              (libraries / "fake-model-v999.so", ssmc.Code.VERSION, "compile it again"),
                              (libraries / "fake-model-cpu.so", ssmc.Code.UNSUPPORTED, "processor")]:
        with refuses(code, match):
            ssmc.load(path)


def test_torch(add):
    torch = pytest.importorskip("torch")
    y = add(torch.from_numpy(X), torch.from_numpy(B))
    np.testing.assert_array_equal(y, X + B)
    memory = torch.empty(2, 3)
    assert add(X, B, out=memory) is memory
    np.testing.assert_array_equal(memory.numpy(), X + B)
