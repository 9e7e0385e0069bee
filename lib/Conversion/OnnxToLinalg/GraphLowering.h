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

/// The extents of each result of a graph: those that are inferred, and where
/// the data decides one of them, the one that the model declares
/// (onnx.declared). Fails, after an error, where none is a function of those of
/// the inputs.
mlir::FailureOr<llvm::SmallVector<llvm::SmallVector<mlir::AffineExpr>>>
resultExtents(mlir::func::FuncOp graph, ModuleSymbols &symbols);

/// The attribute `ssm.signature` of a graph with these results; null, after an
/// error, where a type is not known.
mlir::DictionaryAttr
buildSignature(mlir::func::FuncOp graph, ModuleSymbols &symbols,
               llvm::ArrayRef<llvm::SmallVector<mlir::AffineExpr>> results);

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
  /// The lowered result `number`, which is to have these extents.
  mlir::Value lowerResult(mlir::func::FuncOp graph, unsigned number,
                          llvm::ArrayRef<mlir::AffineExpr> extents);
  void bindSymbols(mlir::Value value, mlir::Value lowered);
  /// Ends the run where an extent of the inputs is beyond its bound.
  mlir::LogicalResult checkBounds(mlir::func::FuncOp graph);
  mlir::OpFoldResult materialize(mlir::Location loc, mlir::AffineExpr expr);

  ShapeInference &inference;
  mlir::OpBuilder &builder;
  mlir::IRMapping values;
  /// Run-time values of symbols: an op at the entry for those of the inputs,
  /// an extent of the value that defines it for others.
  llvm::DenseMap<unsigned, mlir::Value> symbolValues;
};

} // namespace ssmc
