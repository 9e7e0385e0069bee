//===- UnitLoop.h - a loop over time whose steps divide into units -*- C++ -*-//
//
// The steps of an LSTM on buffers are products of the state with weights, which
// read all of it, and what is computed element by element, which needs of unit
// u of `units` the columns u, u + units, u + 2 units, ... (the gates of u)
// alone:
//
//   scf.for %t { gates = x[t] + h * R;  c = f(gates, c);  h = g(gates, c) }
//
// So blocks that each own some units meet once in a step: when h is whole.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/MatrixProduct.h"

namespace ssmc {

/// Columns of a buffer that ops of the loop see through views.
struct ColumnView {
  mlir::Value buffer;
  int64_t column = 0;

  /// Follows views that cut columns out; what is behind the last row is cut,
  /// too.
  static ColumnView of(mlir::Value memref);
};

/// An op of the loop. Its result is rows by `gates` times units.
struct UnitStep {
  mlir::linalg::LinalgOp op;
  bool isProduct = false; // of a state and a weight, added to what is there
  int64_t gates = 1;
  unsigned phase = 0;

  mlir::Value out() const { return operand(op->getNumOperands() - 1); }
  mlir::Value state() const { return operand(0); }
  mlir::Value weight() const { return operand(1); }
  /// Whether the weight has what is summed over as its last dimension.
  bool isTransposed() const;
  /// How many products are summed.
  int64_t depth() const;

private:
  mlir::Value operand(unsigned i) const { return op->getOperand(i); }
};

class UnitLoop {
public:
  static std::optional<UnitLoop> get(mlir::scf::ForOp loop);

  mlir::scf::ForOp loop;
  int64_t units = 0;
  llvm::SmallVector<UnitStep> steps;
  /// Between two phases all blocks meet: a product in the second one reads what
  /// a step in the first one has written.
  unsigned phases = 1;
  /// What products read and a step writes: whole buffers, of the same extents.
  llvm::SmallVector<mlir::Value> exchanged;
  llvm::DenseSet<mlir::Value> written; // buffers
  /// The number of rows of each step, as numbers in front of the loop.
  llvm::SmallVector<mlir::OpFoldResult> rows;

private:
  bool add(mlir::linalg::LinalgOp op);
  bool findUnits();
  bool findPhases();
  bool checkWrites() const;
  bool checkReads(const UnitStep &step) const;
  bool checkExchanged(mlir::Value buffer) const;
  bool findRows();
};

} // namespace ssmc
