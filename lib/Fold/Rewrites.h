//===- Rewrites.h - local rewrites of nodes ---------------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/IR/Builders.h"

namespace ssmc {

/// The node that defines `value`, if it is of the standard operator `type`.
mlir::onnx::NodeOp definingNode(mlir::Value value, llvm::StringRef type);

/// A node of the standard domain, of the version of `like` and at its place.
mlir::onnx::NodeOp makeNode(mlir::OpBuilder &b, mlir::onnx::NodeOp like,
                            llvm::StringRef type, mlir::ValueRange inputs,
                            mlir::Type result, mlir::DictionaryAttr attrs = {});

/// The permutation of a Transpose of rank `rank`; empty where it has none that
/// fits.
llvm::SmallVector<int64_t> transposePermutation(mlir::onnx::NodeOp node);

/// The operand that the only result of the node always equals; null where
/// there is none.
mlir::Value foldToOperand(mlir::onnx::NodeOp node);

/// Merges a Reshape, Transpose or Concat with one that feeds it. The node's
/// result is replaced and the node left dead.
bool mergeWithProducer(mlir::onnx::NodeOp node, mlir::OpBuilder &b);

/// Erases the ops of `block` whose results nobody uses, from the last on.
void eraseDead(mlir::Block &block);

} // namespace ssmc
