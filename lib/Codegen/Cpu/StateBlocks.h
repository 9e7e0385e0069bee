//===- StateBlocks.h - the walk of kernels with a matrix state --*- C++ -*-===//
//
// One parallel iteration owns a head of a batch row and takes time in blocks,
// whose decays are cut into segments.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/DecaySegments.h"

namespace ssmc {

/// One direction of time through a mixer with a state of N x P for each head.
struct StateWalk {
  mlir::Value y; // B x L x Y x P
  int64_t heads; // of the state
  Decay decay;
  bool reverse = false;
  /// Whether a token reads the state before it is decayed and added to: then a
  /// step takes in the decay, key and value of the token before.
  bool delayed = false;
  /// B x H x N x P, or N x P of one head at a time.
  mlir::Value state = {};
  /// Where it is read at first: itself, or what it is to begin with.
  mlir::Value begin = {};
};

/// Base of the kernels of ops with such a state.
class StateBlocks {
protected:
  using Value = mlir::Value;

  StateBlocks(KernelBuilder &b, const StateWalk &walk, int64_t maxTokens)
      : b(b), lanes(b.target.lanes), maxTokens(maxTokens),
        keys(walk.decay.keys), states(walk.heads),
        decay(walk.decay), full{b.vec(), {}}, begin(walk.begin), walk(walk) {}

  /// Runs `body` for every block of the head, with the members below set.
  void forEachBlock(llvm::function_ref<void(DecaySegments &)> body) {
    length = b.dim(walk.y, 1);
    columns = b.dim(walk.y, 3);
    if (begin != walk.state)
      copyBegin();
    DecaySegments segments(b, decay, maxTokens);
    b.loop(b.idx(0), length, maxTokens, [&](Value first) {
      block = first;
      tokens = b.min(b.sub(length, first), b.idx(maxTokens));
      segments.emit(
          batch, head, tokens, [&](Value t) { return taken(t); },
          [&](Value t) { return border(t); });
      body(segments);
    });
  }

  /// The index in memory of token t of the block.
  Value now(Value t) { return inMemory(b.add(block, t)); }
  /// That of the token whose key, value and decay step t takes in; some token
  /// where there is none.
  Value taken(Value t) {
    if (!walk.delayed)
      return now(t);
    Value at = b.add(block, t);
    return inMemory(b.select(isFirst(at), at, b.sub(at, b.idx(1))));
  }
  /// Whether step t takes in anything; null if it always does.
  Value takesIn(Value t) {
    if (!walk.delayed)
      return {};
    Value nothing = isFirst(b.add(block, t));
    if (decay.resets)
      nothing = mlir::arith::OrIOp::create(
          b, nothing, b.loadScalar(decay.resets, {batch, border(t)}));
    return b.logicalNot(nothing);
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
  /// Where the state is read at first.
  Value begin;
  /// Of the op; of the iteration; the first token and the number of tokens of
  /// the block.
  Value length, columns, batch, head, block, tokens;

private:
  StateWalk walk;

  /// A block finds the state where the one before left it. Panels of columns
  /// would read the memory in pieces too short to be fetched ahead.
  void copyBegin() {
    b.loop(b.idx(0), b.idx(keys), 1, [&](Value n) {
      b.loop(b.idx(0), columns, lanes, [&](Value column) {
        Value at[] = {batch, head, n, column};
        Lanes access = b.lanesOf(columns, column, lanes);
        b.store(access, b.load(access, begin, at), walk.state, at);
      });
    });
  }

  Value isFirst(Value at) { return b.less(at, b.idx(1)); }
  Value inMemory(Value at) {
    return walk.reverse ? b.sub(b.sub(length, b.idx(1)), at) : at;
  }
  /// Where the flag stands that says whether the state before step t is to be
  /// dropped. Of two neighbours it stands at the later one.
  Value border(Value t) {
    return walk.delayed && walk.reverse ? taken(t) : now(t);
  }
};

} // namespace ssmc
