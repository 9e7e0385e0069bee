//===- Branches.h - which branches an evaluation has taken ------*- C++ -*-===//
//
// Equal values on random inputs show that two functions agree where the inputs
// lead. A region that bounds, compares or selects by its data has places they
// may not lead to: a state clipped at 1e6 is a linear recurrence on every
// ordinary input. So the gate notes, for each such node, which of its branches
// has decided an element, and believes only what it has seen on all of them.
// Nodes that may have branches that are not noted are not believed at all.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

class Branches {
public:
  /// Finds the nodes of the region that branch on data.
  explicit Branches(const Problem &problem);

  /// Whether there are any.
  bool any() const { return !nodes.empty(); }
  /// Notes the branches taken where the region has been evaluated.
  void observe(Evaluator &evaluator);
  /// A node of which it is not known by what pieces it computes; null if none.
  mlir::onnx::NodeOp findUnknown() const { return unknown; }
  /// The node's branches decide nothing.
  void forget(mlir::onnx::NodeOp op);
  /// A node with a branch that never decided an element, and which the mixer
  /// does not keep; null if none.
  mlir::onnx::NodeOp findUntaken(const Mixer &mixer) const;
  /// Nodes that test for what is not finite, and never found it.
  llvm::ArrayRef<mlir::onnx::NodeOp> getFiniteTests() const { return tests; }

private:
  struct Node {
    mlir::onnx::NodeOp op;
    /// One for each operand or reduced position, each truth value, or each side
    /// of two bounds.
    llvm::SmallVector<bool, 3> taken;
  };
  void observeTruth(Node &node, const Tensor &truth);
  void observeBounds(Node &node, Evaluator &evaluator, const Tensor &x,
                     const Tensor &result);
  void observeReduced(Node &node, llvm::ArrayRef<Tensor> operands,
                      const Tensor &result);
  void observeExtremum(Node &node, llvm::ArrayRef<Tensor> operands,
                       const Tensor &result);

  llvm::SmallVector<Node> nodes;
  llvm::SmallVector<mlir::onnx::NodeOp, 0> tests;
  mlir::onnx::NodeOp unknown;
};

} // namespace ssmc
