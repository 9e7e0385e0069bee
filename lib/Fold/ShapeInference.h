//===- ShapeInference.h - shapes of every value of a graph ------*- C++ -*-===//
//
// Visits a function in order and gives every value a shape by the rule of its
// operator. With the shapes go the elements of small integer tensors as
// expressions over the symbols: exporters compute shapes with ordinary
// operators (Shape, Gather, Mul, Concat, Reshape), so these must be followed to
// know a Reshape's result. An extent that only data decides becomes a symbol
// of its own.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Extents.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

namespace ssmc {

class ShapeInference {
public:
  explicit ShapeInference(mlir::ModuleOp module) : symbols(module) {}

  /// Infers the shapes of `function` and sets the types of its values and its
  /// results. Types that are there already are checked by nobody: arguments
  /// say what the graph is used for, everything else follows. With `merge`,
  /// symbols of the arguments that must be equal become one, and extents that
  /// only data decides are taken to be those that the model declares for its
  /// outputs, which lowering checks.
  mlir::LogicalResult run(mlir::func::FuncOp function, bool merge = true);

  /// Two extents that must be equal for the node to be valid.
  struct Equality {
    mlir::AffineExpr a, b;
    mlir::onnx::NodeOp node;
  };
  /// Those of the last run that do not hold by themselves, and without which
  /// no inputs are valid.
  llvm::SmallVector<Equality> getEqualities() const;
  /// Those of a node, wherever it is.
  llvm::ArrayRef<Equality> equalitiesOf(mlir::onnx::NodeOp node) const {
    auto it = equalities.find(node);
    return it == equalities.end() ? llvm::ArrayRef<Equality>() : it->second;
  }

  /// True for the symbol of an extent that only data decides.
  bool isOfData(mlir::AffineExpr extent) const {
    auto symbol = mlir::dyn_cast<mlir::AffineSymbolExpr>(extent);
    return symbol && origins.contains(symbol.getPosition());
  }

  const ValueShape *shapeOf(mlir::Value value) const;
  std::optional<llvm::ArrayRef<mlir::AffineExpr>>
  elementsOf(mlir::Value value) const;
  /// The value of a constant, or of elements that are all constant.
  mlir::ElementsAttr constantOf(mlir::Value value) const;
  ModuleSymbols &getSymbols() { return symbols; }

private:
  friend class NodeInference;
  mlir::LogicalResult visitBlock(mlir::Block &block);
  mlir::LogicalResult visit(mlir::Operation &op);
  mlir::LogicalResult visitNode(mlir::onnx::NodeOp node);
  mlir::LogicalResult adoptResults(mlir::Operation &op);
  mlir::LogicalResult visitMixer(mlir::Operation &op);
  mlir::LogicalResult setShape(mlir::Value value, ValueShape shape);
  mlir::LogicalResult checkLimits(mlir::Value value, const ValueShape &shape);
  mlir::LogicalResult adoptType(mlir::Value value, llvm::StringRef hint);
  void define(const ValueShape &shape);
  void wrapElements(mlir::Value value);
  bool replaceEqual(mlir::Block &body);
  bool adoptDeclared(mlir::func::FuncOp function);

  ModuleSymbols symbols;
  llvm::DenseMap<mlir::Value, ValueShape> shapes;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::AffineExpr>> elements;
  llvm::DenseMap<mlir::Operation *, llvm::DenseSet<int64_t>> notes;
  /// Where a symbol that only data decides comes from: the k-th one of this
  /// hint that a node asked for; and what it is where the model says so.
  using Origin = std::tuple<mlir::Operation *, llvm::StringRef, unsigned>;
  llvm::DenseMap<unsigned, Origin> origins;
  llvm::DenseMap<Origin, mlir::AffineExpr> stated;
  /// Symbols of arguments and of nodes visited so far.
  llvm::DenseSet<unsigned> defined;
  llvm::MapVector<mlir::Operation *, llvm::SmallVector<Equality>> equalities;
};

} // namespace ssmc
