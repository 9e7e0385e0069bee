"""What entries of a model take and give."""
from __future__ import annotations

import dataclasses
from typing import Union

import numpy as np

from . import _native
from .tensors import DTYPES


@dataclasses.dataclass(frozen=True)
class Value:
    """An input, an output or a state."""

    name: str
    dtype: np.dtype
    #: Extents in elements: numbers, or text over the entry's symbols ("B",
    #: "past + L").
    shape: tuple[Union[int, str], ...]
    number: int = dataclasses.field(repr=False, compare=False, default=0)  # of ONNX's data type

    @property
    def rank(self) -> int:
        return len(self.shape)


class Outputs(tuple):
    """Several outputs, in the order of the entry: `y[0]`, `y["logits"]`, or
    unpacked."""

    names: tuple[str, ...]

    def __new__(cls, names: tuple[str, ...], values: list) -> "Outputs":
        outputs = super().__new__(cls, values)
        outputs.names = names
        return outputs

    def __getnewargs__(self) -> tuple:  # for pickle and copy
        return self.names, list(self)

    def __getitem__(self, key):  # type: ignore[override]
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no output '{key}': there are {', '.join(self.names)}")
            key = self.names.index(key)
        return super().__getitem__(key)

    def as_dict(self) -> dict:
        return dict(zip(self.names, self))

    def __repr__(self) -> str:
        return f"Outputs({self.as_dict()!r})"


def _extent(text: bytes) -> Union[int, str]:
    decoded = text.decode("utf-8", "replace")
    return int(decoded) if decoded.isascii() and decoded.isdigit() else decoded


def read_value(desc: _native.ValueDesc) -> Value:
    return Value(desc.name.decode("utf-8", "replace"), DTYPES[desc.dtype],
                 tuple(_extent(desc.dim_name[i]) for i in range(desc.rank)), desc.dtype)


def read_state(desc: _native.StateDesc) -> Value:
    """The first extent is that of the batch."""
    shape = ("rows" if desc.shape[0] < 0 else desc.shape[0], *(desc.shape[i] for i in range(1, desc.rank)))
    return Value(desc.name.decode("utf-8", "replace"), DTYPES[desc.dtype], shape, desc.dtype)
