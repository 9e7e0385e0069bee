//===- EmitDevice.cpp - device code to PTX --------------------------------===//

#include "lib/Codegen/Gpu/Device.h"
#include "lib/Codegen/OptimizeModule.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

extern "C" {
void LLVMInitializeNVPTXTarget(void);
void LLVMInitializeNVPTXTargetInfo(void);
void LLVMInitializeNVPTXTargetMC(void);
void LLVMInitializeNVPTXAsmPrinter(void);
}

using namespace mlir;
using namespace ssmc;

static constexpr StringLiteral triple = "nvptx64-nvidia-cuda";

static std::unique_ptr<llvm::TargetMachine>
createMachine(const GpuTarget &target) {
  static bool done = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)done;
  std::string error;
  llvm::Triple device(triple);
  const llvm::Target *backend =
      llvm::TargetRegistry::lookupTarget(device, error);
  if (!backend)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      device, target.chip, target.features, llvm::TargetOptions(), std::nullopt,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// What would be linked from elsewhere does not exist.
static LogicalResult checkCalls(gpu::GPUModuleOp code) {
  for (auto function : code.getOps<LLVM::LLVMFuncOp>()) {
    StringRef name = function.getName();
    if (!function.isExternal() || !name.consume_front("__nv_"))
      continue;
    WalkResult walk = code.walk([&](LLVM::CallOp call) {
      if (call.getCallee() != function.getName())
        return WalkResult::advance();
      call.emitError("the GPU has no function '")
          << name
          << "' of this type (f64, say): compile this model for the CPU";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return failure();
  }
  return success();
}

/// Conversions carry what is said of loops to their branches, under a name that
/// the translation does not know.
static void annotateLoops(gpu::GPUModuleOp code) {
  code.walk([](LLVM::BrOp branch) {
    if (auto annotation = branch->getAttrOfType<LLVM::LoopAnnotationAttr>(
            kLoopAnnotationAttr))
      branch.setLoopAnnotationAttr(annotation);
  });
}

FailureOr<DeviceCode> ssmc::emitDevice(ModuleOp module, const GpuTarget &target,
                                       unsigned optLevel) {
  DeviceCode result;
  result.target = target.name;
  auto code = module.lookupSymbol<gpu::GPUModuleOp>(kDeviceModule);
  if (!code)
    return result;
  if (auto kernels = module->getAttrOfType<ArrayAttr>(kDeviceKernelsAttr))
    for (auto name : kernels.getAsRange<StringAttr>())
      result.kernels.push_back(name.str());
  if (failed(checkCalls(code)))
    return failure();
  annotateLoops(code);
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target);
  if (!machine)
    return emitError(module.getLoc(), "this LLVM cannot write code for NVIDIA "
                                      "GPUs");
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(code, context, kDeviceModule);
  if (!translated)
    return emitError(module.getLoc(),
                     "could not translate device code to LLVM IR");
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  optimizeModule(*translated, *machine, optLevel);
  SmallString<0> text;
  llvm::raw_svector_ostream os(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return emitError(module.getLoc(), "LLVM cannot write PTX");
  passes.run(*translated);
  result.ptx = text.str().str();
  code.erase();
  return result;
}
