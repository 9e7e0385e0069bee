//===- Written.h - what a raise writes, as a function -----------*- C++ -*-===//
//
// A candidate and a raise are compared with a region by the ops they are
// written as: onnx nodes through the operator table, ssm ops through their own
// decomposition. So a mixer's mathematics is written once, and what is compared
// is what is kept.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

/// Computes `roots` by running `ops` in order, in double precision and at the
/// extents of the assignment and of the graph's symbols. Constants among them
/// have the values of `exact`, before rounding. On failure `error` says why.
mlir::FailureOr<llvm::SmallVector<Tensor>>
evaluateWritten(const Graph &graph, llvm::ArrayRef<mlir::Operation *> ops,
                llvm::ArrayRef<mlir::Value> roots,
                const llvm::DenseMap<mlir::Value, Tensor> &exact,
                const Assignment &assignment, std::string &error);

/// A mixer written into a block of its own, to be compared and thrown away.
class Candidate {
public:
  Candidate(const Problem &problem, const Mixer &mixer);
  /// The exit, then the states.
  mlir::FailureOr<llvm::SmallVector<Tensor>>
  evaluate(const Assignment &assignment) const;

  /// Its largest deviation from these results of the region.
  double deviation(const Assignment &assignment,
                   llvm::ArrayRef<Tensor> expected) const;

private:
  const Problem &problem;
  bool spreads;
  std::unique_ptr<mlir::Block> block;
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<mlir::Value> roots;
  llvm::DenseMap<mlir::Value, Tensor> exact;
};

} // namespace ssmc
