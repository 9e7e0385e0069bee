//===- Proposal.h - what is to replace a region -----------------*- C++ -*-===//

#pragma once

#include "lib/Raise/ComparedLengths.h"
#include "lib/Raise/Gate.h"
#include "lib/Raise/Recognise.h"

namespace ssmc {

/// Ops that compute what a region does, written in front of its last node.
/// Nothing reads them yet.
struct Proposal {
  /// With `plant` the ops are wrong by a little, for the test of the gate.
  Proposal(const Raise &raise, const AxisAnalysis &analysis, bool plant);

  /// `problems` are the region at different lengths, the traced one first, and
  /// `plan` says why at these.
  void setProblems(std::vector<Problem> problems, LengthPlan plan);

  const Raise &raise;
  std::vector<Problem> problems;
  LengthPlan plan;
  llvm::SmallVector<mlir::Operation *> written;
  /// The region's exit, then its states; none where its layout cannot be
  /// written.
  llvm::SmallVector<mlir::Value> roots, values;
  /// Some of the values have other extents by name: the graph says the tokens
  /// of a table that is cut, the mixer those of its inputs. They are the same
  /// where the graph is defined. Types are to be inferred then.
  bool renamesExtents = false;
  llvm::DenseMap<mlir::Value, Tensor> exact;
  /// Structure, weights and what is written; the same without the weights.
  size_t identity, form;
  Verdict verdict;
};

/// Gives all of them a verdict. What is equal is checked once; what is of a
/// form that has been accepted is checked with its own weights. Several are
/// checked at a time.
void checkProposals(llvm::MutableArrayRef<Proposal> proposals);

} // namespace ssmc
