//===- Sequence.h - a graph that can be continued ---------------*- C++ -*-===//
//
// A graph computes tokens p, p+1, ... from what came before if
//
// * its inputs have a batch axis and a time axis whose length is a symbol L,
// * every op of the ssm dialect that mixes time, and every other loop over the
//   tokens, runs forward in it and carries a state, which begins as a constant;
//   or is attention to keys of the same tokens and of those before,
// * what else mixes time is a delay by a few tokens,
// * every other op works token by token, by the axis analysis of raising,
// * what depends on the positions of tokens alone meets the rest element by
//   element,
// * nothing is computed with the number L itself, which a token cannot know.
//
// Each of these is checked here, op by op, or the op that does not comply is
// named. What a type says of time is read from its extents: L is the name of
// the time axis of the inputs and of nothing else.
//
// The analysis is done on a copy in which the numbers of the tokens are an
// argument, so that what is computed from them is followed as any other value,
// and every delay is a node that hands on its operand.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Fold/ShapeInference.h"
#include "lib/Raise/AxisAnalysis.h"

#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace ssmc {

/// Why a graph cannot be continued.
struct Refusal {
  mlir::Location loc;
  std::string why;
};

/// A state of an op, and how it lies in the op's operand.
struct StateValue {
  mlir::OpOperand *init; // the destination, or what a loop begins with
  unsigned batchAxis;    // of the operand; the first one of the state
  double initial;
  /// A row before the first token, where its elements differ; else null.
  mlir::DenseElementsAttr initialRow;
};

/// An operand which, where it is `neutral` at a token, together with the others
/// of its op leaves the states as they are.
struct NeutralOperand {
  mlir::OpOperand *operand;
  double neutral;
  /// Both or none: what all tokens share has neither.
  std::optional<unsigned> batchAxis, timeAxis;
};

/// An argument that gives something for every token.
struct SequenceInput {
  unsigned argument, batchAxis, timeAxis;
};

/// A node whose result is its operand `count` tokens before, and `initial`
/// before the first.
struct Delay {
  mlir::onnx::NodeOp node;
  unsigned timeAxis, batchAxis;
  int64_t count;
  double initial;
};

/// Attention to the `window` keys before a query, or to all of them.
struct Attention {
  mlir::Operation *op;
  std::optional<int64_t> window;
};

/// Where what depends on positions only meets something else, which has its
/// batch and its time there.
struct PositionUse {
  mlir::OpOperand *use;
  unsigned rank, batchAxis; // of the result
};

class Sequence {
public:
  explicit Sequence(mlir::func::FuncOp forward);
  ~Sequence();

  /// True if the graph can be continued; see `getRefusal` otherwise. Fails by
  /// a fault of ours only.
  mlir::FailureOr<bool> analyse();
  const Refusal &getRefusal() const { return *refusal; }

  /// The copy. Its last argument are positions, if `hasPositions`.
  mlir::func::FuncOp getGraph() const { return graph; }
  ShapeInference &getShapes() const { return *shapes; }
  mlir::AffineExpr getLength() const { return length; }
  mlir::AffineExpr getBatch() const { return batch; }
  llvm::ArrayRef<SequenceInput> getInputs() const { return inputs; }
  llvm::ArrayRef<StateValue> getStates() const { return states; }
  llvm::ArrayRef<NeutralOperand> getNeutral() const { return neutral; }
  /// An op whose states are not known in the middle of the tokens of a call, or
  /// null.
  mlir::Operation *getUncut() const { return uncut; }
  llvm::ArrayRef<Delay> getDelays() const { return delays; }
  llvm::ArrayRef<Attention> getAttentions() const { return attentions; }
  llvm::ArrayRef<PositionUse> getPositionUses() const { return positionUses; }
  bool hasPositions() const { return bool(positions); }
  bool needsPositions() const {
    return positions || !attentions.empty() || mostTokens;
  }
  /// How many tokens the graph is defined for; 0 where it does not end.
  int64_t getMostTokens() const { return mostTokens; }
  /// Whether the data of an input other than the positions reaches the value.
  bool dependsOnData(mlir::Value value) const { return data.contains(value); }
  /// Whether the length is part of an expression, or of some extent of a value.
  bool hasLength(mlir::AffineExpr expr) const;
  bool hasLength(mlir::Value value) const;

private:
  /// Whether an extent of the value is one that its producer decides.
  bool hasOtherExtent(mlir::Value value) const;
  bool refuse(mlir::Operation *op, const llvm::Twine &why);
  mlir::FailureOr<bool> findEnd();
  bool findAxes(llvm::ArrayRef<AxisSeed> seeds);
  bool checkNode(mlir::onnx::NodeOp node, const AxisAnalysis &analysis);
  bool checkLengthReading(mlir::onnx::NodeOp node,
                          const AxisAnalysis &analysis);
  bool checkPositions(mlir::onnx::NodeOp node, const AxisAnalysis &analysis);
  bool checkResults(const AxisAnalysis &analysis);
  void followData();
  /// The axis of `kind` and of nothing else.
  std::optional<unsigned> findAxis(mlir::Value value, AxisKind kind,
                                   const AxisAnalysis &analysis) const;
  // SequenceParts.cpp
  std::optional<unsigned> findTokensOf(mlir::onnx::NodeOp slice);
  bool replaceTables();
  bool replaceRanges();
  void replaceDelays();
  bool replaceDelay(mlir::onnx::NodeOp node);
  bool matchPadded(mlir::onnx::NodeOp node, Delay &delay, mlir::Value &source);
  bool matchJoined(mlir::onnx::NodeOp node, Delay &delay, mlir::Value &source);
  bool isPrefix(mlir::onnx::NodeOp slice);
  // SequenceLoops.cpp
  void completeCells();
  bool checkLoop(mlir::onnx::NodeOp node, const AxisAnalysis &analysis);
  // SequenceMixers.cpp
  bool checkMixer(mlir::Operation *op, const AxisAnalysis &analysis);
  bool checkAttention(mlir::Operation *op);
  bool checkBody(mlir::Operation *op);
  bool addState(mlir::OpOperand &init, const AxisAnalysis &analysis);
  bool findNeutral(mlir::Operation *op, const AxisAnalysis &analysis);

  mlir::func::FuncOp graph;
  std::unique_ptr<ShapeInference> shapes;
  mlir::AffineExpr length, batch;
  int64_t mostTokens = 0;
  mlir::Value positions;
  llvm::DenseSet<mlir::Value> data;
  llvm::SmallVector<SequenceInput> inputs;
  llvm::SmallVector<StateValue> states;
  llvm::SmallVector<NeutralOperand> neutral;
  mlir::Operation *uncut = nullptr;
  llvm::SmallVector<Delay> delays;
  llvm::SmallVector<Attention> attentions;
  llvm::SmallVector<PositionUse> positionUses;
  std::optional<Refusal> refusal;
};

/// An LSTM, a GRU or an RNN.
bool isCell(mlir::Operation *op);
/// One of these, or a Scan.
bool isLoop(mlir::Operation *op);
/// The result that gives the state which begins with an operand.
mlir::Value finalState(mlir::OpOperand &init);

/// What all elements of a destination, or of a constant, are.
std::optional<double> filledWith(mlir::Value value);

} // namespace ssmc
