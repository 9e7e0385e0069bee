//===- LaunchToRuntime.cpp - ssm-launch-to-runtime ------------------------===//
//
//   gpu.launch_func @m::@f blocks in (%g, ..) threads in (%t, ..) args(%p, %n)
//
// becomes
//
//   store %p, slot0;  store %n, slot1;  store slot0, args[0]; ...
//   call ssmrt_launch(context, number of @f, g.., t.., shared bytes, args)
//
// with slots on the stack of the function. Kernels whose blocks wait for each
// other are launched by ssmrt_launch_together.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/GpuTarget.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHTORUNTIME
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

class Merger {
public:
  explicit Merger(ModuleOp module) : module(module) {}
  void mergeModules();
  LogicalResult lower(gpu::LaunchFuncOp launch);
  ArrayAttr kernels() {
    return Builder(module.getContext())
        .getStrArrayAttr(SmallVector<StringRef>(names.begin(), names.end()));
  }

private:
  StringRef keep(Operation *kernel, StringRef wanted);
  Operation *kernelOf(gpu::LaunchFuncOp launch);

  ModuleOp module;
  gpu::GPUModuleOp merged;
  SmallVector<std::string> names;
  llvm::StringMap<unsigned> numbers;   // of kernels, by name
  llvm::StringMap<std::string> byText; // names of kernels, by what they do
  DenseMap<SymbolRefAttr, std::string> moved;
};

} // namespace

/// Whether blocks wait for others, which must be on the device then, too.
static bool blocksWait(Operation *kernel) {
  return kernel->walk([](NVVM::NanosleepOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// Shared memory begins where copies of 16 bytes may go to.
static void alignShared(gpu::GPUFuncOp function) {
  Builder b(function.getContext());
  for (unsigned i = 0; i < function.getNumWorkgroupAttributions(); ++i)
    function.setWorkgroupAttributionAttr(
        i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(128));
}

/// Moves all device code into one module. What else a module holds, globals of
/// shared memory, moves along: of equal names one is kept.
void Merger::mergeModules() {
  OpBuilder b(module.getContext());
  SmallVector<gpu::GPUModuleOp> modules(module.getOps<gpu::GPUModuleOp>());
  if (modules.empty())
    return;
  b.setInsertionPointToEnd(module.getBody());
  merged = gpu::GPUModuleOp::create(b, module.getLoc(), kDeviceModule);
  for (gpu::GPUModuleOp source : modules) {
    for (Operation &op : llvm::make_early_inc_range(*source.getBody())) {
      auto symbol = dyn_cast<SymbolOpInterface>(op);
      bool isKernel = op.hasAttr(gpu::GPUDialect::getKernelFuncAttrName());
      if (symbol && !isKernel &&
          SymbolTable::lookupSymbolIn(merged, symbol.getNameAttr())) {
        op.erase();
        continue;
      }
      op.moveBefore(merged.getBody(), merged.getBody()->end());
      if (auto function = dyn_cast<gpu::GPUFuncOp>(op))
        alignShared(function);
      if (!symbol || !isKernel)
        continue;
      StringRef name = symbol.getName();
      auto from = SymbolRefAttr::get(
          source.getNameAttr(), FlatSymbolRefAttr::get(b.getStringAttr(name)));
      moved[from] = keep(&op, name).str();
    }
    source.erase();
  }
}

/// Keeps a kernel, or an equal one that is there already; its name.
StringRef Merger::keep(Operation *kernel, StringRef wanted) {
  MLIRContext *context = module.getContext();
  auto symbol = cast<SymbolOpInterface>(kernel);
  std::string name = wanted.str();
  symbol.setName("kernel");
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().useLocalScope());
  auto [it, isNew] = byText.try_emplace(text, name);
  if (!isNew) {
    kernel->erase();
    return it->second;
  }
  for (unsigned n = 0; numbers.count(name); ++n)
    name = (wanted + "_" + Twine(n)).str();
  it->second = name;
  symbol.setName(StringAttr::get(context, name));
  numbers[name] = names.size();
  names.push_back(name);
  return it->second;
}

Operation *Merger::kernelOf(gpu::LaunchFuncOp launch) {
  auto it = moved.find(launch.getKernel());
  return it == moved.end() ? nullptr
                           : SymbolTable::lookupSymbolIn(merged, it->second);
}

LogicalResult Merger::lower(gpu::LaunchFuncOp launch) {
  auto func = launch->getParentOfType<func::FuncOp>();
  Value context = contextOf(func);
  Operation *kernel = kernelOf(launch);
  if (!kernel || !context)
    return launch.emitOpError("has no kernel, or stands outside an entry");
  auto kernelFunction = cast<FunctionOpInterface>(kernel);
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  Type pointer = context.getType(), i64 = b.getI64Type(), i32 = b.getI32Type();
  OpBuilder::InsertPoint here = b.saveInsertionPoint();
  b.setInsertionPointToStart(&func.getBody().front());
  Value one = LLVM::ConstantOp::create(b, i64, 1);
  unsigned count = launch.getNumKernelOperands();
  Value args = LLVM::AllocaOp::create(
      b, pointer, LLVM::LLVMArrayType::get(pointer, std::max(count, 1u)), one);
  SmallVector<Value> slots;
  for (unsigned i = 0; i < count; ++i)
    slots.push_back(LLVM::AllocaOp::create(b, pointer, i64, one, 16));
  b.restoreInsertionPoint(here);
  for (auto [i, operand] : llvm::enumerate(launch.getKernelOperands())) {
    Value value = operand, place = slots[i];
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(b, i64, value);
    else if (value.getType().isInteger(1))
      value = arith::ExtUIOp::create(b, b.getI8Type(), value);
    if (kernelFunction.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName()))
      place = value;
    else
      LLVM::StoreOp::create(b, value, place);
    Value at = LLVM::GEPOp::create(b, pointer, pointer, args,
                                   ArrayRef<LLVM::GEPArg>{(int32_t)i});
    LLVM::StoreOp::create(b, place, at);
  }
  SmallVector<Value> operands{
      context,
      arith::ConstantIntOp::create(
          b, i32, numbers.lookup(cast<SymbolOpInterface>(kernel).getName()))};
  gpu::KernelDim3 grid = launch.getGridSizeOperandValues();
  gpu::KernelDim3 block = launch.getBlockSizeOperandValues();
  for (Value size : {grid.x, grid.y, grid.z, block.x, block.y, block.z})
    operands.push_back(
        size.getType().isIndex()
            ? arith::IndexCastOp::create(b, i64, size).getResult()
            : size);
  Value shared = launch.getDynamicSharedMemorySize();
  operands.push_back(
      shared ? shared : arith::ConstantIntOp::create(b, i32, 0).getResult());
  operands.push_back(args);
  SmallVector<Type> types(ValueRange(operands).getTypes());
  func::FuncOp call = declareRuntime(
      module, blocksWait(kernel) ? "ssmrt_launch_together" : "ssmrt_launch",
      b.getFunctionType(types, {}));
  func::CallOp::create(b, call, operands);
  launch.erase();
  return success();
}

/// What is known of a pointer where it is passed to the kernel.
static void markUnaliased(gpu::LaunchFuncOp launch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<FunctionOpInterface>(
      launch, launch.getKernel());
  auto func = launch->getParentOfType<func::FuncOp>();
  StringRef noAlias = LLVM::LLVMDialect::getNoAliasAttrName();
  if (!kernel || !func)
    return;
  for (auto [i, operand] : llvm::enumerate(launch.getKernelOperands()))
    if (auto argument = dyn_cast<BlockArgument>(operand))
      if (argument.getOwner() == &func.getBody().front() &&
          func.getArgAttr(argument.getArgNumber(), noAlias))
        kernel.setArgAttr(i, noAlias, UnitAttr::get(launch.getContext()));
}

namespace {
struct LaunchToRuntime : ssmc::impl::SsmLaunchToRuntimeBase<LaunchToRuntime> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<gpu::LaunchFuncOp> launches;
    module.walk([&](gpu::LaunchFuncOp launch) { launches.push_back(launch); });
    for (gpu::LaunchFuncOp launch : launches)
      markUnaliased(launch);
    Merger merger(module);
    merger.mergeModules();
    for (gpu::LaunchFuncOp launch : launches)
      if (failed(merger.lower(launch)))
        return signalPassFailure();
    module->setAttr(kDeviceKernelsAttr, merger.kernels());
    module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }
};
} // namespace
