//===- HopperSemiseparableKernel.h - the kernel in parts --------*- C++ -*-===//
//
// The parts of the kernel: HopperSemiseparableKernel.cpp has the warp groups
// and says how they work together, HopperSemiseparableState.cpp what they need
// of sums of decays and of states.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/HopperSemiseparable.h"

namespace ssmc {

class SemiseparableKernel {
public:
  using Values = HopperBuilder::Values;
  using Int = HopperBuilder::Int;
  static constexpr int64_t warpGroup = 128, warp = 32;
  static constexpr int64_t boxBytes = 64 * kBoxRowBytes; // of 64 rows
  static constexpr int64_t units = HopperSemiseparable::units;
  static constexpr int64_t chunk = HopperSemiseparable::chunk;
  // Warp groups: one of each unit, then these.
  static constexpr int64_t mixing = units, producer = units + 1;

  SemiseparableKernel(mlir::Operation *op, const HopperSemiseparable &shape,
                      bool isEnds)
      : shape(shape), isEnds(isEnds), stages(shape.stages(isEnds)),
        queryStages(shape.queryStages()),
        kernel(op, isEnds ? "ssm_semiseparable_ends" : "ssm_semiseparable",
               (producer + 1) * warpGroup),
        keyTiles(shape.sharesKeys() ? 1 : units),
        keyBytes(shape.keyBoxes() * boxBytes),
        columns(llvm::alignTo(shape.keySize, 16)),
        queries(kernel.reserve(isEnds ? 0 : queryStages * keyTiles * keyBytes)),
        keys(kernel.reserve(stages * keyTiles * keyBytes)),
        values(kernel.reserve(stages * units * boxBytes)),
        mixed(kernel.reserve(isEnds ? 0 : mixedStages * units * boxBytes)),
        outputs(kernel.reserve(isEnds ? 0 : units * boxBytes)),
        sums(kernel.reserve(stages * units * sumBytes)),
        scales(kernel.reserve(shape.scale ? stages * units * sumBytes : 0, 16)),
        queryRing(kernel, queryStages, 1, 4 * (units + 1)),
        ring(kernel, stages, 1 + units, 4 * (units + !isEnds)),
        mixedRing(kernel, mixedStages, warpGroup, 4 * units) {}

  mlir::SymbolRefAttr emit();
  int64_t sharedBytes() const { return kernel.sharedBytes(); }

private:
  static constexpr int64_t sumBytes = chunk * sizeof(float), mixedStages = 2;

  void copyTiles(HopperBuilder &b);
  void sumDecays(HopperBuilder &b);
  void mix(HopperBuilder &b);
  void carryState(HopperBuilder &b);
  void findEnds(HopperBuilder &b);
  void writeOutput(HopperBuilder &b, mlir::ValueRange y, mlir::Value c);
  Values loadOfLane(HopperBuilder &b, mlir::Value ofChunk);
  mlir::Value sumBefore(HopperBuilder &b, mlir::Value sumsOfChunk,
                        mlir::Value position);
  Values sumsRead(HopperBuilder &b, mlir::Value sumsOfChunk,
                  mlir::ValueRange sumsOfLane);
  Values loadDiagonal(HopperBuilder &b, mlir::Value c);

  Values loadValues(HopperBuilder &b, mlir::Value tile);
  Values scaled(HopperBuilder &b, mlir::ValueRange packed,
                mlir::ValueRange ofLane);
  Values decays(HopperBuilder &b, mlir::ValueRange sumsOfLane,
                mlir::Value last);
  Values addSkipped(HopperBuilder &b, mlir::ValueRange y, mlir::Value tile,
                    mlir::Value factor);
  mlir::Value loadSkip(HopperBuilder &b);
  Values written(HopperBuilder &b, mlir::Value c);
  Values transferState(HopperBuilder &b, mlir::ValueRange state);
  Values firstState(HopperBuilder &b);
  Values transferKept(HopperBuilder &b, mlir::Value slot,
                      mlir::ValueRange state);
  mlir::Value keptDecay(HopperBuilder &b, mlir::Value slot);

  mlir::Value headOf(HopperBuilder &b, Int unit) {
    return b.div(b.add(unit0, unit), shape.unitsOfHead());
  }
  mlir::Value columnOf(HopperBuilder &b, Int unit) {
    return b.mul(b.rem(b.add(unit0, unit), shape.unitsOfHead()),
                 HopperSemiseparable::unitColumns);
  }
  mlir::Value keyTile(HopperBuilder &b, const TileRing::Use &use, Int unit) {
    mlir::Value first = b.mul(use.stage, keyTiles);
    return b.mul(shape.sharesKeys() ? first : b.add(first, unit), keyBytes);
  }
  mlir::Value unitTile(HopperBuilder &b, const TileRing::Use &use, Int unit) {
    return b.mul(b.add(b.mul(use.stage, units), unit), boxBytes);
  }
  mlir::Value tokenOf(HopperBuilder &b, mlir::Value c) {
    mlir::Value place = b.add(firstChunk, c);
    if (shape.isReverse)
      place = b.sub(b.sub(allChunks, 1), place);
    return b.mul(place, chunk);
  }
  /// A chunk's decay, as log2.
  mlir::Value lastSum(HopperBuilder &b, mlir::Value sumsOfChunk) {
    int64_t at = shape.isReverse ? 0 : sumBytes - sizeof(float);
    return b.load(b.getF32Type(), b.at(sumsOfChunk, at), sizeof(float));
  }
  mlir::Value sumsAt(HopperBuilder &b, const TileRing::Use &use, Int unit) {
    return numbersAt(b, use, unit, sums);
  }

  /// The numbers of a chunk, sums or scales.
  mlir::Value numbersAt(HopperBuilder &b, const TileRing::Use &use, Int unit,
                        int64_t offset) {
    mlir::Value slot = b.add(b.mul(use.stage, units), unit);
    return b.at(base, b.add(b.mul(slot, sumBytes), offset));
  }

  const HopperSemiseparable &shape;
  bool isEnds;
  int64_t stages, queryStages;
  HopperKernel kernel;
  int64_t keyTiles, keyBytes, columns;
  int64_t queries, keys, values, mixed, outputs, sums, scales;
  TileRing queryRing, ring, mixedRing;

  mlir::Value mapQ, mapK, mapV, mapY, begin, state, kept, decay, resets, scale,
      skip, diagonal;
  mlir::Value length, blocksOfRow, blocks, segments, chunksOfSegment;
  mlir::Value stateStrides[3], decayStrides[3], resetStrides[2];
  mlir::Value scaleStrides[3], skipStrides[1], diagonalStrides[3];
  mlir::Value base, batch, unit0, blockOfSegment, segment, group;
  mlir::Value firstChunk, chunks, allChunks;
  mlir::Value warpInGroup, lane, quad, row, isFirstLane, isFirstThread;
};

} // namespace ssmc
