//===- ShapeArithmetic.h - integers known as expressions --------*- C++ -*-===//
//
// Graphs compute shapes from shapes: small integer tensors whose elements are
// expressions over the symbols. Symbols are extents, so never negative.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ssmc {

/// Whether `expr` is at least 0 wherever the symbols are. False means unknown.
bool isNonNegative(mlir::AffineExpr expr);
std::optional<int64_t> asConstant(mlir::AffineExpr expr);

/// Applies `rule` to the known elements of the first `count` inputs, broadcast
/// as scalars and vectors, and records what it yields as elements of result 0.
/// The rule returns null where the result is unknown; then nothing is recorded.
void propagateElements(
    InferContext &ctx, unsigned count,
    llvm::function_ref<mlir::AffineExpr(llvm::ArrayRef<mlir::AffineExpr>)>
        rule);

/// Quotient and remainder with a positive divisor; null where the sign of the
/// dividend is unknown.
mlir::AffineExpr divideExprs(mlir::AffineExpr a, mlir::AffineExpr b);
mlir::AffineExpr remainderExprs(mlir::AffineExpr a, mlir::AffineExpr b);
/// The remainder with the sign of the dividend.
mlir::AffineExpr truncatedRemainderExprs(mlir::AffineExpr a,
                                         mlir::AffineExpr b);
/// The greater one; null where that depends on the symbols.
mlir::AffineExpr maxExprs(mlir::AffineExpr a, mlir::AffineExpr b);
mlir::AffineExpr minExprs(mlir::AffineExpr a, mlir::AffineExpr b);
/// Truth of a < b and a == b; nothing where that depends on the symbols.
std::optional<bool> isLess(mlir::AffineExpr a, mlir::AffineExpr b);
std::optional<bool> isEqual(mlir::AffineExpr a, mlir::AffineExpr b);

} // namespace ssmc
