//===- StateBlocks.h - the walk of kernels with a matrix state --*- C++ -*-===//
//
// One parallel iteration owns a head of a batch row and takes time in blocks,
// whose decays are cut into segments.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/DecaySegments.h"

namespace ssmc {

/// Base of the kernels of ops with a state of B x H x N x P.
class StateBlocks {
protected:
  using Value = mlir::Value;

  template <typename Op>
  StateBlocks(KernelBuilder &b, Op op, int64_t maxTokens)
      : b(b), lanes(b.target.lanes), maxTokens(maxTokens),
        keys(extentOf(op.getState(), 2)), states(extentOf(op.getState(), 1)),
        decay{op.getDecay(), op.getResets(), keys}, full{b.vec(), {}},
        y(op.getY()), state(op.getState()), reverse(op.getReverse()) {}

  /// Runs `body` for every block, with the members below set. `allocate` makes
  /// the scratch of an iteration.
  void forEachBlock(llvm::function_ref<void()> allocate,
                    llvm::function_ref<void(DecaySegments &)> body) {
    length = b.dim(y, 1);
    columns = b.dim(state, 3);
    b.parallel({b.dim(y, 0), b.idx(states)}, [&](mlir::ValueRange index) {
      batch = index[0];
      head = index[1];
      allocate();
      DecaySegments segments(b, decay, maxTokens);
      b.loop(b.idx(0), length, maxTokens, [&](Value first) {
        block = first;
        tokens = b.min(b.sub(length, first), b.idx(maxTokens));
        segments.emit(batch, head, tokens, [&](Value t) { return now(t); });
        body(segments);
      });
    });
  }

  /// The index in memory of token t of the block.
  Value now(Value t) {
    Value at = b.add(block, t);
    return reverse ? b.sub(b.sub(length, b.idx(1)), at) : at;
  }

  /// The head of `memref`, which has as many or fewer, of this state.
  Value sharedHead(Value memref) {
    return b.div(head, states / extentOf(memref, 2));
  }

  /// Columns of scratch for a row of keys: rows a multiple of 4 KiB apart would
  /// share the sets of the cache.
  int64_t keyColumns() const { return llvm::alignTo(keys, lanes) + lanes; }

  KernelBuilder &b;
  int64_t lanes, maxTokens, keys, states;
  Decay decay;
  Lanes full;
  /// Of the op; of the iteration; the first token and the number of tokens of
  /// the block.
  Value length, columns, batch, head, block, tokens;

private:
  Value y, state;
  bool reverse;
};

} // namespace ssmc
