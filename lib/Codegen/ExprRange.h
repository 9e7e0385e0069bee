//===- ExprRange.h - what an affine expression reaches ----------*- C++ -*-===//
//
// The least and the largest value of an expression over a box of loops, each
// from 0 to its number of trips - 1, by interval arithmetic. Where every loop
// occurs once these are values that the expression takes; else they may lie
// beyond those, as for d0 - d0 floordiv 4 * 4. A remainder is known exactly of
// a loop alone: d0 mod 4 reaches min(3, trips - 1).
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"

#include <optional>

namespace ssmc {

struct ExprRange {
  mlir::OpFoldResult least, most;
  /// Both are reached, if no loop is empty.
  bool isReached;
};

/// The range of an expression whose dimensions are loops; none for what is not
/// affine.
std::optional<ExprRange> rangeOver(mlir::OpBuilder &b, mlir::Location loc,
                                   mlir::AffineExpr expr,
                                   llvm::ArrayRef<mlir::OpFoldResult> trips);

} // namespace ssmc
