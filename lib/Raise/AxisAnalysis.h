//===- AxisAnalysis.h - which axis of every tensor is batch or time -*- C++
//-*-===//
//
// One forward pass over a graph carries labels from the inputs' batch and time
// axes to every value, by what the operators do and never by sizes or names.
// It also says of every node whether it mixes tokens, and recognises outputs
// that an unrolled loop gathers step by step (a Concat of per-step values, a
// chain of scatters), whose gathered axis is time again.
//
// The class of an operator's labels is a rule in one of the AxisRules*.cpp
// files. An operator without a rule mixes tokens and forgets labels.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Digits.h"
#include "lib/Raise/Graph.h"

namespace ssmc {

/// Axis `axis` of argument `argument` is of `kind`.
struct AxisSeed {
  unsigned argument;
  unsigned axis;
  AxisKind kind;
};

/// The steps of time that a value has seen, where it is not per token.
struct StepRange {
  int64_t first = -1, last = -1;
  bool known() const { return last >= 0; }
  bool operator==(const StepRange &other) const {
    return first == other.first && last == other.last;
  }
};

class AxisAnalysis {
public:
  /// Seeds itself: see `findSeeds`.
  explicit AxisAnalysis(const Graph &graph);
  AxisAnalysis(const Graph &graph, llvm::ArrayRef<AxisSeed> seeds);

  /// Batch and time axes of the inputs: of the input that indexes an embedding
  /// table, or else of the first float input of rank 3, axes 0 and 1; of other
  /// inputs with the same leading extents, likewise.
  static llvm::SmallVector<AxisSeed> findSeeds(const Graph &graph);

  const Graph &getGraph() const { return graph; }
  /// Null where nothing is known of the value, not even its shape.
  const ValueAxes *getAxes(mlir::Value value) const;
  TokenClass getClass(mlir::Value value) const;
  StepRange getSteps(mlir::Value value) const;
  /// True where a result at one token depends on an operand at another, or
  /// where that is not known.
  bool mixesTime(mlir::Operation *op) const { return mixing.contains(op); }
  /// Traced extents of the sequence and of the batch; 0 where there is none.
  int64_t getLength() const { return length; }
  int64_t getBatch() const { return batch; }
  llvm::ArrayRef<AxisSeed> getSeeds() const { return seeds; }
  /// True where the type of an input leaves the length open.
  bool hasFreeLength() const;

private:
  friend class AxisTransfer;
  /// A buffer that steps write one position after another.
  struct Filling {
    int64_t axis = -1, count = 0, last = -1, stride = 0;
  };

  void run();
  void visit(mlir::Operation *op);
  /// Labels a loop's body and results; false where it is no loop over a
  /// sequence.
  bool visitScan(mlir::onnx::NodeOp node);

  const Graph &graph;
  llvm::SmallVector<AxisSeed> seeds;
  int64_t length = 0, batch = 0;
  llvm::DenseMap<mlir::Value, ValueAxes> axes;
  llvm::DenseMap<mlir::Value, TokenClass> classes;
  llvm::DenseMap<mlir::Value, StepRange> steps;
  llvm::DenseMap<mlir::Value, Filling> fillings;
  llvm::DenseSet<mlir::Operation *> mixing;
  /// Of the states of each scan.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<ValueAxes>> stateLabels;
};

} // namespace ssmc
