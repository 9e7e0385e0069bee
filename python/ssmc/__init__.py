"""Compiles exported sequence models and runs them.

    module = ssmc.compile("mamba.onnx", dim={"input_ids": {0: "B", 1: "L"}})
    logits = module(input_ids=ids)

`compile` makes a shared library of an ONNX file and loads it; `load` opens one
that is there. Arrays are NumPy's, or any object with `__dlpack__`, and pass
without copies. See docs/python.md.
"""
from .compiler import compile, version
from .errors import Code, CompileError, Diagnostic, RunError
from .model import Entry, Module, load
from .state import State
from .values import Outputs, Value

__all__ = ["Code", "CompileError", "Diagnostic", "Entry", "Module", "Outputs", "RunError", "State", "Value",
           "compile", "load", "version"]
