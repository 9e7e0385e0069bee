//===- SsmPieces.h - time as pieces that are scanned at once ----*- C++ -*-===//
//
// Of h[t] = a[t] h[t-1] + b[t], a piece of C steps is itself such a step: it
// multiplies by the product of its a and adds what it ends at from zero. So,
// with time as K x C,
//
//     A = product over C of a        B = ends of the pieces, each from 0
//     S = scan(A, B) along K, from the state
//     h = each piece from the S before it
//
// where the pieces are K times as many independent rows as there were. What is
// left of time comes behind them.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmDecomposition.h"

namespace mlir::ssm {

class Pieces {
public:
  Pieces(OpBuilder &b, Location loc, OpFoldResult length, int64_t chunk,
         bool reverse);

  /// There is at least one, as far as is known; and something behind them.
  bool any() const, anyLeft() const;
  const Piece &getWhole() const { return whole; }
  const Piece &getLeft() const { return left; }

  /// The whole pieces of a tensor, time as K x C.
  Value unfold(Value tensor, int64_t axis);
  /// That as it was.
  Value fold(Value tensor, int64_t axis);
  /// `value`, K times along an axis in front of `axis`, filled with `number`.
  Value fillForEach(Value state, int64_t axis, double number);
  /// The states before the pieces, and the one behind all of them.
  std::pair<Value, Value> chain(Value products, Value ends, Value state,
                                int64_t axis);

private:
  OpBuilder &b;
  Location loc;
  Decomposition d;
  int64_t chunk;
  bool reverse;
  OpFoldResult count;
  Piece whole, left;
};

} // namespace mlir::ssm
