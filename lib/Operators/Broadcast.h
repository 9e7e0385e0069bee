//===- Broadcast.h - elementwise operators with broadcasting ----*- C++ -*-===//
//
// Numpy's broadcasting, in the three forms in which rules need it: on symbolic
// shapes, on values, and as indexing maps. An extent is broadcast if and only
// if it is the constant 1: an extent that is symbolic must be equal to that of
// the other operands.
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

/// The same iteration space with fewer loops: loops of extent one are left out
/// and neighbours merged where all strides run on from one to the other.
void mergeLoops(llvm::SmallVectorImpl<int64_t> &extents,
                llvm::MutableArrayRef<llvm::SmallVector<int64_t>> strides);

/// Calls `visit(i, length, offsets, steps)` for runs of elements of `target`
/// from `i` on, in row-major order, with the offset of the first into each of
/// the operands of these strides, and the step to the next.
template <typename Visit>
void forEachRun(llvm::ArrayRef<int64_t> target,
                llvm::ArrayRef<llvm::SmallVector<int64_t>> operandStrides,
                Visit visit) {
  llvm::SmallVector<int64_t> extents(target);
  llvm::SmallVector<llvm::SmallVector<int64_t>> strides(operandStrides.begin(),
                                                        operandStrides.end());
  if (llvm::is_contained(extents, 0))
    return;
  mergeLoops(extents, strides);
  size_t inner = extents.size() - 1;
  llvm::SmallVector<int64_t, 4> offsets(strides.size(), 0), steps;
  for (const auto &stride : strides)
    steps.push_back(stride[inner]);
  llvm::SmallVector<int64_t> index(extents.size(), 0);
  for (int64_t i = 0, length = extents[inner];; i += length) {
    visit(i, length, llvm::ArrayRef<int64_t>(offsets),
          llvm::ArrayRef<int64_t>(steps));
    size_t d = inner;
    while (d-- > 0) {
      bool done = ++index[d] == extents[d];
      for (size_t s = 0; s < strides.size(); ++s)
        offsets[s] += strides[s][d] * (done ? 1 - extents[d] : 1);
      if (!done)
        break;
      index[d] = 0;
    }
    if (d == size_t(-1))
      return;
  }
}

/// Calls `visit(i, offsets)` for each element `i` of `target` in row-major
/// order, with the offset into each of the operands of these strides.
template <typename Visit>
void forEachBroadcast(llvm::ArrayRef<int64_t> target,
                      llvm::ArrayRef<llvm::SmallVector<int64_t>> operandStrides,
                      Visit visit) {
  forEachRun(target, operandStrides,
             [&](int64_t i, int64_t length, llvm::ArrayRef<int64_t> first,
                 llvm::ArrayRef<int64_t> steps) {
               llvm::SmallVector<int64_t, 4> offsets(first);
               for (int64_t end = i + length; i < end; ++i) {
                 visit(i, llvm::ArrayRef<int64_t>(offsets));
                 for (size_t s = 0; s < steps.size(); ++s)
                   offsets[s] += steps[s];
               }
             });
}

/// The map that reads an operand of type `operand` in an iteration space of
/// extents `target`, aligned at the last dimension.
mlir::AffineMap broadcastMap(mlir::RankedTensorType operand,
                             mlir::RankedTensorType target);

using ScalarBody =
    llvm::function_ref<scalar::Scalar(llvm::ArrayRef<scalar::Scalar> elements)>;

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
