//===- Spellings.h - one spelling for what is spelled in many ways -*- C++
//-*-===//

#pragma once

#include "lib/Fold/Rewrites.h"

namespace ssmc {

/// What the node computes in the spelling that the compiler prefers, made in
/// front of it; null where it is spelled so already.
mlir::Value respell(mlir::onnx::NodeOp node, mlir::OpBuilder &b);

/// The products that an Einsum is which sums nothing; null for another one.
/// Their types are to be inferred.
mlir::Value spellOuterProduct(mlir::onnx::NodeOp einsum, mlir::OpBuilder &b);

} // namespace ssmc
