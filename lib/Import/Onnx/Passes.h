//===- Passes.h - what follows an import -------------------------*- C++
//-*-===//

#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Import/Onnx/OnnxImportPasses.h.inc"

/// Fails where a node is not in the operator table, with one error for all of
/// them: operator, domain, opset, count, first node. Model-local functions must
/// have been inlined.
mlir::LogicalResult reportUnsupported(mlir::ModuleOp module);

} // namespace ssmc
