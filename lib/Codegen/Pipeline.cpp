//===- Pipeline.cpp - the order of the passes -----------------------------===//

#include "lib/Codegen/Gpu/Pipeline.h"
#include "dialects/ssm/SsmPasses.h"
#include "lib/Codegen/Codegen.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Kernels.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/GpuTarget.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace ssmc;
namespace ssm = mlir::ssm;

namespace {

void cleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Adds a pass on functions that is made for a processor.
template <typename Options>
void addForCpu(OpPassManager &pm, std::unique_ptr<Pass> (*create)(Options),
               const CodegenOptions &options) {
  Options passOptions;
  passOptions.cpu = options.cpu;
  pm.addNestedPass<func::FuncOp>(create(passOptions));
}

/// Fewer passes over memory, while values are tensors.
void addFusion(OpPassManager &pm, const CodegenOptions &options) {
  if (GpuTarget::isGpu(options.target)) {
    // Rows are the CPU's unit, and its weights are packed.
    cleanUp(pm);
    pm.addPass(createSsmFuseElementwise());
    cleanUp(pm);
    pm.addPass(createSsmRelaxMath());
    return;
  }
  SsmFormLinearOptions linear;
  linear.cpu = options.cpu;
  linear.weights = options.weights;
  linear.products = options.products;
  auto formLinear = [&] {
    pm.addNestedPass<func::FuncOp>(createSsmFormLinear(linear));
  };
  cleanUp(pm);
  // Products first, lest they are fused with what makes their operands; again
  // once their elementwise users are single ops.
  formLinear();
  pm.addPass(createSsmFuseElementwise());
  cleanUp(pm);
  formLinear();
  pm.addPass(createSsmFuseRows());
  cleanUp(pm);
  pm.addPass(createSsmRelaxMath());
}

void addBufferization(OpPassManager &pm) {
  cleanUp(pm);
  pm.addPass(createSsmCarryInPlace());
  pm.addPass(createSsmBreakChains());
  pm.addPass(createSsmCloneDestinations());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  // Sizes in terms of the symbols: a buffer has no memory of the reshapes that
  // its size went through.
  pm.addPass(memref::createResolveShapedTypeResultDimsPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  // What a general loop carries may be a new buffer in every iteration.
  options.allowReturnAllocsFromLoops = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(memref::createResolveShapedTypeResultDimsPass());
  cleanUp(pm);
  pm.addPass(createSsmLowerCopies());
}

void addCpuKernels(OpPassManager &pm, const CodegenOptions &options) {
  addForCpu(pm, createSsmLowerSelectiveScan, options);
  addForCpu(pm, createSsmLowerSemiseparable, options);
  addForCpu(pm, createSsmLowerQuasiseparable, options);
  addForCpu(pm, createSsmLowerDeltaRule, options);
  addForCpu(pm, createSsmLowerShortConv, options);
  addForCpu(pm, createSsmLowerScan, options);
  addForCpu(pm, createSsmLowerLinear, options);
  addForCpu(pm, createSsmLowerAttention, options);
}

/// The ssm ops, each in a function of its own by now, to loops on buffers.
void addKernels(OpPassManager &pm, const CodegenOptions &options) {
  if (GpuTarget::isGpu(options.target)) {
    if (options.optLevel > 0)
      addGpuProducts(pm, options.target);
    addGpuKernels(pm, options.target);
  } else {
    addCpuKernels(pm, options);
  }
  pm.addPass(createSsmDecomposeBuffers());
  addBufferization(pm);
  pm.addPass(createSsmAllocateLate());
}

/// Arithmetic of bf16 is done in f32 and its conversions in integers: few
/// processors have any, and results are the same on all.
void addNarrowFloats(OpPassManager &pm) {
  arith::ArithEmulateUnsupportedFloatsOptions emulated;
  emulated.sourceTypeStrs = {"bf16"};
  pm.addPass(arith::createArithEmulateUnsupportedFloats(emulated));
  arith::ArithExpandOpsPassOptions expanded;
  expanded.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(expanded));
}

/// Loops on buffers to LLVM dialect.
void addLoweringToLLVM(OpPassManager &pm) {
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(createSsmExpandShapes());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  cleanUp(pm);
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertComplexToStandardPass());
  addNarrowFloats(pm);
  pm.addPass(createConvertComplexToLLVMPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  cleanUp(pm);
}

struct CommandLineOptions : PassPipelineOptions<CommandLineOptions> {
  Option<unsigned> optLevel{*this, "opt-level",
                            llvm::cl::desc("0 (reference) or 2"),
                            llvm::cl::init(2)};
  Option<std::string> cpu{*this, "cpu",
                          llvm::cl::desc("processor, as LLVM names it"),
                          llvm::cl::init("host")};
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("cpu or cuda:sm_..."),
                             llvm::cl::init("cpu")};
  Option<std::string> weights{
      *this, "weights",
      llvm::cl::desc("type of packed weights: f32, bf16, f16"),
      llvm::cl::init("f32")};
  Option<std::string> products{
      *this, "products",
      llvm::cl::desc("type that rows are rounded to where the weight has it: "
                     "f32, bf16"),
      llvm::cl::init("f32")};
};

} // namespace

void ssmc::buildTilingPipeline(OpPassManager &pm,
                               const CodegenOptions &options) {
  bool optimized = options.optLevel > 0;
  bool isGpu = GpuTarget::isGpu(options.target);
  pm.addPass(createInlinerPass());
  // Arithmetic on tensors, as one writes it by hand, in a step above all: what
  // remains of it behind the check would not be checked.
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createSsmCheckExtents());
  if (optimized) {
    SsmHoistProductsOptions hoist;
    if (isGpu)
      hoist.rows = 4096; // a launch fills the device
    pm.addPass(createSsmHoistProducts(hoist));
  }
  if (isGpu && optimized)
    pm.addPass(createSsmJoinScales({options.target}));
  // What the processor has a kernel for stays an op until the end.
  ssm::SsmLowerStrategiesOptions strategies;
  if (optimized)
    strategies.kernels =
        isGpu ? listGpuKernels(options.target) : listCpuKernels();
  pm.addPass(ssm::createSsmLowerStrategies(strategies));
  // What has a step of its own has no kernel; its step is fused.
  ssm::SsmDecomposeOptions decompose;
  if (optimized)
    decompose.only = {"ssm.recurrence", "ssm.associative_scan"};
  pm.addPass(ssm::createSsmDecompose(decompose));
  pm.addPass(createSsmMergeInsertions());
  if (optimized) {
    pm.addNestedPass<func::FuncOp>(createSsmEvaluateConstants());
    addFusion(pm, options);
  }
  pm.addPass(createSsmDecomposeConcat());
  pm.addPass(createSsmSeparateResults());
  pm.addPass(createSsmLowerEntries());
  pm.addPass(createSsmExternalizeWeights());
  if (optimized)
    pm.addPass(createSsmCopyStates());
  addBufferization(pm);
  if (optimized && !isGpu) {
    // Here their workspaces are planned with the other buffers.
    addForCpu(pm, createSsmLowerSsmKernel, options);
    SsmLowerLongConvOptions longConv;
    longConv.cpu = options.cpu;
    pm.addPass(createSsmLowerLongConv(longConv));
  }
  pm.addPass(createSsmHoistBuffers());
  pm.addPass(createSsmPlanMemory());
  pm.addPass(createSsmAllocateLate());
  cleanUp(pm);
  if (optimized && isGpu)
    pm.addNestedPass<func::FuncOp>(createSsmJoinFills());
  if (optimized) {
    SsmJoinStatesOptions join;
    join.ops = {"ssm.semiseparable", "ssm.delta_rule"};
    if (!isGpu)
      join.ops.insert(join.ops.end(),
                      {"ssm.selective_scan", "ssm.scan", "ssm.short_conv"});
    pm.addNestedPass<func::FuncOp>(createSsmJoinStates(join));
  }
  pm.addPass(createSsmOutlineKernels());
  pm.addPass(createSsmLowerAsserts());
  if (optimized || isGpu) {
    addKernels(pm, options);
    pm.addPass(createConvertLinalgToParallelLoopsPass());
    pm.addPass(createForallToParallelLoopPass());
    cleanUp(pm);
  } else {
    pm.addPass(createConvertLinalgToLoopsPass());
    pm.addNestedPass<func::FuncOp>(createForallToForLoopPass());
  }
}

void ssmc::buildLoweringPipeline(OpPassManager &pm,
                                 const CodegenOptions &options) {
  if (GpuTarget::isGpu(options.target)) {
    addDeviceLowering(pm);
  } else if (options.optLevel > 0) {
    pm.addPass(createSsmParallelToRuntime());
    addForCpu(pm, createSsmExpandMath, options);
    pm.addNestedPass<func::FuncOp>(createSsmHoistAlloca());
  }
  addLoweringToLLVM(pm);
}

void ssmc::buildCodegenPipeline(OpPassManager &pm,
                                const CodegenOptions &options) {
  buildTilingPipeline(pm, options);
  buildLoweringPipeline(pm, options);
}

void ssmc::registerCodegenPipelines() {
  PassPipelineRegistration<CommandLineOptions>(
      "ssm-codegen", "Tensors to LLVM dialect, for the CPU",
      [](OpPassManager &pm, const CommandLineOptions &flags) {
        CodegenOptions options;
        options.optLevel = flags.optLevel;
        options.cpu = flags.cpu;
        options.weights = flags.weights;
        options.products = flags.products;
        options.target = flags.target;
        buildCodegenPipeline(pm, options);
      });
}
