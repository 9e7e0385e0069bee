"""Tokens that a model goes on with: the prompt through `prefill`, then each token
that is found through `step`."""
from __future__ import annotations

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


def _last(result: Any) -> np.ndarray:
    """Logits of the last token, [rows, vocabulary]."""
    logits = result[0] if isinstance(result, tuple) else result
    return logits[:, -1] if logits.ndim == 3 else logits


def generate(module: "Module", prompt: Any, tokens: int, state: "State | None",
             sample: Callable[[np.ndarray], Any] | None, num_threads: int | None) -> Iterator[np.ndarray]:
    prefill, step = module._entry("prefill"), module._entry("step")
    for entry in (prefill, step):
        _check(entry)
    value = prefill.inputs[0]
    ids = as_array(f"input '{value.name}'", prompt, value.dtype, value.number)
    if ids.ndim != 2 or ids.shape[1] == 0:
        raise invalid(f"a prompt is [rows, length] with at least one token, not of shape {ids.shape}")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        raise invalid(f"tokens to generate: {tokens!r}")
    if state is None:
        state = module.new_state(ids.shape[0])
    pick = sample or (lambda logits: np.argmax(logits, axis=-1))

    def produce() -> Iterator[np.ndarray]:
        if tokens == 0:
            return
        result = prefill(ids, state=state, num_threads=num_threads)
        found: np.ndarray = ids
        for i in range(tokens):
            if i:
                result = step(found[:, None], state=state, num_threads=num_threads)
            found = np.asarray(pick(_last(result))).astype(step.inputs[0].dtype)
            if found.shape != (ids.shape[0],):
                raise invalid(f"sample gave tokens of shape {found.shape} for {ids.shape[0]} rows")
            yield found

    return produce()
