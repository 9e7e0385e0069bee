//===- SsmMatrixState.h - reference steps of a matrix state -----*- C++ -*-===//
//
// What the decompositions of mixers with a state of B x H x N x P share: one
// step forgets, is changed by the op, and is read out.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmDecomposition.h"

namespace mlir::ssm {

class MatrixState {
public:
  /// `state` is the state before the step.
  MatrixState(Decomposition &d, Value state);
  Value get() const { return state; }

  /// exp(g) * (reset ? 0 : state), with the slices of decay and resets at index
  /// `now`; either may be null.
  Value forget(Value decay, Value resets, Value now);
  /// The maps from the loops b, h, n, p to: the state, the slices of keys
  /// (B x G x N) and values (B x H x P), and B x H.
  AffineMap all(), key(Value slice), value(), head();
  /// v times what scales each head, for slices v of B x H x P and scale of B x
  /// H.
  Value scaled(Value v, Value scale);
  /// state + k v^T for slices k of B x G x N and v of B x H x P.
  Value write(Value k, Value v);
  /// S^T q in the element type of y, for slices q of B x J x N and y of
  /// B x Y x P.
  Value readOut(Value state, Value q, Value y);
  /// The same, and skip * v of the output's head: v of B x H x P, skip of H.
  Value readOut(Value state, Value q, Value y, Value v, Value skip);

private:
  Value exponential(Value decay);
  Value read(Value state, Value q, Value y);

  Decomposition &d;
  Value state;
  Type type;
};

} // namespace mlir::ssm
