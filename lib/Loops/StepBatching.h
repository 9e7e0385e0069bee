//===- StepBatching.h - nodes of a step for all steps at once ---*- C++ -*-===//
//
// A node of the body of a Scan is written for the whole sequence: values that
// differ from step to step have a first axis more, that of time, all others
// stay as they are. Axes are counted from the end where that is possible, so
// that most nodes are what they were.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Loops/NodeWriter.h"
#include "mlir/IR/IRMapping.h"

namespace ssmc {

class StepBatching {
public:
  explicit StepBatching(NodeWriter &writer) : writer(writer) {}

  /// `value` of the body is `whole` for all steps, with time first.
  void give(mlir::Value value, mlir::Value whole) { batched.map(value, whole); }
  /// `value` of the body has this value in every step.
  void fix(mlir::Value value, mlir::Value same) { fixed.map(value, same); }
  /// The value with time first; null where it has not been computed.
  mlir::Value whole(mlir::Value value) const {
    return batched.lookupOrNull(value);
  }
  const mlir::IRMapping &getFixed() const { return fixed; }
  /// Writes a node of `body` all of whose operands have been given or computed
  /// or stand outside. False where there is no rule for it or its operands are
  /// not there.
  bool add(mlir::Operation &op, mlir::Block &body);

private:
  using Node = mlir::onnx::NodeOp;
  bool isBatched(mlir::Value value) const { return batched.contains(value); }
  mlir::Value same(mlir::Value value) const {
    return fixed.lookupOrDefault(value);
  }
  /// Rank within a step; -1 where it is not known.
  static int64_t rank(mlir::Value value);
  /// The integers of a constant operand.
  std::optional<llvm::SmallVector<int64_t>> constants(mlir::Value value) const;
  /// The value for all steps, or the one of every step, its axes in a step
  /// being at least `rank`.
  mlir::Value widened(mlir::Value value, int64_t rank);
  /// The value for all steps even where it is the same in each.
  mlir::Value repeated(mlir::Value value, mlir::Value like);

  bool addNode(Node node);
  bool finish(Node node, mlir::Value result);
  bool clone(Node node, mlir::ValueRange inputs,
             llvm::ArrayRef<mlir::NamedAttribute> changed = {});
  bool addElementwise(Node node);
  bool addMatMul(Node node);
  bool addGemm(Node node);
  bool addEinsum(Node node);
  bool addReduction(Node node);
  bool addShape(Node node);
  bool addConcat(Node node);
  bool addAxis(Node node, int64_t otherwise);
  bool addSlice(Node node);
  bool addGather(Node node);
  bool addResize(Node node);

  NodeWriter &writer;
  mlir::IRMapping batched, fixed;
};

} // namespace ssmc
