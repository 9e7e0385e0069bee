//===- Machine.h - interprets scf, linalg, tensor and arith -----*- C++ -*-===//
//
// Runs blocks of the ops that ssm ops decompose to. Shapes are those of the
// values, never those of the types. A value is handed over where it is used
// last, so that a loop updates its carried tensors in place.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/LinalgKernel.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <map>

namespace ssmc {

class Machine {
public:
  using Tensors = llvm::SmallVector<Tensor>;

  void bind(mlir::Value value, Tensor tensor) {
    values[value] = std::move(tensor);
  }

  /// Runs the block and gives the operands of its terminator.
  mlir::LogicalResult runBlock(mlir::Block &block, Tensors &yielded);

  std::string error;

private:
  mlir::LogicalResult run(mlir::Operation *op);
  mlir::LogicalResult runFor(mlir::Operation *op);
  mlir::LogicalResult runWhile(mlir::Operation *op);
  mlir::LogicalResult runIf(mlir::Operation *op);
  mlir::LogicalResult runLinalg(mlir::linalg::LinalgOp op);
  mlir::LogicalResult runElementwise(mlir::Operation *op);
  mlir::LogicalResult runTensor(mlir::Operation *op);
  mlir::LogicalResult runAffine(mlir::Operation *op);
  mlir::LogicalResult runConstant(mlir::Operation *op, mlir::Attribute value);

  /// Finds the last uses in a block, once.
  void prepare(mlir::Block &block);
  /// The value of an operand; moved out of the machine at its last use.
  Tensor take(mlir::OpOperand &operand);
  const Tensor &peek(mlir::Value value) { return values[value]; }
  int64_t peekInteger(mlir::Value value);
  llvm::SmallVector<int64_t>
  peekIntegers(llvm::ArrayRef<mlir::OpFoldResult> list);
  mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &why);

  llvm::DenseMap<mlir::Value, Tensor> values;
  llvm::DenseSet<mlir::Block *> prepared;
  llvm::DenseSet<mlir::OpOperand *> lastUses;
  std::map<mlir::Operation *, LinalgKernel> kernels;
};

} // namespace ssmc
