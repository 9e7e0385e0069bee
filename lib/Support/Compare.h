//===- Compare.h - results against what is expected -------------*- C++ -*-===//

#pragma once

#include "lib/Support/Npz.h"

#include "llvm/Support/raw_ostream.h"

#include <optional>

namespace ssmc {

struct Tolerance {
  std::optional<double> atol, rtol;
};

/// Compares a result with what is expected and prints the largest deviation
/// and where it is. False beyond the tolerance |a - e| <= atol + rtol |e|; by
/// default atol is 1e-4 max(1, max |e|) and rtol 0, for integers both 0. NaN is
/// equal to NaN, and further than any tolerance from all else.
llvm::Expected<bool> compareArrays(llvm::StringRef name, const NpyArray &actual,
                                   const NpyArray &expected,
                                   const Tolerance &tolerance,
                                   llvm::raw_ostream &os);

} // namespace ssmc
