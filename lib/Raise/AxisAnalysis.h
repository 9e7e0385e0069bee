//===- AxisAnalysis.h - which axis of every tensor is batch or time -*- C++
//-*-===//
//
// One forward pass over a graph carries labels from the inputs' batch and time
// axes to every value, by what the operators do and never by sizes or names.
// It also says of every node whether it mixes tokens, and recognises outputs
// that an unrolled loop gathers step by step (a Concat of per-step values, a
// chain of scatters), whose gathered axis is time again. Which axes of the
// inputs those are is found by the same pass: see AxisClasses.h.
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

/// Axis `axis` of argument `argument`.
using InputAxis = std::pair<unsigned, unsigned>;

/// The steps of a sequence that a value has seen, where it lacks its axis.
struct StepRange {
  int64_t first = -1, last = -1;
  bool known() const { return last >= 0; }
  bool operator==(const StepRange &other) const {
    return first == other.first && last == other.last;
  }
};
using KindSteps = llvm::SmallVector<std::pair<AxisKind, StepRange>, 1>;
StepRange findSteps(const KindSteps &steps, AxisKind kind);
/// Widens what is known of `kind` by `range`.
void addSteps(KindSteps &steps, AxisKind kind, StepRange range);

/// What says of a kind that it is a sequence.
struct SequenceEvidence {
  /// A Scan or an op of the ssm dialect runs along it.
  bool scanned = false;
  /// It is summed up step by step, or convolved.
  bool sequential = false;
  /// Positions are compared with each other. Channels may be, too.
  bool compared = false;
  /// So many steps, each of which knows of those before, are gathered again.
  int64_t gathered = 0;
  /// Where what earlier steps gave meets the next step.
  int64_t chained = 0;
};

class AxisClasses;

class AxisAnalysis {
public:
  /// Seeds itself: see `findSeeds`.
  explicit AxisAnalysis(const Graph &graph);
  /// With `classes`, of kinds that stand for axes of inputs.
  AxisAnalysis(const Graph &graph, llvm::ArrayRef<AxisSeed> seeds,
               AxisClasses *classes = nullptr);

  /// Batch and time axes of the inputs, as far as the graph tells them. Where
  /// nothing runs along any axis, those that are `asked` for and those that
  /// most values have: what is computed at each position alone may be called
  /// either.
  static llvm::SmallVector<AxisSeed>
  findSeeds(const Graph &graph, llvm::ArrayRef<InputAxis> asked = {});

  /// The symbols in the extents of sequences among the inputs.
  static llvm::StringSet<> findLengths(mlir::func::FuncOp func);

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
  /// Of all of `kind`.
  int64_t extentOf(AxisKind kind) const { return extents.lookup(kind); }
  SequenceEvidence getEvidence(AxisKind kind) const {
    return evidence.lookup(kind);
  }
  llvm::ArrayRef<AxisSeed> getSeeds() const { return seeds; }
  /// True where the type of an input leaves the length open.
  bool hasFreeLength() const { return findFreeSeed(); }
  /// The length by that input; null where none leaves it open.
  mlir::AffineExpr getFreeLength() const;

private:
  friend class AxisTransfer;
  const AxisSeed *findFreeSeed() const;
  /// A buffer that steps write one position after another.
  struct Filling {
    int64_t axis = -1, count = 0, last = -1, stride = 0;
    llvm::SmallVector<AxisKind, 1> kinds; // whose steps they are
  };

  void run();
  void visit(mlir::Operation *op);
  /// Labels a loop's body and results; false where it is no loop over a
  /// sequence.
  bool visitScan(mlir::onnx::NodeOp node);
  /// Labels the results of an LSTM, a GRU or an RNN; false where it is none.
  bool visitCell(mlir::onnx::NodeOp node);
  /// Labels the results of an ssm op; false where `op` is none.
  bool visitMixer(mlir::Operation *op);
  /// Steps of the results of `op`, which has seen `spans` of its operands.
  void spreadSteps(mlir::Operation *op, llvm::ArrayRef<KindSteps> spans);
  const KindSteps &stepsOf(mlir::Value value) const;
  void noteSequence(const Digits &axis);
  void noteSquare(const ValueAxes &axes);
  bool meet(const Digits &a, const Digits &b);
  Digit gather(llvm::ArrayRef<AxisKind> kinds, int64_t count, int64_t width,
               bool chained);

  const Graph &graph;
  llvm::SmallVector<AxisSeed> seeds;
  AxisClasses *classes;
  int64_t length = 0, batch = 0;
  llvm::DenseMap<AxisKind, int64_t> extents;
  llvm::DenseMap<AxisKind, SequenceEvidence> evidence;
  llvm::DenseMap<mlir::Value, ValueAxes> axes;
  llvm::DenseMap<mlir::Value, TokenClass> tokens;
  llvm::DenseMap<mlir::Value, KindSteps> steps;
  llvm::DenseMap<mlir::Value, Filling> fillings;
  llvm::DenseSet<mlir::Operation *> mixing;
  /// Of the states of each scan.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<ValueAxes>> stateLabels;
};

} // namespace ssmc
