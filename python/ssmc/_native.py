"""The two C libraries, declared for ctypes: `libssmrt` (include/ssmrt/ssmrt.h)
and, loaded when something is compiled, `libssmc` (include/ssmc/ssmc.h).

They lie beside this file in an installed package. `SSMC_LIBRARY_DIR` names
another folder, such as `build/lib` of a checkout.
"""
from __future__ import annotations

import ctypes
import functools
import os
import pathlib
from ctypes import POINTER, Structure, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p

MAX_RANK = 8
ABI_VERSION = 8
API_VERSION = 1


class Status(Structure):
    _fields_ = [("code", c_int), ("message", c_char * 240)]


class Tensor(Structure):
    _fields_ = [("data", c_void_p), ("dtype", c_int32), ("rank", c_int32), ("shape", c_int64 * MAX_RANK)]


class ValueDesc(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_int32), ("rank", c_int32),
                ("dim_name", c_char_p * MAX_RANK), ("dim_symbol", c_int32 * MAX_RANK)]


class EntryDesc(Structure):
    _fields_ = [("name", c_char_p), ("num_symbols", c_int32), ("num_inputs", c_int32), ("num_outputs", c_int32),
                ("num_states", c_int32), ("symbols", POINTER(c_char_p)), ("inputs", POINTER(ValueDesc)),
                ("outputs", POINTER(ValueDesc)), ("dims", c_void_p), ("workspace", c_void_p), ("run", c_void_p),
                ("state_inputs", POINTER(c_int32)), ("state_outputs", POINTER(c_int32))]


class StateDesc(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_int32), ("rank", c_int32), ("shape", c_int64 * MAX_RANK),
                ("initial", c_double), ("in_place", c_int32), ("reserved", c_int32),
                ("initial_row", c_void_p)]


class ModelDesc(Structure):
    _fields_ = [("abi_version", c_int32), ("num_entries", c_int32), ("entries", POINTER(EntryDesc)),
                ("num_states", c_int32), ("reserved", c_int32), ("states", POINTER(StateDesc)),
                ("weights", c_void_p), ("weights_bytes", c_int64), ("weights_file", c_char_p),
                ("weights_id", c_uint64), ("cpu", c_char_p), ("cpu_features", c_uint64), ("info", c_char_p), ("device", c_void_p)]


class RunOptions(Structure):
    _fields_ = [("workspace", c_void_p), ("workspace_bytes", c_size_t), ("num_threads", c_int32),
                ("parallel_for", c_void_p), ("pool", c_void_p), ("stream", c_void_p)]


class Diagnostic(Structure):
    _fields_ = [("severity", c_int), ("line", c_int32), ("column", c_int32), ("message", c_char_p),
                ("remedy", c_char_p), ("file", c_char_p), ("node", c_char_p), ("op", c_char_p)]


_RUNTIME = {
    "ssmrt_open": (Status, c_char_p, POINTER(c_void_p)),
    "ssmrt_close": (None, c_void_p),
    "ssmrt_describe": (POINTER(ModelDesc), c_void_p),
    "ssmrt_infer_outputs": (Status, POINTER(EntryDesc), POINTER(Tensor), POINTER(Tensor)),
    "ssmrt_run": (Status, c_void_p, POINTER(EntryDesc), POINTER(Tensor), POINTER(Tensor), POINTER(RunOptions)),
    "ssmrt_synchronize": (Status, c_void_p),
    "ssmrt_new_state": (Status, c_void_p, c_int64, POINTER(c_void_p)),
    "ssmrt_free_state": (None, c_void_p),
    "ssmrt_state_rows": (c_int64, c_void_p),
    "ssmrt_state_tensor": (Status, c_void_p, c_int32, POINTER(Tensor)),
    "ssmrt_advance": (Status, c_void_p, POINTER(EntryDesc), c_void_p, POINTER(Tensor), POINTER(Tensor),
                      POINTER(RunOptions)),
    "ssmrt_infer_advance": (Status, POINTER(EntryDesc), c_void_p, POINTER(Tensor), POINTER(Tensor)),
    "ssmrt_undo_advance": (Status, c_void_p),
    "ssmrt_accept": (Status, c_void_p, c_void_p, POINTER(c_int64), POINTER(RunOptions)),
    "ssmrt_reset_row": (Status, c_void_p, c_int64),
    "ssmrt_copy_rows": (Status, c_void_p, c_void_p, POINTER(c_int64)),
    "ssmrt_state_bytes": (Status, c_void_p, POINTER(c_size_t)),
    "ssmrt_save_state": (Status, c_void_p, c_void_p, c_size_t),
    "ssmrt_load_state": (Status, c_void_p, c_void_p, c_size_t, POINTER(c_void_p)),
}

_COMPILER = {
    "ssmc_compile": (c_void_p, c_int32, POINTER(c_char_p)),
    "ssmc_compile_memory": (c_void_p, c_char_p, c_size_t, c_int32, POINTER(c_char_p)),
    "ssmc_result_code": (c_int, c_void_p),
    "ssmc_num_diagnostics": (c_size_t, c_void_p),
    "ssmc_get_diagnostic": (POINTER(Diagnostic), c_void_p, c_size_t),
    "ssmc_result_log": (c_char_p, c_void_p),
    "ssmc_free_result": (None, c_void_p),
    "ssmc_version": (c_char_p,),
    "ssmc_api_version": (c_int32,),
}


def _load(name: str, functions: dict) -> ctypes.CDLL:
    folder = os.environ.get("SSMC_LIBRARY_DIR") or pathlib.Path(__file__).parent / "lib"
    path = pathlib.Path(folder) / name
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"{name} cannot be loaded: {error}. Install the package with `pip install .`, or set "
                          "SSMC_LIBRARY_DIR to build/lib of a checkout; to compile needs the libraries of LLVM 22 "
                          "that the package was built with") from error
    for function, (result, *arguments) in functions.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


@functools.lru_cache(None)
def runtime() -> ctypes.CDLL:
    """libssmrt: opens and runs models. Needs libc alone."""
    return _load("libssmrt.so", _RUNTIME)


@functools.lru_cache(None)
def compiler() -> ctypes.CDLL:
    """libssmc: compiles. Needs the libraries of LLVM."""
    library = _load("libssmc.so", _COMPILER)
    if library.ssmc_api_version() != API_VERSION:
        raise ImportError(f"libssmc.so has version {library.ssmc_api_version()} of its interface, and this package "
                          f"knows {API_VERSION}: install both from one checkout")
    return library
