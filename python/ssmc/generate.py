"""Tokens that a model goes on with: the prompt through `prefill`, then each token
that is found through `step`."""
from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any, Callable, Iterator

import numpy as np

from .errors import Code, RunError, invalid
from .tensors import as_array

if TYPE_CHECKING:
    from .model import Entry, Module
    from .state import State


def _check(entry: "Entry") -> None:
    if len(entry.inputs) != 1 or entry.inputs[0].rank != 2 or not entry.outputs or entry.outputs[0].rank not in (2, 3):
        raise RunError(Code.UNSUPPORTED, f"entry '{entry.name}' does not take tokens [rows, length] and give logits: "
                                         "call prefill and step")


def _last(result: Any, lengths: np.ndarray | None = None) -> np.ndarray:
    """Logits of each row's last token, [rows, vocabulary]."""
    logits = result[0] if isinstance(result, tuple) else result
    if logits.ndim == 2:
        return logits
    return logits[:, -1] if lengths is None else logits[np.arange(len(lengths)), lengths - 1]


def _sampler(sample: Callable[[np.ndarray], Any] | None, rows: int) -> Callable[[np.ndarray], np.ndarray]:
    """What gives the token of each row, with its result checked."""
    if sample is None:
        return lambda logits: np.argmax(logits, axis=-1)
    takes_logits = callable(sample)
    with contextlib.suppress(ValueError):  # of a function in C, nothing is known
        try:
            takes_logits and inspect.signature(sample).bind(None)
        except TypeError:
            takes_logits = False
    if not takes_logits:
        raise invalid(f"sample is a function of the logits [rows, vocabulary], not {sample!r}")

    def pick(logits: np.ndarray) -> np.ndarray:
        given = sample(logits)
        try:
            found = np.asarray(given)
        except ValueError:
            found = np.asarray(None)
        if found.dtype.kind not in "iu":
            raise invalid(f"sample gave {given!r}: a token is an integer")
        if found.shape != (rows,):
            raise invalid(f"sample gave tokens of shape {found.shape} for {rows} rows")
        return found

    return pick


def generate(module: "Module", prompt: Any, tokens: int, lengths: Any, state: "State | None",
             sample: Callable[[np.ndarray], Any] | None, num_threads: int | None) -> Iterator[np.ndarray]:
    prefill, step = module._entry("prefill"), module._entry("step")
    for entry in (prefill, step):
        _check(entry)
    value = prefill.inputs[0]
    ids = as_array(f"input '{value.name}'", prompt, value.dtype, value.number)
    if ids.ndim != 2 or ids.shape[1] == 0:
        raise invalid(f"a prompt is [rows, length] with at least one token, not of shape {ids.shape}")
    if lengths is not None:
        lengths = as_array("input 'lengths'", lengths, np.dtype(np.int64), 7)
        if lengths.shape != ids.shape[:1] or (lengths < 1).any() or (lengths > ids.shape[1]).any():
            raise invalid(f"lengths are {ids.shape[0]} numbers from 1 to {ids.shape[1]}, one for each row")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        raise invalid(f"tokens to generate: {tokens!r}")
    if state is None:
        state = module.new_state(ids.shape[0])
    pick = _sampler(sample, ids.shape[0])

    def produce() -> Iterator[np.ndarray]:
        if tokens == 0:
            return
        result = module.prefill(ids, lengths=lengths, state=state, num_threads=num_threads)
        last = _last(result, lengths)
        found: np.ndarray = ids
        for i in range(tokens):
            if i:
                last = _last(step(found[:, None], state=state, num_threads=num_threads))
            found = pick(last).astype(step.inputs[0].dtype)
            yield found

    return produce()
