//===- UnitProduct.h - a state times the columns of a block -----*- C++ -*-===//
//
// The products of LaunchRecurrence.cpp. A warp has some of the terms, and
// leaves
//
//   part[warp][row][column] = the sum over its k of state[row, k] * weight[k,
//   column]
//
// in shared memory. It loads its own terms of the state alone, so that no other
// warp waits for it. In f32 a lane has a column, and the rows of the tile in
// registers; the state is turned in shared memory. With a state and weights of
// bf16 or f16 they are multiplied by mma.sync, m16n8k16: a lane loads eight
// neighbouring terms of a row, which are its elements of two such steps, as a
// sum may take its terms in any order; the weights lie in shared memory in the
// order in which lanes want them.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/UnitLoop.h"

namespace ssmc {

struct UnitProduct {
  const UnitStep *step = nullptr;
  int64_t units = 0; // of the loop
  bool onTensorCores = false;
  // Of a block.
  int64_t blockUnits = 0, rows = 0, columns = 0, depth = 0;
  int64_t weightsAt = 0, partsAt = 0, stateAt = 0; // bytes in shared memory

  static constexpr int64_t warps = 8;

  UnitProduct(const UnitStep &step, int64_t units);
  /// For tiles of so many rows, with the block's memory from `at` on; where it
  /// ends.
  int64_t place(int64_t blockUnits, int64_t rows, int64_t at);

  /// What is known in a block.
  struct Block {
    mlir::Value base;   // of its shared memory, an address
    mlir::Value thread; // its number
  };
  /// The state as it is in a step: rows behind the last one repeat it.
  struct State {
    mlir::Value buffer;
    mlir::Value half; // its first index, or null
    mlir::Value firstRow, rowCount;
  };
  /// The columns of the units of `group`, by all threads.
  void loadWeights(LaunchBuilder &b, Block block, mlir::Value group) const;
  /// The parts, each by its warp.
  void multiply(LaunchBuilder &b, Block block, State state) const;
  /// Their sum, always in the same order, behind a barrier.
  mlir::Value sum(LaunchBuilder &b, Block block, mlir::Value row,
                  mlir::Value column) const;

private:
  int64_t perWarp() const { return depth / warps; }
  /// Of a warp's terms of a row in shared memory, with a gap behind them.
  int64_t rowBytes() const { return 4 * (perWarp() + 4); }
  mlir::Value weightAt(LaunchBuilder &b, mlir::Value group, mlir::Value k,
                       mlir::Value column) const;
  mlir::Value loadTerms(LaunchBuilder &b, const State &state, mlir::Value row,
                        mlir::Value k, int64_t count) const;
  void storePart(LaunchBuilder &b, Block block, mlir::Value sum,
                 mlir::Value row, mlir::Value column) const;
  void multiplyByLanes(LaunchBuilder &b, Block block, State state) const;
  void multiplyByTiles(LaunchBuilder &b, Block block, State state) const;
};

} // namespace ssmc
