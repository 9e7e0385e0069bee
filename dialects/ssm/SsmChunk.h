//===- SsmChunk.h - a piece of time by products of matrices -----*- C++ -*-===//
//
// With a state of N x P that is forgotten by diag(exp(g[t])) at each step, what
// step s writes reaches step t of the same piece through
//
//     late(t, s)  = exp(g[s+1]) ... exp(g[t])        s <= t, 1 for s = t
//     early(t, s) = exp(g[s+1]) ... exp(g[t-1])      s < t: before t forgets
//     after(t, s) = late(t, s)                       s < t: before t writes
//
// zero where a sequence begins in s+1 .. t, and zero for later s. So what all
// steps read of what all steps write is one matrix, and what they read of the
// state before the piece takes one further column. "Later" is in the order of
// processing: with `reverse`, from the last index to the first.
//
// Rows of factors are made one from the other by a product with exp(g[t]). No
// sum of logarithms grows, nothing is divided: a factor underflows only where
// the mixer's own decay does.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmDecomposition.h"

namespace mlir::ssm {

/// The operands of a mixer with a matrix state over a piece of time.
class Chunk {
public:
  /// `decay` and `resets` are of the piece, or null; `values` is B x C x H x P,
  /// `state` B x H x N x P of the type of arithmetic.
  Chunk(OpBuilder &b, Location loc, Value decay, Value resets, Value values,
        Value state, bool reverse);

  enum When { Early, After, Late };
  /// The matrix of B x R x C x C, for R = numHeads, of what step t of `reader`
  /// (B x C x . x N) reads of what step s of `writer` (B x C x . x N) writes.
  struct Pair {
    Value reader, writer;
    When when;
    int64_t numHeads;
  };
  SmallVector<Value> weigh(ArrayRef<Pair> pairs);

  /// What reading the state before the piece gives, B x C x R x P.
  Value readState(Value reader, bool early, int64_t numHeads);
  /// sum over s of matrix(t, s) values(s), added to `sum`, B x C x R x P.
  Value mix(Value matrix, Value values, Value sum);
  /// The state behind the piece, to which `writers` write with `values`.
  using Written = std::pair<Value, Value>;
  Value finalState(ArrayRef<Written> written);

private:
  bool isPerKey() const;
  Value ones(SmallVector<OpFoldResult> sizes);
  Value empty(ArrayRef<OpFoldResult> sizes);
  AffineMap ofHead(unsigned numLoops, ArrayRef<unsigned> picked, unsigned head,
                   int64_t of, int64_t numHeads);
  SmallVector<OpFoldResult> factorSizes(bool columns);
  SmallVector<unsigned> factorDims(ArrayRef<unsigned> leading, unsigned key);

  Value reset(Value factors, Value now);
  Value factorOf(Value now);
  Value forget(Value factors, Value factor);
  Value markStep(Value factors, Value now);
  Value contract(const Pair &pair, Value factors, Value now);
  Value product(const Pair &pair, Value factors);

  OpBuilder &b;
  Location loc;
  Decomposition d;
  Value decay, resets, values, state;
  bool reverse;
  Type type;
  OpFoldResult batch, steps, keys, columns;
  int64_t heads;
  // Filled by weigh: B x H x C (x N) from the state to each step, before and
  // after it forgets, and from each step to the end, and B x H (x N) from the
  // state to the end.
  Value earlyOfState, lateOfState, toEnd, whole;
};

} // namespace mlir::ssm
