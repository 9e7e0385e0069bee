//===- Choice.h - what a search says instead of a rule ----------*- C++ -*-===//
//
// Into how many segments time is cut and how large tiles are is chosen by rules
// that the kernels have. A module may say otherwise, and so the rules are
// compared with all else that could be chosen (benchmarks/gpu/plan.py):
//
//   module attributes {ssm.choices = {segments = 4 : i64}}
//
//   segments   of time, or of keys
//   tile       rows and columns of a product, 64 or 128; keys of attention
//   few_rows   0: products of few rows are computed in tiles, too
//   warps      of a block that have columns of a matrix state, a power of two
//   chunks     0: matrix states go over steps, not over chunks with mma.sync
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Builders.h"

namespace ssmc {

/// What the module around `op`, or where a builder stands, says of a choice.
std::optional<int64_t> givenChoice(mlir::Operation *op, llvm::StringRef name);
std::optional<int64_t> givenChoice(mlir::OpBuilder &b, llvm::StringRef name);

} // namespace ssmc
