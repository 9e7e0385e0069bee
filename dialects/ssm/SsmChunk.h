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

/// A piece of time of a mixer with a matrix state.
class Chunk {
public:
  /// Where a sequence begins at a step, the state before the step is dropped or
  /// the one behind it.
  enum class Drop { Before, Behind };
  /// `decay` and `resets`, which may be null, and `values`, B x L x H x P, are
  /// of all of time; `state` is that before the piece, B x H x N x P of the
  /// type of arithmetic.
  Chunk(OpBuilder &b, Location loc, const Piece &piece, Value decay,
        Value resets, Value values, Value state, bool reverse,
        Drop drop = Drop::Before);
  /// The piece of a tensor B x L x ...
  Value part(Value tensor) { return d.part(tensor, 1, piece); }
  Value getValues() const { return values; }
  /// Zeros of B x C x R x P, for R = numHeads.
  Value nothing(int64_t numHeads);

  enum When { Early, After, Late };
  /// The matrix of B x R x C x C, for R = numHeads, of what step t of `reader`
  /// (B x C x . x N) reads of what step s of `writer` (B x C x . x N) writes.
  struct Pair {
    Value reader, writer;
    When when;
    int64_t numHeads;
  };
  /// Comes first: what follows uses the factors that it makes.
  SmallVector<Value> weigh(ArrayRef<Pair> pairs);

  /// What reading the state before the piece gives, early or late, added to
  /// `sum`, B x C x R x P.
  Value readState(Value reader, When when, Value sum);
  /// sum over s of matrix(t, s) values(s), added to `sum`, B x C x R x P.
  Value mix(Value matrix, Value values, Value sum);
  /// The state behind the piece, to which `writers` write with `values`.
  using Written = std::pair<Value, Value>;
  Value finalState(ArrayRef<Written> written);

private:
  bool isPerKey() const, isPerStep() const;
  Value ones(SmallVector<OpFoldResult> sizes);
  Value empty(ArrayRef<OpFoldResult> sizes);
  Value zeros(ArrayRef<OpFoldResult> sizes) { return d.fillZero(empty(sizes)); }
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
  Piece piece;
  Value decay, resets, values, state;
  bool reverse;
  Drop drop;
  Type type;
  OpFoldResult batch, steps, keys, columns;
  int64_t heads;
  // Filled by weigh: B x H x C (x N) from the state to each step, before and
  // after it forgets, and from each step to the end, and B x H (x N) from the
  // state to the end.
  Value earlyOfState, lateOfState, toEnd, whole;
};

} // namespace mlir::ssm
