//===- Error.h - errors without a place in a file ---------------*- C++ -*-===//

#pragma once

#include "llvm/Support/Error.h"

namespace ssmc {

/// An error that the user's words are the cause of: exit code 2.
llvm::Error usageError(const llvm::Twine &message);
/// Any other error: exit code 1.
llvm::Error runError(const llvm::Twine &message);
bool isUsageError(const llvm::Error &error);

/// The exit code of a tool: 0 where all was right, else 1, or 2 for a usage
/// error. An error is reported.
int exitCodeOf(llvm::StringRef tool, llvm::Expected<bool> right);

/// Memory that is not there, threads that cannot be started, and files that may
/// grow no more, are the machine's: a message and exit code 1, not a crash. Call
/// it once, in main.
void endOnExhaustion(const char *tool);

} // namespace ssmc
