//===- Register.cpp - all dialects, passes and pipelines ------------------===//

#include "lib/Pipelines/Register.h"

#include "dialects/onnx/OnnxOps.h"
#include "dialects/ssm/SsmBufferize.h"
#include "dialects/ssm/SsmOps.h"
#include "dialects/ssm/SsmPasses.h"
#include "lib/Codegen/Codegen.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Conversion/OnnxToLinalg/Passes.h"
#include "lib/Fold/Passes.h"
#include "lib/Import/Onnx/Passes.h"
#include "lib/Loops/Passes.h"
#include "lib/Plan/PlanPasses.h"
#include "lib/Raise/RaisePasses.h"
#include "lib/Stream/StreamPasses.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

/// The table of passes belongs to the process, and no lock guards it.
static bool registerPasses() {
  mlir::registerAllPasses();
  mlir::ssm::registerSsmPasses();
  ssmc::registerCpuPasses();
  ssmc::registerGpuPasses();
  ssmc::registerRaisePasses();
  ssmc::registerCodegenPasses();
  ssmc::registerOnnxImportPasses();
  ssmc::registerCodegenPipelines();
  ssmc::registerFoldPasses();
  ssmc::registerLoopsPasses();
  ssmc::registerOnnxToLinalgPasses();
  ssmc::registerPlanPasses();
  ssmc::registerStreamPasses();
  return true;
}

void ssmc::registerAll(mlir::DialectRegistry &registry) {
  static const bool once = registerPasses();
  (void)once;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<mlir::ssm::SsmDialect, mlir::onnx::OnnxDialect>();
  mlir::ssm::registerBufferizableOpInterfaceExternalModels(registry);
}
