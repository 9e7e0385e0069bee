//===- AssociativeScanSteps.h - steps of ssm.associative_scan ---*- C++ -*-===//
//
// What the loop over all of time and the loops over pieces of it share.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmDecomposition.h"

namespace mlir::ssm {

class AssociativeScanSteps {
public:
  /// `kept` are the outputs that are written, in order; others `ys` leave out.
  AssociativeScanSteps(OpBuilder &b, AssociativeScanOp op,
                       ArrayRef<unsigned> kept)
      : b(b), loc(op.getLoc()), op(op), d(b, loc), kept(kept) {}

  /// One element each of `xs`, in the types of the states.
  SmallVector<Value> take(ValueRange xs, Value now);
  /// `ys` with the elements at `now` replaced.
  SmallVector<Value> put(ValueRange elements, ValueRange ys, Value now);
  /// The combiner, of elements in the types of the states.
  SmallVector<Value> combine(ValueRange earlier, ValueRange later);
  /// Steps `from` .. length-1 of sequences of this length, behind `states`:
  /// outputs, then states.
  SmallVector<Value> walk(ValueRange xs, ValueRange ys, ValueRange states,
                          Value length, Value from);

private:
  OpBuilder &b;
  Location loc;
  AssociativeScanOp op;
  Decomposition d;
  SmallVector<unsigned> kept;
};

} // namespace mlir::ssm
