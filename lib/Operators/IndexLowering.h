//===- IndexLowering.h - building moves of elements as linalg ---*- C++ -*-===//
//
// What lowerings of operators that move elements share: index values, reads
// that stay inside of a tensor whatever the data, elements computed from their
// index, and reshapes.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ssmc {

mlir::Value indexConstant(mlir::OpBuilder &b, mlir::Location loc,
                          int64_t value);
/// An extent or offset as a value.
mlir::Value indexValue(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::OpFoldResult value);
/// An integer of any width as an index.
mlir::Value toIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value);
/// The zero of an element type.
mlir::Value zeroOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type);
/// `expr` over symbols and dims bound to `operands`, folded where possible.
mlir::OpFoldResult apply(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::AffineExpr expr,
                         llvm::ArrayRef<mlir::OpFoldResult> operands);

/// The run-time value of an expression; `symbolValue` gives those of symbols.
mlir::OpFoldResult
materializeExtent(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::AffineExpr expr,
                  llvm::function_ref<mlir::Value(unsigned)> symbolValue);

/// `index` moved into [0, extent): negative counts from the end, what is still
/// outside becomes the nearest valid index.
mlir::Value wrapAndClamp(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value index, mlir::Value extent);

/// Asserts at run time that every index in input `input` of the node is within
/// its extent, counted from the front or, if `fromEnd`, the end. With several
/// extents the last dimension of the input has an index of each, for `axis` and
/// the axes after it. Says nothing where the compiler sees that it holds.
void checkIndices(LowerContext &ctx, unsigned input, int64_t axis,
                  llvm::ArrayRef<mlir::OpFoldResult> extents,
                  bool fromEnd = true);

/// Asserts at run time that both are the same number.
void checkEqual(mlir::OpBuilder &b, mlir::Location loc,
                mlir::OpFoldResult found, mlir::OpFoldResult expected,
                llvm::StringRef what);

/// Asserts a condition at run time.
void checkHolds(mlir::OpBuilder &b, mlir::Location loc, mlir::Value condition,
                llvm::StringRef what);

/// Asserts that indices have no larger extents than their data but along
/// `axis`.
void checkIndexExtents(LowerContext &ctx, mlir::Value indices, mlir::Value data,
                       int64_t axis);

/// Asserts that an extent is 1, or the one that it is broadcast to.
void checkRepeats(mlir::OpBuilder &b, mlir::Location loc,
                  mlir::OpFoldResult from, mlir::OpFoldResult to);

/// The element of `tensor` at indices that are valid unless an extent is zero
/// at run time; then a zero.
mlir::Value readElement(mlir::OpBuilder &b, mlir::Location loc,
                        mlir::Value tensor, mlir::ValueRange indices);

/// A tensor of the shape of `destination` whose elements `element` computes
/// from their index, and from the elements of `inputs` under `maps`.
mlir::Value
buildElements(mlir::OpBuilder &b, mlir::Location loc, mlir::Value destination,
              mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
              llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                             mlir::ValueRange index,
                                             mlir::ValueRange elements)>
                  element);

/// The scalar or 1-element tensor `value` as a scalar.
mlir::Value extractScalar(mlir::OpBuilder &b, mlir::Location loc,
                          mlir::Value value, int64_t position = 0);

/// A slice of `value`; an empty tensor where it is known to have no elements,
/// which a slice is not allowed to be at the end of its source.
mlir::Value takeSlice(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                      llvm::ArrayRef<mlir::OpFoldResult> offsets,
                      llvm::ArrayRef<mlir::OpFoldResult> sizes,
                      llvm::ArrayRef<mlir::OpFoldResult> strides);

/// `value` seen under another shape. `from` and `to` are the extents of both
/// as expressions, `sizes` those of the result at run time. Collapses and
/// expands where the extents prove that it may; else copies element by element
/// and never reads outside.
mlir::Value buildReshape(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value value,
                         llvm::ArrayRef<mlir::AffineExpr> from,
                         mlir::RankedTensorType type,
                         llvm::ArrayRef<mlir::AffineExpr> to,
                         llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// Extents of operand and result `i` of the node as expressions.
mlir::FailureOr<llvm::SmallVector<mlir::AffineExpr>>
inputExtents(LowerContext &ctx, unsigned i);
mlir::FailureOr<llvm::SmallVector<mlir::AffineExpr>>
resultExtents(LowerContext &ctx, unsigned i);
llvm::SmallVector<mlir::OpFoldResult> resultSizes(LowerContext &ctx,
                                                  unsigned i);

/// Result 0 as input 0 under the shape of the result.
mlir::LogicalResult lowerAsReshape(LowerContext &ctx);

/// `value` as the new contents of `destination`, of the same type: what a loop
/// carries then stays in one buffer.
mlir::Value writeInto(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                      mlir::Value destination);

/// `value` retyped where a static extent is known on one side only.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                   mlir::RankedTensorType type);

} // namespace ssmc
