//===- Indexing.h - shared by operators that move elements ------*- C++ -*-===//
//
// Operators that only move elements have one form when they are computed: an
// output index gives the index of the input element. The helpers here visit
// indices, check shapes that data decides, and read axes.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ssmc {

/// Axes counted from the front; fails on one out of range or given twice.
mlir::FailureOr<llvm::SmallVector<int64_t>>
normalizeAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

/// Calls `visit` with every index of a shape in row-major order.
void forEachIndex(llvm::ArrayRef<int64_t> shape,
                  llvm::function_ref<void(llvm::ArrayRef<int64_t>)> visit);

/// Position of an index in row-major order.
int64_t linearize(llvm::ArrayRef<int64_t> index,
                  llvm::ArrayRef<int64_t> strides);

/// A tensor whose elements are elements of `source`: `sourceOf` gives the
/// position of the element for an output index; -1 leaves a zero.
mlir::FailureOr<Tensor>
pickElements(EvalContext &ctx, const Tensor &source,
             llvm::ArrayRef<int64_t> shape,
             llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> sourceOf);

/// ... the same where that position is `base` plus the index times `strides`.
mlir::FailureOr<Tensor> pickStrided(EvalContext &ctx, const Tensor &source,
                                    llvm::ArrayRef<int64_t> shape, int64_t base,
                                    llvm::ArrayRef<int64_t> strides);

/// Sets result 0 to `result` unless it failed.
mlir::LogicalResult finish(EvalContext &ctx, mlir::FailureOr<Tensor> result);

/// The integers of input `i`; fails where it is absent or not an integer.
mlir::FailureOr<llvm::SmallVector<int64_t>> inputInts(EvalContext &ctx,
                                                      unsigned i);

/// The integers an operator takes from attribute `name` in old versions and
/// from input `i` in new ones: nothing where neither is given.
mlir::FailureOr<std::optional<llvm::SmallVector<int64_t>>>
intsOfAttrOrInput(EvalContext &ctx, llvm::StringRef name, unsigned i);
/// The same for a shape rule; fails where the input is not a known constant.
mlir::FailureOr<std::optional<llvm::SmallVector<int64_t>>>
intsOfAttrOrInput(InferContext &ctx, llvm::StringRef name, unsigned i);

} // namespace ssmc
