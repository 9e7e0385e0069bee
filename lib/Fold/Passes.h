//===- Passes.h - passes on imported graphs ---------------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#include "lib/Fold/FoldPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc
