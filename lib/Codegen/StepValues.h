//===- StepValues.h - what a step takes and gives ---------------*- C++ -*-===//
//
// Which part of which operand the arguments of a step are, and where the values
// go that it yields: one answer for ssm.recurrence and ssm.associative_scan.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Value.h"

#include <optional>

namespace ssmc {

/// What a step sees of an operand: without its time axis, if it has one.
struct StepValue {
  mlir::Value whole;
  std::optional<int64_t> axis;
  int64_t dim(int64_t d) const { return axis && d >= *axis ? d + 1 : d; }
};

/// What argument `i` of a step is, if `op` has one.
std::optional<StepValue> stepArgument(mlir::Operation *op, unsigned i);

/// Where value `i` goes that the step of `op` yields.
std::optional<StepValue> stepTarget(mlir::Operation *op, unsigned i);

} // namespace ssmc
