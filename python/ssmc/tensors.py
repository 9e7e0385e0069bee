"""Arrays of others as tensors of the runtime, without copies.

NumPy arrays are taken as they are; of everything else that has `__dlpack__`
(torch, JAX, CuPy on the host) the memory is borrowed for the call.
"""
from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, Structure, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any

import numpy as np

from . import _native
from .errors import invalid

try:
    from ml_dtypes import bfloat16 as _bfloat16

    BFLOAT16: np.dtype = np.dtype(_bfloat16)
except ImportError:  # its bits
    BFLOAT16 = np.dtype(np.uint16)

#: The numbers of ONNX's TensorProto.DataType.
DTYPES: dict[int, np.dtype] = {
    1: np.dtype(np.float32), 2: np.dtype(np.uint8), 3: np.dtype(np.int8), 4: np.dtype(np.uint16),
    5: np.dtype(np.int16), 6: np.dtype(np.int32), 7: np.dtype(np.int64), 9: np.dtype(np.bool_),
    10: np.dtype(np.float16), 11: np.dtype(np.float64), 12: np.dtype(np.uint32), 13: np.dtype(np.uint64),
    16: BFLOAT16}


class _DLDataType(Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class _DLTensor(Structure):
    _fields_ = [("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32),
                ("dtype", _DLDataType), ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)),
                ("byte_offset", c_uint64)]


class _Versioned(Structure):
    _fields_ = [("major", c_uint32), ("minor", c_uint32), ("manager", c_void_p), ("deleter", c_void_p),
                ("flags", c_uint64), ("tensor", _DLTensor)]


_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = c_void_p, [ctypes.py_object, ctypes.c_char_p]
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]

# (code, bits) of DLPack.
_DLPACK: dict[tuple[int, int], Any] = {(0, 8): np.int8, (0, 16): np.int16, (0, 32): np.int32, (0, 64): np.int64, (1, 8): np.uint8,
           (1, 16): np.uint16, (1, 32): np.uint32, (1, 64): np.uint64, (2, 16): np.float16, (2, 32): np.float32,
           (2, 64): np.float64, (4, 16): BFLOAT16, (6, 8): np.bool_}
_HOST = (1, 3)  # memory of the processor, and such that CUDA has pinned
_READ_ONLY = 1


class _Borrowed:
    """What NumPy makes an array of; it holds on to the lender."""

    def __init__(self, capsule: object, address: int, shape: tuple, strides: tuple | None, dtype: np.dtype,
                 writable: bool):
        self._capsule = capsule
        raw = np.dtype((np.void, dtype.itemsize)) if dtype == BFLOAT16 else dtype
        self.__array_interface__ = {"version": 3, "shape": shape, "strides": strides, "typestr": raw.str,
                                    "data": (address, not writable)}


def _borrow(what: str, value: Any) -> np.ndarray:
    """The memory behind `__dlpack__`. The capsule is not consumed: it frees
    what it holds when the array is gone."""
    try:
        device = value.__dlpack_device__()
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise invalid(f"{what} cannot be had: {error}") from error
    if device[0] not in _HOST:
        raise invalid(f"{what} lies on a device of type {int(device[0])} of DLPack: copy it to the memory of the "
                      "processor, as with .cpu()")
    try:
        try:
            capsule = value.__dlpack__(max_version=(1, 0))
        except TypeError:  # before version 1
            capsule = value.__dlpack__()
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise invalid(f"{what} cannot be had: {error}") from error
    if _is_valid(capsule, b"dltensor_versioned"):
        managed = _Versioned.from_address(_get_pointer(capsule, b"dltensor_versioned"))
        if managed.major != 1:
            raise invalid(f"{what} speaks version {managed.major} of DLPack, and version 1 is known")
        tensor, writable = managed.tensor, not managed.flags & _READ_ONLY
    elif _is_valid(capsule, b"dltensor"):
        tensor, writable = _DLTensor.from_address(_get_pointer(capsule, b"dltensor")), True
    else:
        raise invalid(f"{what}: its __dlpack__ gives no tensor that is still to be had")
    if tensor.device_type not in _HOST:
        raise invalid(f"{what} does not lie in the memory of the processor")
    known = _DLPACK.get((tensor.dtype.code, tensor.dtype.bits)) if tensor.dtype.lanes == 1 else None
    if known is None:
        raise invalid(f"{what} has elements of type {tensor.dtype.code} with {tensor.dtype.bits} bits of DLPack, "
                      "which models do not take")
    dtype: np.dtype = np.dtype(known)
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    strides = tuple(tensor.strides[i] * dtype.itemsize for i in range(tensor.ndim)) if tensor.strides else None
    if 0 in shape:
        return np.empty(shape, dtype)
    array = np.asarray(_Borrowed(capsule, (tensor.data or 0) + tensor.byte_offset, shape, strides, dtype, writable))
    return array.view(dtype) if array.dtype != dtype else array


def _convert(what: str, value: Any, dtype: np.dtype) -> np.ndarray:
    """Numbers and lists, which have no type that their author chose."""
    try:
        given = np.asarray(value)
    except ValueError as error:
        raise invalid(f"{what}: {error}") from error
    if given.size and not np.can_cast(given.dtype, dtype, "same_kind"):
        raise invalid(f"{what} is of type {dtype.name}; values of type {given.dtype.name} were given")
    converted = given.astype(dtype)
    if given.dtype.kind in "iub" and not np.array_equal(given, converted):
        raise invalid(f"{what} is of type {dtype.name}, which does not hold all of the values given")
    return converted


def _name(dtype: np.dtype) -> str:
    return "bfloat16" if dtype == BFLOAT16 and dtype != np.uint16 else dtype.name


def as_array(what: str, value: Any, dtype: np.dtype, number: int) -> np.ndarray:
    """`value` as a dense array of that type: itself where it is one. Others are
    copied where only their layout is another, and refused where the type is."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
    elif hasattr(value, "__dlpack__"):
        array = _borrow(what, value)
    elif isinstance(value, (bool, int, float, list, tuple)):
        array = _convert(what, value, dtype)
    else:
        raise invalid(f"{what}: a NumPy array or an object with __dlpack__ is needed, not {type(value).__name__}")
    _check(what, array, dtype, number)
    if not (array.flags.c_contiguous and array.flags.aligned):
        array = np.array(array, order="C")
    return array


def _check(what: str, array: np.ndarray, dtype: np.dtype, number: int) -> None:
    if array.dtype != dtype:
        swapped = array.dtype.newbyteorder() == dtype
        found = f"{_name(array.dtype)} of the other byte order" if swapped else _name(array.dtype)
        wanted = "bfloat16 (ml_dtypes, or DLPack)" if number == 16 else dtype.name
        hint = "" if number == 16 else f": convert it with .astype('{dtype.name}')"
        raise invalid(f"{what} is of type {wanted}; {found} was given{hint}")
    if array.ndim > _native.MAX_RANK:
        raise invalid(f"{what} has {array.ndim} dimensions; models have at most {_native.MAX_RANK}")


def as_output(what: str, value: Any, dtype: np.dtype, number: int) -> np.ndarray:
    """The caller's memory for an output, which must be what the model gives."""
    if isinstance(value, np.ndarray):
        array = value
    elif hasattr(value, "__dlpack__"):
        array = _borrow(what, value)
    else:
        raise invalid(f"{what}: memory for it is a NumPy array or an object with __dlpack__, not "
                      f"{type(value).__name__}")
    _check(what, array, dtype, number)
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise invalid(f"{what}: memory for it must be contiguous and aligned")
    if not array.flags.writeable:
        raise invalid(f"{what}: memory for it is read-only")
    return array


def describe(array: np.ndarray, number: int) -> _native.Tensor:
    return _native.Tensor(array.ctypes.data, number, array.ndim,
                          (ctypes.c_int64 * _native.MAX_RANK)(*array.shape))


if sys.byteorder != "little":
    raise ImportError("ssmc needs a little-endian processor")
