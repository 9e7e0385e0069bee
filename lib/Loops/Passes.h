//===- Passes.h - passes on loops of a graph --------------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#include "lib/Loops/LoopsPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Loops/LoopsPasses.h.inc"
} // namespace ssmc
