//===- LengthFreeing.h - rewrites one graph to other extents ----*- C++ -*-===//
//
// What pass onnx-free-lengths does to a graph; see FreeLengths.cpp.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Fold/LengthReading.h"
#include "lib/Fold/LengthRequest.h"
#include "lib/Fold/PositionTable.h"
#include "lib/Fold/ShapeInference.h"
#include "lib/Raise/AxisAnalysis.h"

namespace ssmc {

class LengthFreeing {
public:
  /// `before` holds the shapes of the graph as it is.
  LengthFreeing(mlir::func::FuncOp graph, ShapeInference &before);

  /// Meets the requests, or says which node forbids them. `asked` is what the
  /// user wrote.
  mlir::LogicalResult run(llvm::ArrayRef<LengthRequest> requests,
                          llvm::StringRef asked);

  /// What was taken for granted on the way, by node: dictionaries of `site` and
  /// `assumption`.
  llvm::ArrayRef<mlir::Attribute> getAssumptions() const { return assumptions; }

  /// Numbers that an op holds, with their types.
  using Numbers = llvm::SmallVector<std::pair<double, mlir::Type>>;

private:
  using Expected = llvm::SmallVector<mlir::AffineExpr>; // null: no statement

  // FreeLengths.cpp: what every extent must become, and whether it did.
  mlir::LogicalResult resolve(llvm::ArrayRef<LengthRequest> requests);
  mlir::LogicalResult resolve(const LengthRequest &request,
                              const AxisAnalysis &analysis);
  void expect(const AxisAnalysis &analysis, mlir::Value value);
  void adaptDeclared();
  mlir::AffineExpr expectedExtent(const Digits &axis) const;
  mlir::LogicalResult compare(ShapeInference &after);
  const Expected *expected(mlir::Value value) const;
  /// True if extent `axis` of the value is to be another than it is.
  bool changes(mlir::Value value, unsigned axis) const;
  /// `expr` with the symbols that the requests rename or bind.
  mlir::AffineExpr substitute(mlir::AffineExpr expr) const;
  mlir::LogicalResult forbid(mlir::Operation *op, const llvm::Twine &why,
                             mlir::Operation *origin = nullptr);
  void assume(mlir::Operation *op, const llvm::Twine &what);
  void assume(llvm::StringRef site, const llvm::Twine &what);
  llvm::StringRef nameOf(mlir::BlockArgument argument);

  // LengthMeets.cpp: extents that only their readers tell.
  void expectBackward();
  /// Lists what is as long as the sequence or batch and is not known to be one.
  void noteKept();
  void noteKept(mlir::Operation *op, mlir::Value value, size_t d,
                llvm::StringRef what);

  // LengthNodes.cpp: nodes that hold the traced size in an operand.
  mlir::LogicalResult rewrite(mlir::onnx::NodeOp node);
  mlir::LogicalResult rewriteTarget(mlir::onnx::NodeOp node, bool expands);
  /// Makes the operand a tensor of the extents, which are the node's `what`.
  mlir::LogicalResult setExtents(mlir::onnx::NodeOp node, unsigned operand,
                                 llvm::ArrayRef<mlir::AffineExpr> extents,
                                 llvm::StringRef what);
  mlir::LogicalResult rewriteRepeats(mlir::onnx::NodeOp node);
  mlir::LogicalResult rewriteSlice(mlir::onnx::NodeOp node);
  mlir::LogicalResult checkTrips(mlir::onnx::NodeOp node);
  mlir::LogicalResult checkIndices(mlir::onnx::NodeOp node);
  mlir::LogicalResult checkIndices(mlir::onnx::NodeOp node, int64_t first,
                                   int64_t period);

  // LengthConstants.cpp: constants of the traced size.
  mlir::LogicalResult adaptConstants(mlir::onnx::NodeOp node);
  mlir::LogicalResult adaptInitialStates(mlir::onnx::NodeOp node);
  /// `like` is the result whose extents the operand has.
  mlir::LogicalResult adaptConstant(mlir::onnx::NodeOp node,
                                    mlir::OpOperand &operand, mlir::Value like,
                                    bool broadcasts);
  mlir::Value continueTable(mlir::onnx::NodeOp node, const PositionTable &table,
                            mlir::Value index, int64_t axis, int64_t span);
  mlir::Value continueTable(mlir::onnx::NodeOp node, const RelativeTable &table,
                            int64_t axis);
  mlir::FailureOr<mlir::Value> continueTable(mlir::onnx::NodeOp node,
                                             const Tensor &tensor, int64_t axis,
                                             bool relative);
  mlir::Value positions(mlir::onnx::NodeOp at, bool fromEnd = false);
  llvm::ArrayRef<Tensor> tables();

  // LengthNumbers.cpp: numbers that are the traced size.
  /// How many elements a value is a sum of: traced, and as it is to be.
  struct Count {
    int64_t traced = 1;
    mlir::AffineExpr changed;
    /// Times as many that stay, of other axes: numbers may count those, too.
    int64_t fixed = 1;
    /// Known from a reduction that counts all of them.
    bool stated = false;
  };
  mlir::LogicalResult rewriteNumbers(mlir::onnx::NodeOp node);
  /// Those that meet a sum, and those that scale what is summed.
  mlir::LogicalResult rewriteBehind(mlir::onnx::NodeOp node);
  mlir::LogicalResult rewriteBefore(mlir::onnx::NodeOp sum, const Count &count);
  /// `scaled` is the other factor.
  mlir::LogicalResult rewriteScale(mlir::onnx::NodeOp node,
                                   mlir::OpOperand &operand, Count count,
                                   mlir::Value scaled, bool behind);
  mlir::LogicalResult checkOffset(mlir::onnx::NodeOp node, double number,
                                  mlir::Type type, const Count &count);
  mlir::LogicalResult checkAttributes(mlir::onnx::NodeOp node);
  std::optional<Reading> readCount(double number, mlir::Type type,
                                   const Count &count) const;
  mlir::Value writeNumber(mlir::onnx::NodeOp at, const Count &count,
                          const Reading &reading, mlir::Type element,
                          int64_t rank);
  /// How often the value has the sequence.
  size_t countTimes(mlir::Value value) const;

  // LengthCounts.cpp: what is a sum over the traced size.
  std::optional<Count> countOf(mlir::Value in, llvm::ArrayRef<int64_t> axes,
                               bool stated) const;
  std::optional<Count> countSummed(mlir::onnx::NodeOp node) const;
  std::optional<Count> countInherited(mlir::onnx::NodeOp node) const;
  std::optional<Count> countIn(mlir::onnx::NodeOp node) const;
  bool keepsSequence(mlir::Value value) const;
  Count timesCount(Count a, const Count &b) const;
  void passCounts(mlir::onnx::NodeOp node);
  void passFixed(mlir::onnx::NodeOp node);
  int64_t fixedExtents(mlir::Value in, llvm::ArrayRef<int64_t> axes) const;
  /// True if the axis is, or is a piece of, what changes.
  bool follows(mlir::Value value, size_t axis) const;
  size_t countFollowing(mlir::Value value) const;

  // LengthRows.cpp: how many tokens the rows of a batch have.
  mlir::LogicalResult rewriteRowLengths(mlir::onnx::NodeOp node);

  // LengthPads.cpp: paddings and windows of the traced size.
  mlir::LogicalResult rewritePad(mlir::onnx::NodeOp node);
  mlir::LogicalResult checkWindow(mlir::onnx::NodeOp node);

  // LengthSweep.cpp: numbers that may be the traced size.
  Numbers numbersOf(mlir::Operation *op) const;
  /// Lists what is left of the ops that the model had.
  void noteNumbers(llvm::ArrayRef<mlir::Operation *> ops);

  // LengthShapes.cpp: extents as tensors.
  mlir::Value integers(mlir::Operation *at, llvm::ArrayRef<int64_t> values);
  mlir::Value extentTensor(mlir::onnx::NodeOp at, mlir::AffineExpr expr);
  mlir::Value shapeTensor(mlir::onnx::NodeOp at,
                          llvm::ArrayRef<mlir::AffineExpr> extents);
  mlir::Value constant(mlir::Operation *at, const Tensor &tensor);
  mlir::Value node(mlir::onnx::NodeOp at, llvm::StringRef type,
                   mlir::ValueRange inputs,
                   llvm::ArrayRef<mlir::NamedAttribute> attrs = {});

  mlir::func::FuncOp graph;
  ShapeInference &before;
  ModuleSymbols &symbols;
  mlir::OpBuilder b;
  /// What the traced batch and length are and become.
  int64_t batch = 0, length = 0;
  mlir::AffineExpr newBatch, newLength;
  std::string asked;
  llvm::DenseMap<mlir::AffineExpr, mlir::AffineExpr> substitutions;
  /// What was asked of an extent: a symbol, or where null the batch or length.
  struct Decision {
    mlir::AffineExpr extent;
    AxisKind kind;
    mlir::AffineExpr wanted;
    std::string text;
  };
  llvm::SmallVector<Decision> decisions;
  mlir::LogicalResult decide(Decision decision);
  llvm::DenseMap<mlir::Value, Expected> expectations;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<bool>> following;
  llvm::DenseMap<mlir::Value, Count> counts;
  /// How many elements of axes that stay a value is a sum of.
  llvm::DenseMap<mlir::Value, int64_t> fixedCounts;
  mlir::Value allPositions;
  std::optional<std::vector<Tensor>> storedTables;
  llvm::SmallVector<mlir::Attribute> assumptions;
  /// For when the request is met.
  llvm::SmallVector<std::pair<mlir::Location, std::string>> warnings;
};

} // namespace ssmc
