//===- Register.cpp - all dialects, passes and pipelines ------------------===//

#include "lib/Pipelines/Register.h"

#include "dialects/onnx/OnnxOps.h"
#include "dialects/ssm/SsmBufferize.h"
#include "dialects/ssm/SsmOps.h"
#include "dialects/ssm/SsmPasses.h"
#include "lib/Codegen/Codegen.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
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

void ssmc::registerAll(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  mlir::ssm::registerSsmPasses();
  registerCpuPasses();
  ssmc::registerRaisePasses();
  registry.insert<mlir::ssm::SsmDialect, mlir::onnx::OnnxDialect>();
  mlir::ssm::registerBufferizableOpInterfaceExternalModels(registry);
  registerCodegenPasses();
  registerOnnxImportPasses();
  registerCodegenPipelines();
  registerFoldPasses();
  registerLoopsPasses();
  registerOnnxToLinalgPasses();
  registerPlanPasses();
  registerStreamPasses();
}
