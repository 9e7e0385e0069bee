//===- Broadcast.h - elementwise operators with broadcasting ----*- C++ -*-===//
//
// Numpy's broadcasting, in the three forms in which rules need it: on symbolic
// shapes, on values, and as indexing maps. An extent is broadcast if and only
// if it is the constant 1: an extent that is symbolic is taken to be equal to
// that of the other operands.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"
#include "lib/Operators/Scalar.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ssmc {

/// The shape that `shapes` broadcast to. Reports an error where two constant
/// extents disagree.
mlir::FailureOr<llvm::SmallVector<mlir::AffineExpr>>
broadcastDims(InferContext &ctx,
              llvm::ArrayRef<llvm::ArrayRef<mlir::AffineExpr>> shapes);
/// That of all inputs of the node.
mlir::FailureOr<llvm::SmallVector<mlir::AffineExpr>>
broadcastInputs(InferContext &ctx);

/// The same of values' shapes; nothing where they do not fit.
std::optional<llvm::SmallVector<int64_t>>
broadcastShapes(llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);

/// Strides of `shape` seen under `target`: 0 where it is broadcast.
llvm::SmallVector<int64_t> broadcastStrides(llvm::ArrayRef<int64_t> shape,
                                            llvm::ArrayRef<int64_t> target);

/// Calls `visit(i, offsets)` for each element `i` of `target` in row-major
/// order, with the offset into each of the operands of these strides.
void forEachBroadcast(
    llvm::ArrayRef<int64_t> target,
    llvm::ArrayRef<llvm::SmallVector<int64_t>> strides,
    llvm::function_ref<void(int64_t, llvm::ArrayRef<int64_t>)> visit);

/// The map that reads an operand of type `operand` in an iteration space of
/// extents `target`, aligned at the last dimension.
mlir::AffineMap broadcastMap(mlir::RankedTensorType operand,
                             mlir::RankedTensorType target);

using ScalarBody = llvm::function_ref<scalar::Scalar(
    llvm::ArrayRef<scalar::Scalar> elements)>;

/// One linalg.generic over `inputs`, broadcast to result `result` of the node.
/// Inputs that are the node's own are read with their signs.
mlir::Value elementwise(LowerContext &ctx, unsigned result,
                        llvm::ArrayRef<mlir::Value> inputs, ScalarBody body);

/// Whether the integers of input `i` of the node are unsigned. The types that
/// the lowering works on no longer say so.
bool isUnsignedInput(LowerContext &ctx, unsigned i);
bool isUnsignedResult(LowerContext &ctx, unsigned i);

/// For messages.
std::string describeDims(llvm::ArrayRef<mlir::AffineExpr> dims);
std::string describeType(mlir::Type type);

} // namespace ssmc
