//===- Compare.h - results against what is expected -------------*- C++ -*-===//

#pragma once

#include "lib/Support/Npz.h"

#include "llvm/Support/raw_ostream.h"

#include <optional>

namespace ssmc {

struct Tolerance {
  std::optional<double> atol, rtol;
  /// Whether a float may be compared with one of another width, and an integer
  /// with one of another width or sign.
  bool anyWidth = false;
};

/// Compares a result with what is expected and prints the largest deviation
/// and where it is. False beyond the tolerance |a - e| <= atol + rtol |e|; by
/// default atol is 1e-4 max |e|, but at least the smallest normal number of the
/// type of e (2^-126 for float32, 2^-14 for float16), and rtol 0; for integers
/// both are 0. NaN is equal to NaN, and further than any tolerance from all
/// else. An array of another type or shape is an error.
llvm::Expected<bool> compareArrays(llvm::StringRef name, const NpyArray &actual,
                                   const NpyArray &expected,
                                   const Tolerance &tolerance,
                                   llvm::raw_ostream &os);

} // namespace ssmc
