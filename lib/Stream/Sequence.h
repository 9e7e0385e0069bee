//===- Sequence.h - a graph that can be continued ---------------*- C++ -*-===//
//
// A graph computes tokens p, p+1, ... from what came before if
//
// * its inputs have a batch axis and a time axis whose length is a symbol L,
// * every op of the ssm dialect that mixes time runs forward in it and carries
//   a state, which begins as a constant,
// * every other op works token by token, by the axis analysis of raising,
// * nothing is computed with the number L itself, which a token cannot know.
//
// Each of these is checked here, op by op, or the op that does not comply is
// named. What a type says of time is read from its extents: L is the name of
// the time axis of the inputs and of nothing else.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Fold/ShapeInference.h"
#include "lib/Raise/AxisAnalysis.h"

#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace ssmc {

/// Why a graph cannot be continued.
struct Refusal {
  mlir::Operation *op = nullptr; // the whole graph where null
  std::string why;
};

/// A state of an op, and how it lies in the op's operand.
struct StateValue {
  mlir::OpOperand *init; // the destination
  unsigned batchAxis;    // of the operand; the first one of the state
  double initial;
};

class Sequence {
public:
  /// `shapes` are those of the graph.
  Sequence(mlir::func::FuncOp graph, ShapeInference &shapes);

  /// True if the graph can be continued; see `refusal` otherwise.
  bool analyse();
  const Refusal &getRefusal() const { return refusal; }

  mlir::func::FuncOp getGraph() const { return graph; }
  mlir::AffineExpr getLength() const { return length; }
  mlir::AffineExpr getBatch() const { return batch; }
  llvm::ArrayRef<StateValue> getStates() const { return states; }
  ShapeInference &getShapes() const { return shapes; }

private:
  bool refuse(mlir::Operation *op, const llvm::Twine &why);
  bool findAxes(const AxisAnalysis &analysis);
  bool checkNode(mlir::onnx::NodeOp node, const AxisAnalysis &analysis);
  bool checkLengthReading(mlir::onnx::NodeOp node);
  bool checkResults(const AxisAnalysis &analysis);
  // SequenceMixers.cpp
  bool checkMixer(mlir::Operation *op, const AxisAnalysis &analysis);
  bool checkBody(mlir::Operation *op);
  bool addState(mlir::OpOperand &init, const AxisAnalysis &analysis);

  /// Whether the length is part of an expression, or of some extent of a value.
  bool hasLength(mlir::AffineExpr expr) const;
  bool hasLength(mlir::Value value) const;

  mlir::func::FuncOp graph;
  ShapeInference &shapes;
  mlir::AffineExpr length, batch;
  llvm::SmallVector<StateValue> states;
  Refusal refusal;
};

} // namespace ssmc
