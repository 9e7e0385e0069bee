"""Compiling models."""
from __future__ import annotations

import ctypes
import os
import pathlib
import tempfile
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Union

from . import _native
from .errors import CompileError, Diagnostic
from .model import Module

if TYPE_CHECKING:
    import onnx

#: A path, the bytes of an ONNX file, or a model of the `onnx` package.
Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, "onnx.ModelProto"]
Dims = Union[Mapping[str, Union[str, int, Mapping[int, Union[str, int]]]], Iterable[str]]

_KINDS = {1: "input", 2: "usage", 70: "internal"}
_SEVERITIES = ("error", "warning", "note")
#: Options that may be given several times.
_REPEATED = ("dim", "strategy")


def compile(model: Source, out: Union[str, "os.PathLike[str]", None] = None, *, dim: Dims = (),
            opt_level: int = 2, **options: Any) -> Module:
    """Compiles a model and loads what came of it.

    model: a path, the bytes of an ONNX file, or an `onnx.ModelProto`. A model in
        memory looks for external data in `external_data_dir`.
    out: the shared library to write (its header lies beside it). Without it the
        library lives in a temporary folder, as long as the module.
    dim: extents of inputs to free or to fix: `{"input_ids": {0: "B", 1: "L"}}`,
        `{"input_ids:1": 512}` or `["input_ids:1=L"]`.
    opt_level: 2, or 0 for plain reference code.
    options: those of the command `ssmc` with _ for -: `cpu="znver4"`,
        `weights="bf16"`, `entry="prefill,step"`, `report=True`. A list is an
        option given several times, or a list with commas.

    Raises CompileError, with the reason, the ONNX node and what to do; RunError
    where the library does not run on this processor. Other threads run
    meanwhile, and may compile too.
    """
    folder = None
    if out is None:
        folder = tempfile.TemporaryDirectory(prefix="ssmc-")
        path = pathlib.Path(folder.name) / "model.so"
    else:
        path = pathlib.Path(out)
    try:
        arguments = _spell(dim, opt_level, options)
        if options.get("emit", "lib") != "lib":
            raise _usage("emit: what is compiled here is a library; the command ssmc writes the rest")
        diagnostics, log = _run(model, [*arguments, "-o", _guard(path)])
        return Module(path, folder=folder, warnings=diagnostics, log=log)
    except BaseException:
        if folder is not None:
            folder.cleanup()
        raise


def version() -> str:
    """The version of the compiler."""
    return _native.compiler().ssmc_version().decode()


def _usage(message: str) -> CompileError:
    return CompileError("usage", (Diagnostic("error", message),))


def _guard(path: pathlib.Path) -> str:
    """A path that is not taken for an option."""
    text = os.fspath(path)
    return os.path.join(".", text) if text.startswith("-") else text


def _spell(dim: Dims, opt_level: int, options: Mapping[str, Any]) -> list[str]:
    """Arguments of the command line."""
    arguments = [f"-O{opt_level}", *(f"--dim={text}" for text in _spell_dims(dim))]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            arguments.append(flag)
        elif isinstance(value, (str, int, float, os.PathLike)):
            arguments.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
        elif isinstance(value, Iterable) and name in _REPEATED:
            arguments += [f"{flag}={item}" for item in value]
        elif isinstance(value, Iterable):
            arguments.append(f"{flag}={','.join(map(str, value))}")
        else:
            raise _usage(f"{name}: {type(value).__name__} is no value of an option")
    return arguments


def _spell_dims(dim: Dims) -> list[str]:
    if isinstance(dim, str):
        return [dim]
    if not isinstance(dim, Mapping):
        return list(dim)
    texts = []
    for name, extent in dim.items():
        if isinstance(extent, Mapping):
            texts += [f"{name}:{axis}={one}" for axis, one in extent.items()]
        else:
            texts.append(f"{name}={extent}")
    return texts


def _run(model: Source, arguments: list[str]) -> tuple[tuple[Diagnostic, ...], str]:
    data = None
    if isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
    elif isinstance(model, (str, os.PathLike)):
        arguments = [_guard(pathlib.Path(model)), *arguments]
    elif hasattr(model, "SerializeToString"):
        data = model.SerializeToString()
    else:
        raise _usage(f"a model is a path, bytes or an onnx.ModelProto, not {type(model).__name__}")
    encoded = [os.fsencode(argument) for argument in arguments]
    if any(b"\0" in argument for argument in encoded):
        raise _usage("an argument has a zero byte in it")
    argv = (ctypes.c_char_p * len(encoded))(*encoded)
    library = _native.compiler()
    if data is None:
        result = library.ssmc_compile(len(encoded), argv)
    else:
        result = library.ssmc_compile_memory(data, len(data), len(encoded), argv)
    try:
        code = library.ssmc_result_code(result)
        log = library.ssmc_result_log(result).decode("utf-8", "replace")
        diagnostics = _read(library, result)
    finally:
        library.ssmc_free_result(result)
    if code:
        raise CompileError(_KINDS.get(code, "internal"), diagnostics, log)  # type: ignore[arg-type]
    return diagnostics, log


def _read(library: ctypes.CDLL, result: int) -> tuple[Diagnostic, ...]:
    said: list[dict] = []
    for i in range(library.ssmc_num_diagnostics(result)):
        one = library.ssmc_get_diagnostic(result, i).contents
        fields = {name: getattr(one, name).decode() for name in ("message", "remedy", "file", "node", "op")}
        fields |= {"severity": _SEVERITIES[one.severity], "line": one.line, "column": one.column, "notes": ()}
        if fields["severity"] == "note" and said:
            said[-1]["notes"] += (Diagnostic(**fields),)
        else:
            said.append(fields)
    return tuple(Diagnostic(**fields) for fields in said)
