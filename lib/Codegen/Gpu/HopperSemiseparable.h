//===- HopperSemiseparable.h - matrix states on tensor cores ----*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/HopperBuilder.h"
#include "lib/Codegen/StateStart.h"

namespace ssmc {

/// A pass over time, forward or in reverse, on buffers. Optional: the state,
/// the decay, the resets, what scales values, what is added of them (of the
/// head), and the diagonal of a strict pass.
struct HopperMixing {
  mlir::Operation *op;
  mlir::Value q, k, v, y, state, decay, resets, scale, skip, diagonal;
  bool isReverse = false;
  /// A token does not see itself, but for the diagonal, and what it reads of
  /// others has not decayed by its own decay.
  bool isStrict = false;
  /// The outputs are added to what `y` holds.
  bool addsToOutput = false;
  /// What the state begins with instead of what it holds.
  StateStart start = {};
};

/// What the kernel of a pass is made for; length and batch are arguments.
struct HopperSemiseparable {
  mlir::Type element; // of q, k, v and y
  /// Element types; null: none.
  mlir::Type decay, scale, skip, diagonal;
  int64_t keySize, valueSize;          // N and P
  int64_t heads, keyHeads, queryHeads; // H, G and J
  bool isReverse, isStrict, addsToOutput, hasState, hasResets, startsAtZero;
  /// In elements; those that the type leaves open are arguments.
  llvm::SmallVector<int64_t, 3> stateStrides, decayStrides, resetStrides,
      scaleStrides, skipStrides, diagonalStrides;
  /// A block owns so many units, each 64 columns of v of one head.
  static constexpr int64_t units = 2, chunk = 64, unitColumns = 64;

  /// The kernel's shape; none where the pass is for others.
  static std::optional<HopperSemiseparable> get(const HopperMixing &mixing);

  int64_t unitsOfHead() const {
    return llvm::divideCeil(valueSize, unitColumns);
  }
  int64_t numUnits() const { return heads * unitsOfHead(); }
  /// Whether the units of every block have the same keys and queries.
  bool sharesKeys() const {
    return unitsOfHead() * heads / keyHeads % units == 0 &&
           unitsOfHead() * heads / queryHeads % units == 0;
  }
  /// Of a unit's state in the registers of a warp group.
  int64_t keptElements() const {
    return llvm::alignTo(keySize, 16) * unitColumns;
  }
  int64_t keyBoxes() const { return llvm::divideCeil(keySize, kBoxColumns); }
  /// Stages of keys and values, and of queries, which are done with earlier.
  int64_t stages(bool isEnds) const {
    if (sharesKeys())
      return isEnds ? 5 : scale ? 3 : 4; // scales take some of the memory
    return isEnds ? 4 : 2;
  }
  int64_t queryStages() const { return sharesKeys() ? 3 : 2; }
};

/// A kernel and the bytes of shared memory that it takes.
using HopperKernelOf = std::pair<mlir::SymbolRefAttr, int64_t>;

/// The kernel, or that of the states at the ends of segments. Arguments: maps
/// of q, k, v and y; where the state is read, and written; what is kept between
/// the two; the decay, the resets, the scale, the skip and the diagonal where
/// there are any; i32 length, blocks of a batch row, blocks of a segment,
/// segments, chunks of a segment; i64 strides of the state (3), the decay (3),
/// the resets (2), the scale (3), the skip (1) and the diagonal (3).
HopperKernelOf emitHopperSemiseparable(mlir::Operation *op,
                                       const HopperSemiseparable &shape,
                                       bool isEnds);

/// Replaces `op` by launches of these passes, one after the other.
void lowerHopperMixings(mlir::Operation *op,
                        llvm::ArrayRef<HopperMixing> mixings,
                        llvm::ArrayRef<HopperSemiseparable> shapes);

} // namespace ssmc
