//===- Error.h - errors without a place in a file ---------------*- C++ -*-===//

#pragma once

#include "llvm/Support/Error.h"

namespace ssmc {

/// An error that the user's words are the cause of: exit code 2.
llvm::Error usageError(const llvm::Twine &message);
/// Any other error: exit code 1.
llvm::Error runError(const llvm::Twine &message);
bool isUsageError(const llvm::Error &error);

} // namespace ssmc
