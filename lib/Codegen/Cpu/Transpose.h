//===- Transpose.h - rows of channels to vectors of channels ----*- C++ -*-===//
//
// Kernels keep a matrix "channel x state" as one vector of channels per state,
// while it lies in memory with the states of a channel together. These move a
// block of channels between the two.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

/// A block of rows: `memref[prefix..., row + i, from + n]` for i < count,
/// n < states.
struct RowBlock {
  mlir::Value memref;
  llvm::SmallVector<mlir::Value> prefix;
  mlir::Value row;
  mlir::Value count; // null: as many rows as the scratch has lanes
  int64_t states;
  mlir::Value from = {}; // null: 0
};

/// As many vectors as they have lanes, a power of two, transposed.
void transposeTile(KernelBuilder &b, llvm::MutableArrayRef<mlir::Value> rows);
/// Lanes without and with bit `s` of the result are the sums of lanes s apart
/// of x and of y. Applied to pairs of rows with s = 1, to pairs of what that
/// gives with s = 2 and so on, it leaves the sum of row i in lane i.
mlir::Value addPairs(KernelBuilder &b, mlir::Value x, mlir::Value y, int64_t s);
/// scratch[n][i] = scale * rows[i][n]; lanes beyond `count` become 0.
void loadTransposed(KernelBuilder &b, const RowBlock &rows, mlir::Value scratch,
                    double scale);
/// rows[i][n] = scratch[n][i]
void storeTransposed(KernelBuilder &b, const RowBlock &rows,
                     mlir::Value scratch);

} // namespace ssmc
