//===- Plugin.cpp - the dialects for the stock mlir-opt -------------------===//
//
//   mlir-opt --load-dialect-plugin=SsmDialects.so \
//            --load-pass-plugin=SsmDialects.so --pass-pipeline=...
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxOps.h"
#include "dialects/ssm/SsmBufferize.h"
#include "dialects/ssm/SsmOps.h"
#include "dialects/ssm/SsmPasses.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "SsmDialects", LLVM_VERSION_STRING,
          [](DialectRegistry *registry) {
            registry->insert<ssm::SsmDialect, onnx::OnnxDialect>();
            ssm::registerBufferizableOpInterfaceExternalModels(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "SsmDialects", LLVM_VERSION_STRING,
          [] { ssm::registerSsmPasses(); }};
}
