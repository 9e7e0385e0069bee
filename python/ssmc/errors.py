"""What can go wrong, as types."""
from __future__ import annotations

import dataclasses
import enum
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Diagnostic:
    """One thing that the compiler says about a model. Texts are empty where
    there is nothing to say."""

    severity: Literal["error", "warning", "note"]
    message: str  #: the reason
    remedy: str = ""  #: what to do, where the message does not say it
    node: str = ""  #: name of the ONNX node
    op: str = ""  #: its operator, as "Scan, opset 21"
    file: str = ""
    line: int = 0  #: in a text file, from 1; else 0
    column: int = 0
    notes: tuple["Diagnostic", ...] = ()  #: other places that it is about

    def __str__(self) -> str:
        text = f"{self.file}: " if self.file else ""
        if self.line:
            text = f"{self.file}:{self.line}:{self.column}: "
        if self.node:
            text += f"node '{self.node}'" + (f" ({self.op})" if self.op else "") + ": "
        text += self.message
        for note in self.notes:
            text += f"\n  note: {note}"
        if self.remedy:
            text += f"\n  what to do: {self.remedy}"
        return text


class CompileError(Exception):
    """A model that was not compiled.

    `kind` says who can do something about it: "input" (the model or a file),
    "usage" (an option), or "internal" (a fault of the compiler; `log` then
    names a file to report it with).
    """

    def __init__(self, kind: Literal["input", "usage", "internal"], diagnostics: tuple[Diagnostic, ...], log: str = ""):
        self.kind = kind
        self.diagnostics = diagnostics
        self.log = log
        super().__init__(kind, diagnostics, log)

    def __str__(self) -> str:
        return "\n".join(str(said) for said in self.diagnostics) or self.log


class Code(enum.IntEnum):
    """Why a call on a compiled model was refused (ssmrt_code of ssmrt.h)."""

    INVALID_ARGUMENT = 1  #: an unknown name, a wrong type, a closed module
    SHAPE_MISMATCH = 2  #: extents that contradict the model or each other
    OUT_OF_MEMORY = 3
    VERSION = 4  #: the model was compiled for another version of the interface
    IO = 5  #: a file could not be opened, read or mapped
    UNSUPPORTED = 6  #: what this model or this processor does not have
    RUNTIME = 7  #: the data asked for something impossible, as a bad index


class RunError(RuntimeError):
    """A model that was not loaded, or a call that was refused: `code` says why.
    Outputs then hold nothing of meaning; states are as they were."""

    def __init__(self, code: Code, message: str):
        self.code = code
        self.message = message
        super().__init__(code, message)

    def __str__(self) -> str:
        return self.message


def invalid(message: str) -> RunError:
    return RunError(Code.INVALID_ARGUMENT, message)


def check(status: object) -> None:
    """Raises what an `ssmrt_status` says."""
    code = status.code  # type: ignore[attr-defined]
    if code:
        message = status.message.decode("utf-8", "replace")  # type: ignore[attr-defined]
        raise RunError(Code(code) if code in Code._value2member_map_ else Code.RUNTIME, message)
