//===- LengthReading.h - numbers as functions of an extent ------*- C++ -*-===//
//
// A length may be written as a number: 1/24 makes a sum a mean, 23 a variance,
// log 24 the mean of exponentials. A reading says which function of an extent a
// number is, up to the rounding of its type.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/BuiltinAttributes.h"

#include <optional>
#include <string>

namespace ssmc {

struct Reading {
  enum Function { Itself, Root, Square, Logarithm };
  int64_t minus = 0; // of n - minus
  Function function = Itself;
  bool inverse = false;

  double at(int64_t n) const;
  /// "one over the root of NAME".
  std::string describe(llvm::StringRef name) const;
  /// What a formula holds that knows no extent: 2 and 1/2, and all that an
  /// extent of 2 can be read as.
  bool isCommon(int64_t n) const;
};

/// What `number` of type `type` is of an extent; the simplest one.
std::optional<Reading> readNumber(double number, int64_t extent,
                                  mlir::Type type);

/// The one number that a constant holds in all places, of any size. Booleans
/// are no numbers.
std::optional<double> uniformNumber(mlir::ElementsAttr constant);

} // namespace ssmc
