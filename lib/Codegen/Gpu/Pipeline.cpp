//===- Pipeline.cpp - the order of the passes for GPUs --------------------===//

#include "lib/Codegen/Gpu/Pipeline.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/GpuTarget.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace ssmc;

bool ssmc::hasWgmma(StringRef name) {
  FailureOr<GpuTarget> target = GpuTarget::get(name);
  return succeeded(target) && target->hasWgmma;
}

SmallVector<std::string> ssmc::listGpuKernels(StringRef target) {
  SmallVector<std::string> kernels{
      "ssm.attention:recurrent@few",  "ssm.delta_rule:chunked",
      "ssm.delta_rule:recurrent",     "ssm.scan:recurrent",
      "ssm.selective_scan:recurrent", "ssm.semiseparable:chunked",
      "ssm.semiseparable:recurrent",  "ssm.short_conv:recurrent"};
  if (hasWgmma(target))
    kernels.append({"ssm.attention:recurrent@16",
                    "ssm.quasiseparable:chunked@16",
                    "ssm.quasiseparable:recurrent@16"});
  return kernels;
}

void ssmc::addGpuKernels(OpPassManager &pm, StringRef target) {
  pm.addNestedPass<func::FuncOp>(createSsmLaunchScan());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchSelectiveScan());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchShortConv());
  // Few queries would leave tensor cores empty.
  pm.addNestedPass<func::FuncOp>(createSsmLaunchAttention());
  if (hasWgmma(target)) {
    pm.addPass(createSsmHopperAttention());
    pm.addPass(createSsmHopperSemiseparable());
    pm.addPass(createSsmHopperQuasiseparable());
  }
  SsmMmaMatrixStateOptions states;
  states.onlyKeys = hasWgmma(target);
  pm.addNestedPass<func::FuncOp>(createSsmMmaMatrixState(states));
  // What the tensor cores leave alone.
  pm.addNestedPass<func::FuncOp>(createSsmLaunchDeltaRule());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchSemiseparable());
}

void ssmc::addGpuProducts(OpPassManager &pm, StringRef target) {
  // What ssm-join-fills has made regions of.
  pm.addPass(createCanonicalizerPass());
  SsmLaunchRecurrenceOptions recurrence;
  recurrence.target = target.str();
  pm.addNestedPass<func::FuncOp>(createSsmLaunchRecurrence(recurrence));
  pm.addPass(createSsmCallProducts());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchMmaFewRows());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchFewRows());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchMma());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchTiles());
  pm.addNestedPass<func::FuncOp>(createSsmLaunchReductions());
}

static void cleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Functions as polynomials: there is no library on the device. The chip has
/// fused multiply-adds, as the processor that is named here has.
static void addMath(OpPassManager &pm) {
  pm.addPass(math::createMathExtendToSupportedTypes());
  SsmExpandMathOptions math;
  math.cpu = "x86-64-v3";
  pm.addNestedPass<func::FuncOp>(createSsmExpandMath(math));
}

/// The body of kernels.
static void addKernelLowering(OpPassManager &pm) {
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(createSsmExpandShapes());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  cleanUp(pm);
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertNVVMToLLVMPass());
  pm.addPass(createConvertComplexToStandardPass());
  arith::ArithEmulateUnsupportedFloatsOptions emulated;
  emulated.sourceTypeStrs = {"bf16"};
  pm.addPass(arith::createArithEmulateUnsupportedFloats(emulated));
  pm.addPass(createConvertComplexToLLVMPass());
  pm.addPass(createSsmLowerDeviceMath());
  pm.addPass(createConvertMathToLLVMPass());
  ConvertGpuOpsToNVVMOpsOptions nvvm;
  nvvm.indexBitwidth = 64;
  pm.addPass(createConvertGpuOpsToNVVMOps(nvvm));
  pm.addPass(createReconcileUnrealizedCastsPass());
  cleanUp(pm);
}

void ssmc::addDeviceLowering(OpPassManager &pm) {
  pm.addPass(createSsmLaunchLoops());
  pm.addPass(createSsmAllocateLate());
  cleanUp(pm);
  addMath(pm);
  pm.addPass(createSsmSinkIntoLaunches());
  pm.addPass(createGpuKernelOutliningPass());
  pm.addPass(createSsmLaunchToRuntime());
  addKernelLowering(pm.nest<gpu::GPUModuleOp>());
}
