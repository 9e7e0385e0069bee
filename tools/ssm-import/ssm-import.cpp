//===- ssm-import.cpp - prints an ONNX model as MLIR ----------------------===//
//
// A developer's tool: what the compiler sees of a model before its first pass.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Import/Onnx/Passes.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;

static cl::opt<std::string> input(cl::Positional, cl::desc("MODEL.onnx"),
                                  cl::Required);
static cl::opt<std::string>
    externalDataDir("external-data-dir", cl::desc("Where external data lies"));
static cl::opt<bool>
    supported("supported",
              cl::desc("Inline functions; fail where operators are missing"));
static cl::opt<bool> check("check", cl::desc("Print nothing"));
static cl::opt<unsigned>
    elide("elide", cl::init(16),
          cl::desc("Elide constants of more elements (0: print all)"));
static cl::opt<bool> locations("locations", cl::desc("Print locations"));

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "prints an ONNX model as MLIR\n");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler handler(
      &context, [](mlir::Diagnostic &diagnostic) {
        mlir::onnx::printDiagnostic(diagnostic, errs());
      });
  ssmc::ImportOptions options;
  options.externalDataDir = externalDataDir;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      ssmc::importOnnx(input, &context, options);
  if (!module || failed(module->verify()))
    return 1;
  mlir::PassManager manager(&context);
  if (supported) {
    manager.addPass(ssmc::createOnnxInlineFunctions());
    manager.addPass(ssmc::createOnnxReportUnsupported());
  }
  if (failed(manager.run(*module)))
    return 1;
  if (check)
    return 0;
  mlir::OpPrintingFlags flags;
  if (elide != 0) {
    flags.elideLargeElementsAttrs(elide);
    flags.elideLargeResourceString(elide);
  }
  if (locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
  module->print(outs(), flags);
  outs() << '\n';
  return 0;
}
