//===- StepEntry.h - a graph that goes on from states -----------*- C++ -*-===//
//
// A copy of the graph in which the constant that a state begins with is a new
// argument, and its value after the op a new result. Keys and values of
// attention, and what is delayed, are states too: the last ones in front of the
// new ones. The positions of tokens follow from a state that counts them, one
// number for each row. Everything else is as it was: it works token by token.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Stream/Sequence.h"
#include "lib/Stream/StepWriter.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {

struct StepOptions {
  std::string name;
  bool counted = false;  // an input says how many tokens each row has
  bool one = false;      // exactly one token
  int64_t maxLength = 0; // capacity of caches that grow
  /// Goes on from what tokens bring to the states, instead of from tokens.
  bool fromBrought = false;
  /// What it gives of that behind its states.
  llvm::SmallVector<mlir::OpOperand *> brought = {};
};

class StepEntry {
public:
  StepEntry(const Sequence &sequence, const StepOptions &options);

  /// Fails, with a diagnostic, only by a fault of ours.
  mlir::FailureOr<mlir::func::FuncOp> make();
  /// Operands of the sequence that an entry `fromBrought` takes, in order.
  llvm::ArrayRef<mlir::OpOperand *> getBrought() const { return brought; }

private:
  /// A new argument of the entry, and the result that is to follow it.
  struct State {
    std::string name;
    mlir::BlockArgument before;
    mlir::Value after;
    double initial;
    mlir::DenseElementsAttr initialRow;
    bool inPlace = false; // what is behind the tokens is not seen
  };

  void setLength();
  mlir::LogicalResult finish();
  /// `dims` has its rows first.
  mlir::FailureOr<size_t> addState(const llvm::Twine &name, mlir::Type element,
                                   llvm::ArrayRef<mlir::AffineExpr> dims,
                                   double initial, mlir::Location loc);
  mlir::LogicalResult addMixerState(const StateValue &state);
  std::string nameState(const StateValue &state);
  /// A number for each op of a kind, in their order.
  unsigned numberOf(mlir::Operation *op);

  /// Tokens of each row: a tensor of one element, or of one for each row.
  mlir::Value tokens;

  // StepLengths.cpp
  mlir::LogicalResult addLengths();
  void clearPadding();
  void holdStill();
  mlir::Value untilEnd(StepWriter &write, mlir::Value value,
                       mlir::Value original, double other,
                       std::optional<unsigned> rowAxis,
                       std::optional<unsigned> timeAxis);
  /// The last `count` elements of time after the tokens of each row; `all` is
  /// rows x time x ..., with as many elements in front of the tokens.
  mlir::Value keepLast(StepWriter &write, mlir::Value all, int64_t count);
  /// A state of an op that holdStill does not hold still: null where it does.
  mlir::Value cutState(const StateValue &state, mlir::Value before);

  // StepLoops.cpp
  void endLoops();
  void endCell(mlir::onnx::NodeOp cell);
  void endScan(mlir::onnx::NodeOp scan);

  // StepDraft.cpp
  mlir::LogicalResult beginFromBrought();
  mlir::LogicalResult dropArguments();
  mlir::LogicalResult giveBrought();
  llvm::SmallVector<mlir::OpOperand *> brought;
  /// The values of `options.brought` in the entry.
  llvm::SmallVector<mlir::Value> given;
  /// Arguments that `fromBrought` does without.
  llvm::SmallVector<mlir::BlockArgument> replaced;

  // StepCaches.cpp
  mlir::LogicalResult addDelay(const Delay &delay, unsigned number);
  mlir::LogicalResult addWindow(const Attention &attention);
  mlir::LogicalResult addCache(const Attention &attention);
  void checkTokens(int64_t most, llvm::StringRef what);
  mlir::Value newKeys(StepWriter &write, mlir::Value value,
                      mlir::Value original);
  bool checksCapacity = false;

  // StepPositions.cpp
  mlir::LogicalResult addPositions();
  void copyPositional();
  mlir::LogicalResult setPositional();
  mlir::Value copyOperand(StepWriter &write, mlir::Value original,
                          mlir::Value copied);
  mlir::Value toRows(StepWriter &write, mlir::Value original, mlir::Value flat,
                     unsigned rank, unsigned batchAxis);

  mlir::Operation *copyOf(mlir::Operation *op) { return copies.lookup(op); }
  const ValueShape &shapeOf(mlir::Value original) {
    return *sequence.getShapes().shapeOf(original);
  }

  const Sequence &sequence;
  StepOptions options;
  ModuleSymbols &symbols;
  mlir::OpBuilder b;
  mlir::AffineExpr batch, length;
  mlir::func::FuncOp entry;
  mlir::IRMapping copies;
  std::vector<State> states;
  llvm::StringMap<llvm::SmallVector<mlir::Operation *>> opNumbers;
  /// Numbers of the tokens: of the first in each row, and of all (rows first).
  mlir::Value position, allPositions;
  /// What depends on positions only, with the tokens of all rows as one
  /// sequence of a batch of one.
  llvm::DenseMap<mlir::Value, mlir::Value> flat;
};

} // namespace ssmc
