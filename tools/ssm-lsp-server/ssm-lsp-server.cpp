//===- ssm-lsp-server.cpp - language server for .mlir files ---------------===//
//
// Upstream's server with our dialects: diagnostics, hover, go to definition in
// any editor that speaks the Language Server Protocol.
//
//===----------------------------------------------------------------------===//

#include "lib/Pipelines/Register.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  ssmc::registerAll(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
