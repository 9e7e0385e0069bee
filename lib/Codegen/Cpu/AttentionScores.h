//===- AttentionScores.h - what a query makes of a key ----------*- C++ -*-===//
//
// The terms of a score besides the product of query and key, and whether a
// query sees a key, for vectors whose lanes are queries or keys. Scores are
// logarithms to base 2: a weight is then one power of two.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

class AttentionScores {
public:
  using Value = mlir::Value;

  AttentionScores(KernelBuilder &b, mlir::ssm::AttentionOp op);

  /// The fields are vectors, or null where the op has no such term.
  struct Queries {
    Value position, segment, slope;
  };
  struct Keys {
    Value position, segment, bias, isThere;
  };

  /// What the product of query and key is multiplied by.
  double factor();
  /// A score of a product times `factor`.
  Value score(Value product, const Queries &queries, const Keys &keys);
  /// Whether queries see keys, by what the op says.
  Value isSeen(const Queries &queries, const Keys &keys, Value prefix);

  /// Whether more than the place of a key decides who sees it.
  bool dependsOnData() {
    return op.getQueryPositions() || op.getQuerySegments() || op.getBias();
  }
  bool needsPositions() {
    return op.getLeft() || op.getRight() || op.getSlopes() ||
           op.getQueryPositions();
  }

  /// Positions, as vectors hold them: given ones may be of any size.
  mlir::Type positionType() {
    return op.getQueryPositions() ? b.getI64Type() : b.getI32Type();
  }
  /// An integer of a buffer, as i64.
  Value loadInteger(Value memref, mlir::ValueRange indices);
  /// Where query i stands: a scalar of `positionType`.
  Value queryPosition(Value batch, Value i, Value shift);
  /// What key j of a batch row has, in all lanes; unless j < end it is not
  /// there. Only what is loaded needs j to be below `last`, the number of keys.
  Keys key(Value batch, Value j, Value end, Value last);

private:
  KernelBuilder &b;
  mlir::ssm::AttentionOp op;

  Value integers(int64_t value);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y) {
    return mlir::arith::CmpIOp::create(b, predicate, x, y);
  }
};

/// log2(e)
constexpr double log2e = 1.4426950408889634;

} // namespace ssmc
