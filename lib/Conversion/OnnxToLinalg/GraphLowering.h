//===- GraphLowering.h - builds the lowered form of a graph -----*- C++ -*-===//
//
// Walks a graph in order and builds, next to it, its lowered form: each node by
// the lowering of its operator, every other op by a copy with erased types. The
// graph itself is not changed, so the extents of all its values stay known
// while it is lowered.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Fold/ShapeInference.h"
#include "mlir/IR/IRMapping.h"

namespace ssmc {

/// `type` without encoding, its integers without signs.
mlir::Type eraseEncoding(mlir::Type type);

/// The attribute `ssm.signature` of a graph; null, after an error, where an
/// extent of a result is not a function of those of the inputs.
mlir::DictionaryAttr buildSignature(mlir::func::FuncOp graph,
                                    ModuleSymbols &symbols);

class GraphLowering {
public:
  GraphLowering(ShapeInference &inference, mlir::OpBuilder &builder)
      : inference(inference), builder(builder) {}

  /// Builds the lowered form of `graph` beside it and returns it; null after
  /// an error.
  mlir::func::FuncOp run(mlir::func::FuncOp graph);

private:
  friend class NodeLowering;
  mlir::LogicalResult lowerOps(mlir::Block &block);
  mlir::LogicalResult lowerOp(mlir::Operation &op);
  mlir::LogicalResult lowerNode(mlir::onnx::NodeOp node);
  bool lowerByElements(mlir::onnx::NodeOp node);
  void copy(mlir::Operation &op);
  void bindSymbols(mlir::Value value, mlir::Value lowered);
  mlir::OpFoldResult materialize(mlir::Location loc, mlir::AffineExpr expr);

  ShapeInference &inference;
  mlir::OpBuilder &builder;
  mlir::IRMapping values;
  /// Run-time values of symbols: an op at the entry for those of the inputs,
  /// an extent of the value that defines it for others.
  llvm::DenseMap<unsigned, mlir::Value> symbolValues;
};

} // namespace ssmc
