//===- Ring.h - sequences on their way through shared memory ----*- C++ -*-===//
//
// A warp walks over time with some neighbouring channels to each lane.
// Registers cannot hold what must be on its way from memory to keep it busy
// (some 40 KB for a multiprocessor), and assemblers move loads down to where
// they are used. So each warp has a ring in shared memory: tiles of a few steps
// of all its streams, copied asynchronously, `stages - 1` of them ahead. Only
// the warp uses it: no barrier of the block is needed.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/LaunchBuilder.h"

namespace ssmc {

/// What a warp's walk is made of, the same for all streams.
struct RingShape {
  mlir::Type element;
  int64_t streams;
  int64_t warps;     // of a block
  int64_t stages;    // of the ring
  int64_t perLane;   // neighbouring channels of a lane: 2, 4 or 8 bytes
  int64_t steps = 8; // of a tile
  int64_t channels() const { return warpLanes * perLane; }
  int64_t bytes() const { return element.getIntOrFloatBitWidth() / 8; }
  int64_t rowBytes() const { return channels() * bytes(); }
  int64_t stageBytes() const { return streams * steps * rowBytes(); }
  mlir::Type lane() const { return mlir::VectorType::get({perLane}, element); }
};

/// A sequence in memory: where its first step lies (of channel 0), and how far
/// on the next one is, backwards where negative.
struct Stream {
  mlir::Value address, stride;
};

/// Time in `count` segments of `steps` steps each, fewer in the last one. None
/// is empty, unless all of time is.
struct Segments {
  mlir::Value count, steps;
  /// At most `wanted` segments of at least `shortest` steps, and at least one.
  Segments(LaunchBuilder &b, mlir::Value length, mlir::Value wanted,
           int64_t shortest);
};

class Ring {
public:
  using Value = mlir::Value;
  /// In the body of `launch`, which gets the memory. `thread` is in the block.
  Ring(LaunchBuilder &b, mlir::gpu::LaunchOp launch, RingShape shape,
       Value thread);

  /// `count` steps of the streams, of the channels from `channel` on of
  /// `total`.
  void begin(llvm::ArrayRef<Stream> streams, Value channel, Value total,
             Value count);

  /// The number of this lane or, where it has no channel, of the last one that
  /// has: both get the same values, and store the same where they store them.
  /// So nothing in a walk depends on whether a lane has a channel, and its
  /// steps are one block of code, in which the assembler can hide latencies.
  Value getLane() { return reader; }

  /// What a step gets of each stream: lanes of `shape.element`.
  using Step = llvm::function_ref<llvm::SmallVector<Value>(
      Value t, llvm::ArrayRef<Value> values, mlir::ValueRange carried)>;
  /// Walks over all steps.
  llvm::SmallVector<Value> walk(mlir::ValueRange carried, Step step);

  /// Whether the ring can copy: every address and stride is a multiple of 16
  /// bytes, and so is the extent of the channels. On the host.
  static Value isAligned(LaunchBuilder &b, llvm::ArrayRef<Value> memrefs,
                         Value channels);

  // What a walk is made of.
  /// Copies all but the last stage's tiles.
  void fill();
  /// Waits until all but the `pending` youngest tiles are there, for all lanes.
  void wait(int64_t pending);
  /// Copies a tile, or one of repeated last rows where it does not exist, to a
  /// stage that all lanes are done with.
  void issue(Value tile, Value stage);
  Value nextStage(Value stage);
  /// A lane's elements of a step of the tile in a stage.
  Value load(unsigned stream, Value stage, Value step);

private:
  void copy(Value tile, Value stage);

  LaunchBuilder &b;
  RingShape shape;
  Value lane, reader;
  Value memory; // of this warp, an address
  llvm::SmallVector<Stream> streams;
  Value column; // bytes, of what this lane copies
  Value row;    // of a tile that it copies first
  Value count;
};

} // namespace ssmc
