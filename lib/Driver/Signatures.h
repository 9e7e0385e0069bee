//===- Signatures.h - what the entries of a graph take and give -*- C++ -*-===//

#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace ssmc {

/// Writes down the names and named extents of every entry's inputs and outputs
/// as `ssm.signature` (see lib/Codegen/Codegen.h), before lowering erases them.
mlir::LogicalResult setSignatures(mlir::ModuleOp module);

} // namespace ssmc
