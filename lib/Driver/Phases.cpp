//===- Phases.cpp - runs one phase after the other ------------------------===//

#include "lib/Driver/Phases.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ssmc;

/// Reproducers leave out the bytes of larger constants: no pass reads them.
static constexpr int64_t kReproducerElements = 1 << 16;
/// Dumps are read by people.
static constexpr int64_t kDumpElements = 16;

PhaseRunner::PhaseRunner(Options options, TimingScope &timing, raw_ostream &log)
    : options(std::move(options)), timing(timing), log(log) {}

void PhaseRunner::start(StringRef name, StringRef text, ModuleOp module) {
  ++number;
  phase = name.str();
  pipeline = text.str();
  before = module ? module.clone() : ModuleOp();
  began = std::chrono::steady_clock::now();
}

/// What a broken pass or a verifier says, in the phase that a test wants.
LogicalResult PhaseRunner::inject(Location loc) {
  if (options.failIn != phase)
    return success();
  return mlir::emitError(loc) << "injected failure";
}

void PhaseRunner::finish() {
  if (!options.progress)
    return;
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - began;
  log << "[" << number << "/" << options.numPhases() << "] "
      << llvm::format("%6.2f s  ", seconds.count()) << phase << "\n";
}

LogicalResult
PhaseRunner::run(StringRef name, ModuleOp module,
                 llvm::function_ref<void(OpPassManager &)> build) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  build(pm);
  std::string text;
  llvm::raw_string_ostream os(text);
  pm.printAsTextualPipeline(os);
  start(name, text, module);
  TimingScope scope = timing.nest(name);
  pm.enableTiming(scope);
  if (failed(pm.run(module)) || failed(inject(module.getLoc())))
    return failure();
  finish();
  return dump(name, module);
}

LogicalResult PhaseRunner::call(StringRef name, ModuleOp module,
                                llvm::function_ref<LogicalResult()> body) {
  start(name, "builtin.module()", module);
  TimingScope scope = timing.nest(name);
  if (failed(body()) || (module && failed(inject(module.getLoc()))))
    return failure();
  finish();
  return success();
}

LogicalResult PhaseRunner::dump(StringRef name, ModuleOp module) {
  if (options.dumpDir.empty())
    return success();
  SmallString<128> path(options.dumpDir);
  llvm::sys::path::append(path, llvm::utostr(number / 10) +
                                    llvm::utostr(number % 10) + "-" + name +
                                    ".mlir");
  std::error_code error = llvm::sys::fs::create_directories(options.dumpDir);
  if (!error) {
    llvm::raw_fd_ostream os(path, error);
    if (!error)
      module.print(os, OpPrintingFlags()
                           .elideLargeElementsAttrs(kDumpElements)
                           .elideLargeResourceString(kDumpElements)
                           .enableDebugInfo(true, false)
                           .useLocalScope());
  }
  if (!error)
    return success();
  dumpFailed = true;
  return mlir::emitError(module.getLoc()) << path << ": " << error.message();
}

void PhaseRunner::writeReproducer() {
  log << "ssmc: internal error in phase " << phase
      << ": this is a fault of the compiler, not of the model. Please report "
         "it";
  SmallString<128> path;
  int file;
  if (!before || llvm::sys::fs::createTemporaryFile("ssmc-reproducer", "mlir",
                                                    file, path)) {
    log << ".\n";
    return;
  }
  llvm::raw_fd_ostream out(file, /*shouldClose=*/true);
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(kReproducerElements)
      .elideLargeResourceString(4 * kReproducerElements)
      .printGenericOpForm();
  AsmState state(*before, flags);
  state.attachResourcePrinter("mlir_reproducer",
                              [&](Operation *, AsmResourceBuilder &builder) {
                                builder.buildString("pipeline", pipeline);
                                builder.buildBool("disable_threading", true);
                                builder.buildBool("verify_each", true);
                              });
  before->print(out, state);
  out << "\n";
  log << ", with this file:\n  " << path
      << "\n(run it with: ssm-opt --run-reproducer " << path << ")\n";
}
