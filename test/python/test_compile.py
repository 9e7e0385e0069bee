"""What is compiled, with which options, and how errors are told."""
import threading

import numpy as np
import onnx
import pytest
from conftest import parse

import ssmc

NEGATE = "(float[N, 4] x) => (float[N, 4] y) { y = Neg (x) }"


def error(kind, *arguments, **options) -> ssmc.Diagnostic:
    with pytest.raises(ssmc.CompileError) as raised:
        ssmc.compile(*arguments, **{"opt_level": 0, **options})
    assert raised.value.kind == kind, raised.value
    said = raised.value.diagnostics
    assert said and all(one.severity in ("error", "warning") for one in said)
    assert said[-1].message in str(raised.value)
    return said[-1]


def test_sources(tmp_path):
    model = parse(NEGATE)
    path = tmp_path / "negate.onnx"
    onnx.save(model, path)
    data = model.SerializeToString()
    for source in (path, str(path), model, data, bytearray(data), memoryview(data)):
        module = ssmc.compile(source, opt_level=0)
        assert module(np.ones((1, 4), np.float32)).tolist() == [[-1] * 4]
    assert ssmc.compile(path, opt_level=0).info["source"] == "negate.onnx"
    with pytest.raises(ssmc.CompileError, match="a model is a path, bytes or an onnx.ModelProto, not int"):
        ssmc.compile(3)


def test_out_is_kept_and_loaded_again(tmp_path):
    out = tmp_path / "m.so"
    module = ssmc.compile(parse(NEGATE), out, opt_level=0)
    assert module.path == out
    module.close()
    assert out.exists() and out.with_suffix(".h").exists()
    assert ssmc.load(str(out))(np.ones((2, 4), np.float32)).shape == (2, 4)


def test_dims():
    for dim in ({"x:0": 3}, {"x": {0: 3}}, ["x:0=3"], "x:0=3"):
        assert ssmc.compile(parse(NEGATE), dim=dim, opt_level=0).inputs[0].shape == (3, 4)


def test_options():
    module = ssmc.compile(parse(NEGATE), cpu="x86-64-v3", opt_level=2, report=False, time=True, strategy=[])
    assert module.cpu == "x86-64-v3" and module.info["opt_level"] == 2
    assert "import" in module.log
    said = error("usage", parse(NEGATE), bogus=3)
    assert said.message == "unknown option '--bogus=3'" and "--help" in said.remedy
    assert "is '--weights=bf16' meant?" in error("usage", parse(NEGATE), weihgts="bf16").message
    assert "'pentium-9'" in error("usage", parse(NEGATE), cpu="pentium-9").message
    assert "-O7 is none of" in error("usage", parse(NEGATE), opt_level=7).message
    assert "is no value of an option" in error("usage", parse(NEGATE), cpu=object()).message
    assert "zero byte" in error("usage", parse(NEGATE), cpu="a\0b").message
    assert "what is compiled here is a library" in error("usage", parse(NEGATE), emit="asm").message
    for dim, message in ("ids:0=B", "the model has no input 'ids': it has x"), ("x:2=B", "the input has rank 2"):
        said = error("usage", parse(NEGATE), dim=[dim])
        assert message in said.message and "--dim=INPUT:AXIS=NAME with an input of the model" in said.remedy
    assert "there is no folder" in error("usage", parse(NEGATE), "/nonexistent/m.so").message


def test_broken_models(tmp_path):
    data = parse(NEGATE).SerializeToString()
    for broken in (b"", b"no model", data[: len(data) // 2], data[:-3]):
        said = error("input", broken)
        assert said.file == "model.onnx" and said.message and "check_model" in said.remedy
    absent = error("input", tmp_path / "absent.onnx")
    assert "No such file" in absent.message and absent.file.endswith("absent.onnx")
    assert "give the path of an ONNX model" in absent.remedy
    junk = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(data)
        damaged[junk.integers(len(data))] ^= 1 << junk.integers(8)
        try:
            ssmc.compile(damaged, opt_level=0)
        except ssmc.CompileError as raised:
            assert raised.kind in ("input", "usage") and raised.diagnostics


def test_node_is_named():
    model = parse("(float[2, 4] x, float[3] b) => (float[2, 4] y) { s = Neg (x) y = Add (s, b) }")
    model.graph.node[1].name = "layers.3/Add_1"
    said = error("input", model)
    assert (said.node, said.op, said.severity) == ("layers.3/Add_1", "Add, opset 21", "error")
    assert "4" in said.message and "3" in said.message and said.remedy
    assert "node 'layers.3/Add_1' (Add, opset 21): " in str(said) and "what to do: " in str(said)


def test_operator_is_not_supported():
    model = parse("(float[4] x) => (float[4] y) { y = Neg (x) }")
    model.graph.node[0].domain = "my.domain"
    model.opset_import.append(onnx.helper.make_opsetid("my.domain", 1))
    said = error("input", model)
    assert "1 operator is not supported" in said.message and "model-local functions" in said.remedy


def test_internal_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    said = error("internal", parse(NEGATE), fail_in="codegen")
    assert "fault of the compiler" in said.message and "report it" in said.remedy


def test_threads_compile_at_once():
    right = []

    def work(k):
        module = ssmc.compile(parse(f"(float[N] x) => (float[N] y) {{ k = Constant <value_float = {k}.0> () "
                                    "y = Mul (x, k) }"))
        right.append(module([1.0, 2.0]).tolist() == [k, 2 * k])

    threads = [threading.Thread(target=work, args=[k]) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 4


def test_nothing_is_printed(capfd):
    for source in (parse(NEGATE), b"no model"):
        try:
            ssmc.compile(source, opt_level=0)
        except ssmc.CompileError:
            pass
    assert capfd.readouterr() == ("", "")
