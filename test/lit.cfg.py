# Configuration of the test suite: `ninja check-ssmc`, or lit on a folder of it.
import os
import subprocess

import lit.formats
import lit.util

config.name = "ssmc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["models", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.build_dir, "test")

# The project's tools come first, then LLVM's (FileCheck, not, split-file).
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.build_dir, "bin"), config.llvm_tools_dir, os.environ["PATH"]])
config.environment["PYTHONPATH"] = os.path.join(config.source_dir, "test")
for name in ("HOME", "CCACHE_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%python", os.environ.get("PYTHON", "python3")),
    ("%models", os.path.join(config.source_dir, "test", "models")),
    ("%build", config.build_dir),
    ("%cc", config.cc),
    ("%cxx", config.cxx),
    ("%sanitize", f"-fsanitize={config.sanitize}" if config.sanitize else ""),
    ("%include", os.path.join(config.source_dir, "include")),
    ("%source", config.source_dir),
    ("%llvm", os.path.dirname(config.llvm_tools_dir)),
]

if config.sanitize:
    config.available_features.add("sanitizer")
    # A finding ends the program. Asking for too much memory is none, nor is what
    # LLVM's allocators poison: libMLIR, which is not instrumented, takes memory
    # of theirs without saying so.
    config.environment.setdefault("ASAN_OPTIONS", "allocator_may_return_null=1:allow_user_poisoning=0")
    config.environment.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
# Megabytes that broken models may take; shadow memory is not counted in them.
config.substitutions.append(("%{memory}", "" if config.sanitize else "--limit 1024"))

# What draws pictures may be missing.
if not subprocess.run([os.environ.get("PYTHON", "python3"), "-c", "import matplotlib"],
                      capture_output=True).returncode:
    config.available_features.add("matplotlib")

# So may what builds wheels and runs the tests of the Python package.
if not subprocess.run([os.environ.get("PYTHON", "python3"), "-c", "import hatchling, onnxruntime, pytest"],
                      capture_output=True).returncode:
    config.available_features.add("wheel")

# NVIDIA's assembler: in PATH, or where its installer puts it.
for folder in (*os.environ["PATH"].split(os.pathsep), "/usr/local/cuda/bin"):
    if os.access(os.path.join(folder, "ptxas"), os.X_OK):
        config.available_features.add("ptxas")
        config.environment["PATH"] += os.pathsep + folder
        break

# A GPU that the processor plays; Python loads it, which the sanitizers do not bear.
if not config.sanitize:
    config.available_features.add("emulator")

# tools/check --full passes --param full=1: long samples, and every case of them.
if lit_config.params.get("full") == "1":
    config.available_features.add("full")
