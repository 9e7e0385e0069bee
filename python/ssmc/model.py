"""Compiled models and their entries."""
from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import pathlib
import threading
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence, Union

import numpy as np

from . import _native
from .errors import Code, Diagnostic, RunError, check, invalid
from .state import State
from .tensors import as_array, as_output, describe
from .values import Outputs, Value, read_state, read_value

if TYPE_CHECKING:
    import tempfile

#: Arrays go in and out as NumPy arrays, or as any object with `__dlpack__`.
Array = Any
Out = Union[Array, Sequence[Array], Mapping[str, Array], None]


class Handle:
    """An opened library. It closes when nobody has it any more, or when that was
    asked for and nobody uses it: no call that still runs, and no state."""

    def __init__(self, path: pathlib.Path, folder: "tempfile.TemporaryDirectory | None"):
        pointer = ctypes.c_void_p()
        check(_native.runtime().ssmrt_open(os.fsencode(path), ctypes.byref(pointer)))
        self._pointer = pointer
        self._folder = folder  # goes with the handle
        self._close = weakref.finalize(self, _native.runtime().ssmrt_close, pointer)
        self._lock = threading.Lock()
        self._users = 0
        self.closed = False
        self.num_threads = 0

    def describe(self) -> _native.ModelDesc:
        desc = _native.runtime().ssmrt_describe(self._pointer).contents
        if desc.abi_version != _native.ABI_VERSION:  # libssmrt and this package are of two checkouts
            raise RunError(Code.VERSION, f"the runtime opens models of version {desc.abi_version} of the interface, "
                                         f"and this package knows {_native.ABI_VERSION}: install both from one checkout")
        return desc

    def acquire(self) -> ctypes.c_void_p:
        with self._lock:
            if self.closed:
                raise invalid("the module is closed")
            self._users += 1
        return self._pointer

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            last = self.closed and self._users == 0
        if last:
            self._close()

    @contextlib.contextmanager
    def use(self) -> Iterator[ctypes.c_void_p]:
        pointer = self.acquire()
        try:
            yield pointer
        finally:
            self.release()

    def check_threads(self, asked: int | None) -> int:
        """How many threads a call may use."""
        threads = self.num_threads if asked is None else asked
        if isinstance(threads, bool) or not isinstance(threads, int) or not 0 <= threads < 2**31:
            raise invalid(f"num_threads is a number from 0, not {threads!r}")
        return threads

    def close(self) -> None:
        with self._lock:
            self.closed = True
            last = self._users == 0
        if last:
            self._close()
        if self._folder is not None:
            self._folder.cleanup()


class Entry:
    """One function of a model. Call it with arrays, by position or by name."""

    def __init__(self, module: "Module", desc: _native.EntryDesc):
        self._handle = module._handle
        self._desc = desc
        self.name: str = desc.name.decode()
        values = [read_value(desc.inputs[i]) for i in range(desc.num_inputs)]
        gives = [read_value(desc.outputs[i]) for i in range(desc.num_outputs)]
        taken = {desc.state_inputs[i] for i in range(desc.num_states)}
        given = {desc.state_outputs[i] for i in range(desc.num_states)}
        #: Names of the sizes that inputs decide, as ("B", "L").
        self.symbols: tuple[str, ...] = tuple(desc.symbols[i].decode() for i in range(desc.num_symbols))
        #: Whether the entry goes on from a state, which is then an argument.
        self.has_state: bool = desc.num_states > 0
        #: What it takes and gives beside the state.
        self.inputs: tuple[Value, ...] = tuple(v for i, v in enumerate(values) if i not in taken)
        self.outputs: tuple[Value, ...] = tuple(v for i, v in enumerate(gives) if i not in given)

    def _leave_out(self, values: Sequence[Value]) -> None:
        names = {value.name for value in values}
        self.outputs = tuple(value for value in self.outputs if value.name not in names)

    def __repr__(self) -> str:
        def show(values: Sequence[Value]) -> str:
            return ", ".join(f"{v.name}: {v.dtype.name}[{', '.join(map(str, v.shape))}]" for v in values)

        return f"<entry {self.name}({show(self.inputs)}) -> ({show(self.outputs)})>"

    def __call__(self, *arrays: Array, state: State | None = None, out: Out = None,
                 num_threads: int | None = None, **named: Array) -> Any:
        """Computes. Inputs are given in the order of `inputs`, or by name, or as
        one mapping of names (for names that no keyword can have). The state of an
        entry that has one is the last of them, or `state=`.

        Inputs of another type are refused; numbers and lists take the type of
        the input; arrays that are not contiguous are copied. `out` is memory for
        the outputs: an array where there is one, else a sequence in their order
        or a mapping of some of their names. `num_threads` is how many threads a
        loop may use (0: as many as processors).

        Returns the output where there is one, else `Outputs`. What was given as
        `out` is returned itself. Raises RunError. Other threads run meanwhile.
        """
        if state is None and arrays and isinstance(arrays[-1], State):
            *arrays, state = arrays  # type: ignore[assignment]
        if self.has_state and state is None:
            raise invalid(f"entry '{self.name}' goes on from a state: give it one of new_state()")
        if state is not None and not isinstance(state, State):
            raise invalid(f"a state is one of new_state() or load_state(), not {type(state).__name__}")
        if state is not None and not self.has_state:
            raise invalid(f"entry '{self.name}' has no state")
        if state is not None and state._handle is not self._handle:
            raise invalid("the state is of another module")
        inputs = self._bind(arrays, named)
        options = _native.RunOptions(num_threads=self._handle.check_threads(num_threads))
        given = (_native.Tensor * len(inputs))(
            *(describe(array, value.number) for array, value in zip(inputs, self.inputs)))
        tensors = (_native.Tensor * len(self.outputs))()
        with self._handle.use() as pointer:
            if state is None:
                results = self._run(pointer, given, tensors, options, inputs, out)
            else:
                with state._borrow() as held:
                    results = self._run(pointer, given, tensors, options, inputs, out, held)
        if len(results) == 1:
            return results[0]
        return Outputs(tuple(value.name for value in self.outputs), results)

    def _run(self, pointer, given, tensors, options, inputs, out, state=None) -> list:
        library, desc = _native.runtime(), ctypes.byref(self._desc)
        if state is None:
            check(library.ssmrt_infer_outputs(desc, given, tensors))
        else:
            check(library.ssmrt_infer_advance(desc, state, given, tensors))
        results, arrays = self._allocate(tensors, out, inputs)
        if state is None:
            check(library.ssmrt_run(pointer, desc, given, tensors, ctypes.byref(options)))
        else:
            check(library.ssmrt_advance(pointer, desc, state, given, tensors, ctypes.byref(options)))
        del arrays  # lived until here
        return results

    def _bind(self, arrays: tuple, named: dict) -> list[np.ndarray]:
        if len(arrays) == 1 and isinstance(arrays[0], Mapping):
            named, arrays = {**arrays[0], **named}, ()
        names = [value.name for value in self.inputs]
        takes = f"entry '{self.name}' takes {', '.join(names) or 'nothing'}"
        if len(arrays) > len(names):
            raise invalid(f"{len(arrays)} inputs were given: {takes}")
        bound = dict(zip(names, arrays))
        for name, array in named.items():
            if name not in names:
                raise invalid(f"there is no input '{name}': {takes}")
            if name in bound:
                raise invalid(f"input '{name}' is given twice")
            bound[name] = array
        missing = [name for name in names if name not in bound]
        if missing:
            raise invalid(f"input '{missing[0]}' is not given: {takes}")
        return [as_array(f"input '{v.name}'", bound[v.name], v.dtype, v.number) for v in self.inputs]

    def _allocate(self, tensors, out: Out, inputs: list[np.ndarray]) -> tuple[list, list]:
        """What is returned, and the same as arrays."""
        given = self._memory(out)
        results: list[Array] = []
        arrays: list[np.ndarray] = []
        for i, value in enumerate(self.outputs):
            tensor = tensors[i]
            if value.name in given:
                result = given[value.name]
                array = as_output(f"output '{value.name}'", result, value.dtype, value.number)
                if any(np.may_share_memory(array, other) for other in [*inputs, *arrays]):
                    raise invalid(f"memory for output '{value.name}' overlaps an input or another output")
                shape = tuple(tensor.shape[: tensor.rank])
                if array.shape != shape:
                    raise RunError(Code.SHAPE_MISMATCH, f"memory for output '{value.name}' has shape {array.shape}; "
                                                        f"with these inputs it is {shape}")
            else:
                result = array = np.empty(tuple(tensor.shape[: tensor.rank]), value.dtype)
            tensor.data = array.ctypes.data
            results.append(result)
            arrays.append(array)
        return results, arrays

    def _memory(self, out: Out) -> dict[str, Array]:
        names = [value.name for value in self.outputs]
        if out is None:
            return {}
        if isinstance(out, Mapping):
            for name in out:
                if name not in names:
                    raise invalid(f"there is no output '{name}': entry '{self.name}' gives {', '.join(names)}")
            return dict(out)
        if isinstance(out, (list, tuple)):
            if len(out) != len(names):
                raise invalid(f"out has memory for {len(out)} outputs: entry '{self.name}' gives {', '.join(names)}")
            return dict(zip(names, out))
        if len(names) != 1:
            raise invalid(f"out is a list or a mapping: entry '{self.name}' gives {', '.join(names)}")
        return {names[0]: out}


class Module:
    """A compiled model. Any number of threads may call it at once.

    Call it for its entry `forward` (or the only one). Close it, or use it as a
    context, to unmap its weights; calls that run and states keep them until then.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"], *, folder: "tempfile.TemporaryDirectory | None" = None,
                 warnings: tuple[Diagnostic, ...] = (), log: str = ""):
        #: The library.
        self.path = pathlib.Path(path)
        #: What the compiler said, where the module comes from `compile`.
        self.warnings = warnings
        #: The text of the options report and time.
        self.log = log
        self._handle = Handle(self.path, folder)
        desc = self._handle.describe()
        self._entries = {entry.name: entry for entry in (Entry(self, desc.entries[i]) for i in range(desc.num_entries))}
        if "verify" in self._entries and "accept" in self._entries:
            # What one hands to the other is kept by the state.
            self._entries["verify"]._leave_out(self._entries.pop("accept").inputs)
        #: The processor it was compiled for.
        self.cpu: str = desc.cpu.decode()
        #: What is carried from token to token: `shape[0]` counts rows.
        self.states: tuple[Value, ...] = tuple(read_state(desc.states[i]) for i in range(desc.num_states))
        self._info = bytes(desc.info)

    def __repr__(self) -> str:
        return f"<ssmc.Module {self.path}{' (closed)' if self._handle.closed else ''}: {list(self._entries.values())}>"

    @property
    def num_threads(self) -> int:
        """Threads that a loop may use where a call does not say; 0, as it is at
        first: as many as processors."""
        return self._handle.num_threads

    @num_threads.setter
    def num_threads(self, threads: int) -> None:
        self._handle.num_threads = threads

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The functions of the model by name."""
        return MappingProxyType(self._entries)

    @functools.cached_property
    def info(self) -> dict[str, Any]:
        """How it was made: compiler, command, processor; `info["raise"]` says
        what the mixers of the graph became."""
        return json.loads(self._info)

    @property
    def _main(self) -> Entry:
        if "forward" in self._entries:
            return self._entries["forward"]
        if len(self._entries) == 1:
            return next(iter(self._entries.values()))
        raise RunError(Code.UNSUPPORTED, f"the model has no entry 'forward', but {', '.join(self._entries)}")

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Those of `forward`."""
        return self._main.inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        """Those of `forward`."""
        return self._main.outputs

    def __call__(self, *arrays: Array, out: Out = None, num_threads: int | None = None, **named: Array) -> Any:
        """Runs `forward`: see `Entry.__call__`."""
        return self._main(*arrays, out=out, num_threads=num_threads, **named)

    def _entry(self, name: str) -> Entry:
        if name not in self._entries:
            raise RunError(Code.UNSUPPORTED, f"the model has no entry '{name}', but {', '.join(self._entries)}: "
                                             f"compile it with entry='prefill,{'step' if name == 'prefill' else name}'")
        return self._entries[name]

    def new_state(self, batch: int = 1) -> State:
        """The state of so many sequences before their first token."""
        return State._new(self, batch)

    def load_state(self, saved: bytes) -> State:
        """A state of what `State.save` gave, of this model or one with the same
        states."""
        return State._load(self, saved)

    def prefill(self, *arrays: Array, lengths: Array = None, state: State | None = None, out: Out = None,
                num_threads: int | None = None, **named: Array) -> Any:
        """Runs the entry `prefill` on tokens that follow those the state has
        seen, and takes the state on: `prefill(ids, state)`. See `Entry.__call__`; a call that fails
        leaves the state as it was.

        lengths: how many of the tokens each row has, [rows]; what is behind them
            in the row may be anything. It needs the entry `prefill_lengths`."""
        name = "prefill"
        if lengths is not None:
            name, named = "prefill_lengths", {**named, "lengths": lengths}
        return self._entry(name)(*arrays, state=state, out=out, num_threads=num_threads, **named)

    def step(self, *arrays: Array, state: State | None = None, out: Out = None, num_threads: int | None = None,
             **named: Array) -> Any:
        """The same for one more token of each row: the entry `step`."""
        return self._entry("step")(*arrays, state=state, out=out, num_threads=num_threads, **named)

    def verify(self, *arrays: Array, state: State | None = None, out: Out = None, num_threads: int | None = None,
               **named: Array) -> Any:
        """The same for drafted tokens, of which `state.accept` then keeps as many
        as each row accepts: the entry `verify`. Without it all are kept."""
        return self._entry("verify")(*arrays, state=state, out=out, num_threads=num_threads, **named)

    def generate(self, prompt: Array, tokens: int, *, lengths: Array = None, state: State | None = None,
                 sample: Callable[[np.ndarray], Array] | None = None,
                 num_threads: int | None = None) -> Iterator[np.ndarray]:
        """Goes on from a prompt, token by token: the tokens of all rows, [rows],
        as they are found.

        prompt: token numbers, [rows, length]. tokens: how many to generate.
        lengths: how many tokens of the prompt each row has, as for `prefill`.
        state: where the prompt goes on from; the beginning where absent. It has
        then seen all tokens but the last one. sample: makes tokens [rows] of
        logits [rows, vocabulary]; the most likely ones where absent.
        """
        from .generate import generate

        return generate(self, prompt, tokens, lengths, state, sample, num_threads)

    def close(self) -> None:
        """Further calls are refused."""
        self._handle.close()

    def __enter__(self) -> "Module":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load(path: Union[str, "os.PathLike[str]"]) -> Module:
    """Opens a compiled model: its code is trusted like any program's. Raises
    RunError: code IO, VERSION, UNSUPPORTED (another processor) or
    INVALID_ARGUMENT (no model)."""
    return Module(path)
