//===- Import.h - reads an ONNX model ---------------------------*- C++ -*-===//
//
// The security boundary of the compiler: everything after it may rely on what
// it has checked. A file is walked once on the level of protobuf's wire format,
// which cuts out the bytes of tensors (they stay in the mapped file) and all
// text that has no meaning for us; protobuf parses the small rest. The graph is
// sorted, checked and built as `onnx.node` ops.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace ssmc {

struct ImportOptions {
  /// Where external data lies; the model's own folder where empty.
  std::string externalDataDir;
};

/// Imports `path` as a module with a function `@forward`, and private functions
/// for model-local functions. Returns null after emitting diagnostics, whose
/// locations name file and node (see OnnxLocation.h). Weights stay in the file,
/// which is mapped as long as the context lives.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::StringRef path,
                                             mlir::MLIRContext *context,
                                             const ImportOptions &options = {});

/// The same for a model in memory; `buffer` must outlive the context. `path`
/// names it in messages and is where external data is looked for.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::ArrayRef<char> buffer,
                                             llvm::StringRef path,
                                             mlir::MLIRContext *context,
                                             const ImportOptions &options = {});

} // namespace ssmc
