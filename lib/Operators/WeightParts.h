//===- WeightParts.h - parts of stored weights ------------------*- C++ -*-===//
//
// Operators such as LSTM hold several weights in one constant. What the rest of
// the compiler takes for a weight is a constant of its own: packed, shared and
// placed in the file as such. A part of rows is one, on the same bytes.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"

namespace ssmc {

/// Rows `first` .. of entry `outer` of input `i`, which is outer x rows x ...:
/// a constant where the input is one, a slice otherwise.
mlir::Value weightRows(LowerContext &ctx, unsigned i, int64_t outer,
                       int64_t first, int64_t count);

} // namespace ssmc
