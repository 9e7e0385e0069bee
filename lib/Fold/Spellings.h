//===- Spellings.h - one spelling for what is spelled in many ways -*- C++
//-*-===//

#pragma once

#include "lib/Fold/Rewrites.h"

namespace ssmc {

/// What the node computes in the spelling that the compiler prefers, made in
/// front of it; null where it is spelled so already.
mlir::Value respell(mlir::onnx::NodeOp node, mlir::OpBuilder &b);

/// An Einsum as products of two operands, of which those that sum nothing are
/// no Einsum; null where it is that. Their types are to be inferred.
mlir::Value respellEinsum(mlir::onnx::NodeOp einsum, mlir::OpBuilder &b);

/// A RotaryEmbedding of constant caches as one without positions; null where it
/// is that.
mlir::Value respellRotary(mlir::onnx::NodeOp node, mlir::OpBuilder &b);

} // namespace ssmc
