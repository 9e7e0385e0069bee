//===- Evaluator.h - computes ops of a graph in double precision -*- C++
//-*-===//
//
// One evaluator serves constant folding, raising, the gate and tests. It needs
// no types: shapes follow from the values it is given, so the same graph is
// evaluated at any length. `onnx.node` ops are computed by the operator table;
// `ssm` ops by interpreting their own decomposition with f64 in place of every
// floating-point type; `tensor`, `arith`, `math`, `scf`, `linalg.generic` ops
// by an interpreter of just these.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/Tensor.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {

class Evaluator {
public:
  /// Gives `value` a value. Values not bound are computed when asked for.
  void bind(mlir::Value value, Tensor tensor);
  /// Drops the value of `value`, which is computed again if it is asked for.
  void forget(mlir::Value value) { values.erase(value); }
  /// Values of `onnx.symbol`.
  void bindSymbol(llvm::StringRef name, int64_t extent);

  /// The value of `value`, computing and keeping whatever it depends on. Fails
  /// with a reason in `getError` when an op cannot be evaluated or the data is
  /// invalid for it. Does not emit diagnostics. Not recursive in the depth of
  /// the graph.
  mlir::FailureOr<Tensor> get(mlir::Value value);

  /// Runs one op whose operands are all known; binds its results.
  mlir::LogicalResult run(mlir::Operation *op);
  /// Runs the ops of a block in order; returns the terminator's operands.
  mlir::FailureOr<llvm::SmallVector<Tensor>> runBlock(mlir::Block &block);

  llvm::StringRef getError() const { return error; }
  mlir::LogicalResult fail(const llvm::Twine &message);

private:
  llvm::DenseMap<mlir::Value, Tensor> values;
  llvm::StringMap<int64_t> symbols;
  std::string error;
};

} // namespace ssmc
