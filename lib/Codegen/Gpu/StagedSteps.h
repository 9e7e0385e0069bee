//===- StagedSteps.h - sequences by steps in shared memory ------*- C++ -*-===//
//
// What a block reads of some sequences in each step of its walk over time lies
// in shared memory, extended to f32, in two tiles of steps in turn: while the
// block computes the steps of one, it brings along those of the next. What lies
// beyond the end is staged as a step that changes nothing.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/LaunchBuilder.h"

namespace ssmc {

class StagedSteps {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using Sequence = unsigned; // its number

  /// Tiles of `steps` steps, in the body of `launch`, which gets the memory.
  StagedSteps(LaunchBuilder &b, mlir::gpu::LaunchOp launch, Value thread,
              int64_t threads, int64_t steps)
      : b(b), launch(launch), thread(thread), threads(threads), steps(steps) {}

  /// A sequence with `size` elements in a step. Where nothing is, it has the
  /// `neutral` number. Of logarithms (`isLog`) their powers are staged.
  Sequence add(Value memref, int64_t size, double neutral, bool isLog = false);
  /// `size` of its elements are those from `first` on, of `count`, in the last
  /// dimension; `index` is that of the others, at time zero, which dimension 1
  /// is, or none. In a step they lie from `offset` on.
  void addElements(Sequence sequence, mlir::ValueRange index, Value first,
                   int64_t size, int64_t count, int64_t offset = 0);
  /// memref[row, time] of booleans, as ones and zeros.
  Sequence addFlags(Value memref, Value row);

  /// Calls `step` with the tile, the step's number there and in the walk, and
  /// what is carried, for `count` steps and up to a tile beyond. `known` is the
  /// number, if it is known, and `timeOf` the time of a step that is there.
  using Step = llvm::function_ref<Values(Value tile, int64_t inTile, Value now,
                                         mlir::ValueRange carried)>;
  Values walk(std::optional<int64_t> known, Value count,
              llvm::function_ref<Value(Value)> timeOf, Values carried,
              Step step);

  // In a step.
  Value scalar(Sequence sequence, Value tile, int64_t inTile);
  Value vector(Sequence sequence, Value tile, int64_t inTile, Value place,
               mlir::VectorType type);

private:
  /// The thread's elements of a step, as addresses at time zero and whether
  /// they exist.
  struct Staged {
    Value memref, shared, stride, row;
    double neutral;
    bool isLog;
    Values addresses, exists, places;
  };

  Values fetch(Value step);
  void put(mlir::ValueRange fetched, Value tile, Value inTile);
  Values walkTile(Value number, mlir::ValueRange before, Step step);
  void forEach(int64_t size, llvm::function_ref<void(Value)> body);

  LaunchBuilder &b;
  mlir::gpu::LaunchOp launch;
  Value thread;
  int64_t threads, steps;
  llvm::SmallVector<Staged> sequences;
  Value count;
  llvm::function_ref<Value(Value)> timeOf;
};

} // namespace ssmc
