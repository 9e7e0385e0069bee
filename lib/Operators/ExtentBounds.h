//===- ExtentBounds.h - how long what a graph is given may be ---*- C++ -*-===//
//
// A graph that cuts a table of 1024 positions to its tokens is defined for no
// more of them. Where a raise drops the table, the function keeps its end
//
//   ssmc.bounds = [{axes = array<i64: 0, 1>, most = 1024 : i64}]
//
// as the most that extents of arguments (argument, axis, argument, axis, ...)
// may be together. That is checked when the model runs.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Extents.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ssmc {

struct ExtentBound {
  llvm::SmallVector<std::pair<unsigned, unsigned>, 2> axes;
  int64_t most;

  /// What may be `most`, by the extents of the arguments.
  using ShapeOf = llvm::function_ref<const ValueShape *(mlir::Value)>;
  mlir::AffineExpr extent(mlir::func::FuncOp graph, ShapeOf shapeOf) const;
};

/// That `extent` is at most `most`; nothing where it is no sum of extents of
/// arguments, and a number.
std::optional<ExtentBound> findExtentBound(mlir::func::FuncOp graph,
                                           mlir::AffineExpr extent,
                                           int64_t most);

/// Of the same extents the least bound is kept.
void addExtentBound(mlir::func::FuncOp graph, const ExtentBound &bound);
/// Fails, after an error, where the attribute is not of this form.
mlir::FailureOr<llvm::SmallVector<ExtentBound>>
readExtentBounds(mlir::func::FuncOp graph);
void dropExtentBounds(mlir::func::FuncOp graph);

} // namespace ssmc
