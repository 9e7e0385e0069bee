//===- CommandLine.h - reads the options of the compiler --------*- C++ -*-===//

#pragma once

#include "lib/Driver/Driver.h"

#include <optional>

namespace ssmc {
/// Reads arguments (without the program's name) into options. Where there is
/// nothing to compile, the exit code: on bad usage, which is told in `log`, and
/// for --help and --version, which go to `out`.
std::optional<ExitCode> parseCommandLine(llvm::ArrayRef<const char *> arguments,
                                         CompilerOptions &options,
                                         llvm::raw_ostream &out,
                                         llvm::raw_ostream &log);
} // namespace ssmc
