//===- Emit.cpp - LLVM dialect to machine code ----------------------------===//

#include "lib/Codegen/Codegen.h"
#include "lib/Codegen/OptimizeModule.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace ssmc;

static void initializeTargets() {
  static bool done = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
    return true;
  }();
  (void)done;
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const CpuTarget &target, unsigned optLevel, Location loc) {
  initializeTargets();
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *backend =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend) {
    emitError(loc) << "no code generator for " << target.triple << ": "
                   << error;
    return nullptr;
  }
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, target.baseline, target.features, llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt,
      optLevel == 0 ? llvm::CodeGenOptLevel::Less
                    : llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    emitError(loc) << "no code generator for processor '" << target.name << "'";
  return machine;
}

FailureOr<CpuTarget> ssmc::resolveCpu(StringRef cpu, Location loc) {
  FailureOr<CpuTarget> target = CpuTarget::get(cpu);
  if (failed(target)) {
    emitError(loc) << "unknown processor '" << cpu
                   << "': give a name that LLVM knows, such as znver4, "
                      "skylake-avx512, x86-64-v3, or host";
    return failure();
  }
  return target;
}

LogicalResult ssmc::emitCode(ModuleOp module, const CodegenOptions &options,
                             CodeKind kind, llvm::raw_pwrite_stream &os) {
  Location loc = module.getLoc();
  FailureOr<CpuTarget> target = resolveCpu(options.cpu, loc);
  if (failed(target))
    return failure();
  auto machine = createMachine(*target, options.optLevel, loc);
  if (!machine)
    return failure();

  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, context, "model");
  if (!code)
    return emitError(loc, "could not translate to LLVM IR");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *code) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target->baseline);
    function.addFnAttr("tune-cpu", target->name);
    if (!target->features.empty())
      function.addFnAttr("target-features", target->features);
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  optimizeModule(*code, *machine, options.optLevel);

  if (kind == CodeKind::LLVM) {
    code->print(os, nullptr);
    return success();
  }
  llvm::legacy::PassManager passes;
  auto type = kind == CodeKind::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                         : llvm::CodeGenFileType::ObjectFile;
  if (machine->addPassesToEmitFile(passes, os, nullptr, type))
    return emitError(loc, "the code generator cannot write this kind of file");
  passes.run(*code);
  return success();
}

LogicalResult ssmc::emitObject(ModuleOp module, const CodegenOptions &options,
                               llvm::raw_pwrite_stream &os) {
  return emitCode(module, options, CodeKind::Object, os);
}
