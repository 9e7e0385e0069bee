//===- StateTile.h - a matrix state in the registers of a block -*- C++ -*-===//
//
// A state of N keys by P columns. A warp owns some columns with all keys, so
// that it needs no other: a lane has four neighbouring columns of some keys,
// and sums over keys are exchanges among the lanes of a column.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/StagedSteps.h"

namespace ssmc {

struct StateTile {
  static constexpr int64_t vectorKeys = 4; // loaded at once
  int64_t keys, columns;                   // N and P
  int64_t laneColumns, keyLanes;           // of a lane, of a column
  int64_t warps, blocks;                   // of a block, of a head

  /// The layout for a state; none where registers cannot hold it. One step has
  /// more and smaller blocks: what it takes is the way of the state.
  static std::optional<StateTile> get(int64_t keys, int64_t columns,
                                      bool isStep);

  int64_t paddedKeys() const {
    return llvm::alignTo(keys, vectorKeys * keyLanes);
  }
  int64_t laneKeys() const { return paddedKeys() / keyLanes; }
  int64_t laneVectors() const { return laneKeys() / vectorKeys; }
  int64_t warpColumns() const { return warpLanes / keyLanes * laneColumns; }
  int64_t blockColumns() const { return warps * warpColumns(); }
  int64_t threads() const { return warps * warpLanes; }
};

/// What a thread has of a state: for each of its keys, a vector of columns.
class StateLane {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  /// `part` is the number of the block among those of a head.
  StateLane(LaunchBuilder &b, const StateTile &tile, Value thread, Value part);

  /// The thread's elements of `memref`, whose last dimensions are the state's.
  Values load(Value memref, mlir::ValueRange index);
  void store(mlir::ValueRange state, Value memref, mlir::ValueRange index);
  Values zeros();

  /// The same of numbers of each key, in vectors of four keys.
  Values loadKeys(Value memref, mlir::ValueRange index);
  void storeKeys(mlir::ValueRange numbers, Value memref,
                 mlir::ValueRange index);
  /// Where a vector of keys begins.
  Value keyOf(int64_t vector);

  /// Sums over all keys, from the lane's own: the lane gets some of the
  /// columns, `summed()` of them from column `sumColumn` on.
  Values sum(Value ofLane);
  int64_t summed() const;
  /// The same for all columns of the lane, in every lane of a column.
  Value sumAll(Value ofLane);
  Value sumColumn() const { return firstSum; }

  /// One of the lanes that share columns.
  Value hasFirstKey() { return b.equal(keyLane, b.idx(0)); }

  mlir::VectorType type() const { return vec; }
  Value columnInBlock() const { return inBlock; }
  Value columnOfBlock() const { return ofBlock; }
  /// True where all columns are the state's.
  bool isWhole() const { return tile.columns % tile.blockColumns() == 0; }

private:
  void forEach(mlir::ValueRange index, Value memref,
               llvm::function_ref<void(int64_t key, Value exists,
                                       mlir::ValueRange index)>
                   body);
  bool isVector(Value memref) const;

  LaunchBuilder &b;
  const StateTile &tile;
  mlir::VectorType vec;
  Value keyLane, inBlock, ofBlock, firstSum;
};

/// Whether decays of H, H x N, B x L x H or B x L x H x N are of each key.
bool isDecayOfKey(mlir::Value decay);
/// Stages their powers in a head, which are one or `paddedKeys` for a step.
StagedSteps::Sequence stageDecay(LaunchBuilder &b, StagedSteps &staged,
                                 mlir::Value decay, const StateTile &tile,
                                 mlir::Value batch, mlir::Value head);

} // namespace ssmc
