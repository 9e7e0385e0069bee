//===- Passes.h - from graphs to tensor operations --------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "dialects/ssm/SsmOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#include "lib/Conversion/OnnxToLinalg/OnnxToLinalgPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Conversion/OnnxToLinalg/OnnxToLinalgPasses.h.inc"
} // namespace ssmc
