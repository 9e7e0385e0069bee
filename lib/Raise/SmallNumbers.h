//===- SmallNumbers.h - numbers that no comparison sees ---------*- C++ -*-===//
//
// An epsilon keeps a quotient finite where its denominator is zero. Where it is
// below what a comparison can see, the mixer that a region is written as has
// none, and differs from the region where the denominator is as small.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Problem.h"

namespace ssmc {

/// What the region adds or bounds by so little that its results are the same,
/// within `tolerance`, without: as assumptions for the report.
llvm::SmallVector<std::string> listSmallNumbers(const Problem &problem,
                                                double tolerance);

} // namespace ssmc
