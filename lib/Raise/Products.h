//===- Products.h - sums of products of two values --------------*- C++ -*-===//
//
// MatMul, Einsum and sums of what Mul gives, of two operands that follow from
// data, by what each axis of them is: equal labels are one axis.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Graph.h"

namespace ssmc {

using AxisLabels = llvm::SmallVector<int, 5>;

struct Product {
  mlir::onnx::NodeOp node;
  mlir::Value lhs, rhs;
  AxisLabels left, right, result;

  /// Labels of `own` that `other` and the result have or have not, in the order
  /// of the result, those that are not there in the order of `own`.
  AxisLabels shared() const;
  AxisLabels summed() const;
  /// Of the one operand and the result alone.
  AxisLabels free(bool ofLeft) const;
};

/// Nothing where the node is no such product.
std::optional<Product> readProduct(const Graph &graph, mlir::onnx::NodeOp node);

} // namespace ssmc
