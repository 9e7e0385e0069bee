//===- Direction.h - which tokens a region's output depends on --*- C++ -*-===//

#pragma once

#include "lib/Raise/Problem.h"

#include "llvm/ADT/SmallBitVector.h"

namespace ssmc {

/// Found by changing the frontier at the last and at the first token, once for
/// each problem. Nothing where the region cannot be evaluated.
std::optional<Direction> findDirection(const Problem &problem);

/// The tokens of the output that change where these values of the frontier
/// change at one token. Nothing where the region cannot be evaluated.
std::optional<llvm::SmallBitVector>
findMoved(const Problem &problem, llvm::ArrayRef<mlir::Value> values,
          int64_t token);

} // namespace ssmc
