//===- JoinGathers.h - one exit for loops that give several -----*- C++ -*-===//
//
// Steps of an unrolled loop may give several values, each of which is gathered
// by itself: the real and the imaginary part of a state, say,
//
//   re = Concat(re_0, re_1, ...), im = Concat(im_0, im_1, ...)
//
// No single value leaves such a loop. It has one where they are gathered as one
// and cut apart again:
//
//   both = Concat(Concat(re_0, im_0), Concat(re_1, im_1), ...)
//   re = Slice(both), im = Slice(both)
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ssmc {

/// Joins what follows from one carried state. Gives the nodes that are gone, by
/// their old addresses; where there are some, types are to be inferred.
llvm::DenseSet<mlir::Operation *> joinGathers(mlir::func::FuncOp func);

/// Gathers apart again what no mixer gives. True where something changed; types
/// are to be inferred then.
bool partGathers(mlir::func::FuncOp func);

} // namespace ssmc
