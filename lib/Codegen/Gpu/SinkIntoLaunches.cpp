//===- SinkIntoLaunches.cpp - ssm-sink-into-launches ----------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMSINKINTOLAUNCHES
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// Constants, and whatever cannot be an argument of a kernel.
static bool mustSink(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !isMemoryEffectFree(op) || op->getNumRegions() != 0)
    return false;
  return matchPattern(op, m_Constant()) ||
         !(value.getType().isIntOrIndexOrFloat() ||
           isa<LLVM::LLVMPointerType>(value.getType()));
}

static void sink(gpu::LaunchOp launch) {
  OpBuilder b = OpBuilder::atBlockBegin(&launch.getBody().front());
  IRMapping mapping;
  std::function<void(Value)> repeat = [&](Value value) {
    if (!mustSink(value) || mapping.contains(value))
      return;
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      repeat(operand);
    b.clone(*op, mapping);
  };
  SetVector<Value> outside;
  getUsedValuesDefinedAbove(launch.getBody(), outside);
  for (Value value : outside) {
    repeat(value);
    if (mapping.contains(value))
      replaceAllUsesInRegionWith(value, mapping.lookup(value),
                                 launch.getBody());
  }
}

namespace {
struct SinkIntoLaunches
    : ssmc::impl::SsmSinkIntoLaunchesBase<SinkIntoLaunches> {
  void runOnOperation() override {
    getOperation().walk([](gpu::LaunchOp launch) { sink(launch); });
  }
};
} // namespace
