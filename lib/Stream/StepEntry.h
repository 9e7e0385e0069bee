//===- StepEntry.h - a graph that goes on from states -----------*- C++ -*-===//

#pragma once

#include "lib/Stream/Sequence.h"

namespace ssmc {

/// Makes the function `name` of a sequence: `forward` on tokens that follow on
/// those that the states have seen. With `one`, exactly one token. Fails, with
/// a diagnostic, only by a fault of ours.
mlir::FailureOr<mlir::func::FuncOp>
makeStepEntry(const Sequence &sequence, llvm::StringRef name, bool one);

} // namespace ssmc
