//===- Induction.h - counters of a Loop -------------------------*- C++ -*-===//
//
// An integer in the body of a Loop that is an affine function of the number of
// the iteration: positions at which sequences are cut, and counters that the
// body carries itself.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Fold/ShapeInference.h"

namespace ssmc {

/// slope * iteration + base, where `base` is an expression over the symbols.
struct Counter {
  int64_t slope;
  mlir::AffineExpr base;
};

class Induction {
public:
  Induction(const ShapeInference &inference, mlir::onnx::NodeOp loop);

  /// The elements of a small integer tensor; nothing where they are no such
  /// functions.
  std::optional<llvm::SmallVector<Counter>> read(mlir::Value value);
  /// The only element.
  std::optional<Counter> readOne(mlir::Value value);
  /// How often the loop runs: by its trip count, or by a condition that
  /// compares a counter with a limit. Null where that is not known.
  mlir::AffineExpr countTrips();

private:
  std::optional<llvm::SmallVector<Counter>> compute(mlir::Value value);
  std::optional<llvm::SmallVector<Counter>> readOutside(mlir::Value value);
  std::optional<llvm::SmallVector<Counter>> readNode(mlir::onnx::NodeOp node);
  std::optional<int64_t> countElements(mlir::Value value) const;
  std::optional<Counter> readCarried(unsigned number);
  mlir::onnx::NodeOp nextOf(unsigned number) const;
  mlir::OperandRange operandsOf(mlir::Value value) const;
  std::optional<Counter> readDistance(mlir::Value condition);
  bool readsFirstRow(mlir::AffineExpr trips);
  bool startsTrue(mlir::AffineExpr trips);

  const ShapeInference &inference;
  mlir::onnx::NodeOp loop;
  mlir::Block &body;
  /// What was asked for, and of that what has been computed.
  llvm::DenseMap<mlir::Value, std::optional<llvm::SmallVector<Counter>>> known;
  llvm::DenseSet<mlir::Value> settled;
};

} // namespace ssmc
