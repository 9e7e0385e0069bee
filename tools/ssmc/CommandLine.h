//===- CommandLine.h - the flags of ssmc ------------------------*- C++ -*-===//

#pragma once

#include "lib/Driver/Driver.h"

namespace ssmc {
/// Reads the flags. Says what is wrong and returns false on bad usage.
bool parseCommandLine(int argc, char **argv, CompilerOptions &options);
} // namespace ssmc
