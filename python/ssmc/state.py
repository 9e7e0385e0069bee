"""What a model carries from token to token."""
from __future__ import annotations

import contextlib
import ctypes
import threading
import weakref
from typing import TYPE_CHECKING, Iterator, Sequence

import numpy as np

from . import _native
from .errors import check, invalid
from .tensors import as_array
from .values import Value

if TYPE_CHECKING:
    from .model import Module


class State:
    """The states of some sequences, the rows. Made by `Module.new_state` and
    `Module.load_state`. One thread uses it at a time; others wait.

    Raises RunError, as all of the module.
    """

    def __init__(self, module: "Module", pointer: ctypes.c_void_p):
        self._handle = module._handle
        self._module = module
        self._pointer = pointer
        self._lock = threading.Lock()
        self.values: tuple[Value, ...] = module.states
        weakref.finalize(self, State._free, module._handle, pointer)

    @staticmethod
    def _free(handle, pointer: ctypes.c_void_p) -> None:
        _native.runtime().ssmrt_free_state(pointer)
        handle.release()

    @classmethod
    def _make(cls, module: "Module", make) -> "State":
        pointer = ctypes.c_void_p()
        model = module._handle.acquire()
        try:
            check(make(model, ctypes.byref(pointer)))
        except BaseException:
            module._handle.release()
            raise
        return cls(module, pointer)

    @classmethod
    def _new(cls, module: "Module", rows: int) -> "State":
        if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or not 0 <= rows < 2**31:
            raise invalid(f"the number of rows is {rows!r}, expected 0 to 2^31 - 1")
        return cls._make(module, lambda model, state: _native.runtime().ssmrt_new_state(model, int(rows), state))

    @classmethod
    def _load(cls, module: "Module", saved: bytes) -> "State":
        data = bytes(saved)
        return cls._make(module, lambda model, state: _native.runtime().ssmrt_load_state(model, data, len(data), state))

    @contextlib.contextmanager
    def _borrow(self) -> Iterator[ctypes.c_void_p]:
        with self._lock:
            yield self._pointer

    def __repr__(self) -> str:
        return f"<ssmc.State of {self.rows} rows: {', '.join(value.name for value in self.values)}>"

    @property
    def rows(self) -> int:
        return _native.runtime().ssmrt_state_rows(self._pointer)

    def _view(self, name: str) -> tuple[np.ndarray, Value]:
        names = [value.name for value in self.values]
        if name not in names:
            raise invalid(f"there is no state '{name}': there are {', '.join(names)}")
        i = names.index(name)
        tensor = _native.Tensor()
        check(_native.runtime().ssmrt_state_tensor(self._pointer, i, ctypes.byref(tensor)))
        shape, dtype = tuple(tensor.shape[: tensor.rank]), self.values[i].dtype
        count = int(np.prod(shape, dtype=np.int64))
        if count == 0:
            return np.empty(shape, dtype), self.values[i]
        memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(tensor.data)
        return np.frombuffer(memoryview(memory).cast("B"), dtype).reshape(shape), self.values[i]

    def __getitem__(self, name: str) -> np.ndarray:
        """A copy of one state, [rows, ...]."""
        with self._lock:
            return self._view(name)[0].copy()

    def __setitem__(self, name: str, value) -> None:
        """Writes one state, of the same shape and type."""
        with self._lock:
            view, about = self._view(name)
            array = as_array(f"state '{name}'", value, about.dtype, about.number)
            if array.shape != view.shape:
                raise invalid(f"state '{name}' has shape {view.shape}; {array.shape} was given")
            view[...] = array

    def copy(self) -> "State":
        """The same state once more."""
        return self.select(range(self.rows))

    def select(self, rows: Sequence[int]) -> "State":
        """A new state whose row r is row rows[r] of this one: any number of
        rows, each as often as wanted (beam search)."""
        indices = self._indices(rows)
        other = State._new(self._module, len(indices))
        with self._lock:
            check(_native.runtime().ssmrt_copy_rows(other._pointer, self._pointer, indices))
        return other

    def reorder(self, rows: Sequence[int]) -> None:
        """The same in place, for as many rows as there are."""
        indices = self._indices(rows)
        with self._lock:
            if len(indices) != self.rows:
                raise invalid(f"{len(indices)} rows were given for a state of {self.rows}")
            check(_native.runtime().ssmrt_copy_rows(self._pointer, self._pointer, indices))

    def _indices(self, rows: Sequence[int]) -> ctypes.Array:
        array = np.asarray(rows)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise invalid("rows are a list of numbers")
        for row in array.tolist():
            self._check_row(row)
        return (ctypes.c_int64 * array.size)(*array.tolist())

    def _check_row(self, row: int) -> None:
        if not 0 <= row < self.rows:
            raise invalid(f"there is no row {row}: the state has {self.rows}")

    def reset(self, row: int | None = None) -> None:
        """A row, or all of them, as before the first token."""
        with self._lock:
            for one in range(self.rows) if row is None else [row]:
                self._check_row(one)
                check(_native.runtime().ssmrt_reset_row(self._pointer, one))

    def undo(self) -> None:
        """The state before the last prefill, step or verify again, which must have
        been the last change but for `accept`."""
        with self._lock:
            check(_native.runtime().ssmrt_undo_advance(self._pointer))

    def accept(self, counts: Sequence[int], *, num_threads: int | None = None) -> None:
        """After `Module.verify`, as the next change: the state as if row r had
        had counts[r] of the drafted tokens only, from 0 to all of them. Where
        counts are refused nothing has changed: it may be called again."""
        array = np.asarray(counts)
        if array.shape != (self.rows,) or (array.size and array.dtype.kind not in "iu"):
            raise invalid(f"counts are {self.rows} numbers, one for each row")
        numbers = (ctypes.c_int64 * max(array.size, 1))(*array.tolist())
        options = _native.RunOptions(num_threads=self._handle.check_threads(num_threads))
        with self._handle.use() as model, self._lock:
            check(_native.runtime().ssmrt_accept(model, self._pointer, numbers, ctypes.byref(options)))

    def save(self) -> bytes:
        """The state as bytes, for `Module.load_state`."""
        size = ctypes.c_size_t()
        with self._lock:
            check(_native.runtime().ssmrt_state_bytes(self._pointer, ctypes.byref(size)))
            memory = ctypes.create_string_buffer(size.value)
            check(_native.runtime().ssmrt_save_state(self._pointer, memory, size))
        return memory.raw
