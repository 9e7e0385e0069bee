//===- DataAxes.h - axes that are known at run time only --------*- C++ -*-===//
//
// Since axes are inputs, a model may compute them or take them from outside.
// What a node then does is one of a few things, of which those that give the
// shape of its result are compiled and one is chosen when the axes are there.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ssmc {

/// Whether dimension d of `rank` is among the axes that input `input` of the
/// node gives, for every d. Asserts that there are no others; so does the next.
llvm::SmallVector<mlir::Value> axisFlags(LowerContext &ctx, unsigned input,
                                         int64_t rank);

/// The axes that input `input` gives, counted from the front.
llvm::SmallVector<mlir::Value> axisNumbers(LowerContext &ctx, unsigned input,
                                           int64_t rank);

/// Asserts that what data decides comes to an extent of the result.
void checkExtent(LowerContext &ctx, mlir::OpFoldResult found, unsigned result,
                 unsigned d);

/// The value of the first choice whose condition holds; that one does is
/// asserted. Values become result 0 of the node.
mlir::Value choose(LowerContext &ctx, llvm::ArrayRef<mlir::Value> conditions,
                   llvm::StringRef what,
                   llvm::function_ref<mlir::Value(unsigned)> build);

} // namespace ssmc
