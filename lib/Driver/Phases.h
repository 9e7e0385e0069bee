//===- Phases.h - runs one phase after the other ----------------*- C++ -*-===//

#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"

#include <chrono>
#include <functional>

namespace ssmc {

/// Runs pipelines on a module: with time taken, progress told, IR dumped, and a
/// copy of the input kept for a reproducer.
class PhaseRunner {
public:
  struct Options {
    bool progress = false;
    std::string dumpDir;
    std::string failIn;                  // for tests: the phase that is to fail
    std::function<unsigned()> numPhases; // known after the first
  };
  PhaseRunner(Options options, mlir::TimingScope &timing,
              llvm::raw_ostream &log);

  /// Runs the passes that `build` adds.
  mlir::LogicalResult
  run(llvm::StringRef name, mlir::ModuleOp module,
      llvm::function_ref<void(mlir::OpPassManager &)> build);
  /// Runs something that is not a pipeline. `module` is what a reproducer
  /// holds and may be null.
  mlir::LogicalResult call(llvm::StringRef name, mlir::ModuleOp module,
                           llvm::function_ref<mlir::LogicalResult()> body);
  /// Writes the IR after a phase into the dump folder, if there is one.
  mlir::LogicalResult dump(llvm::StringRef name, mlir::ModuleOp module);

  /// Whether a phase failed because its dump could not be written.
  bool cannotDump() const { return dumpFailed; }

  void writeReproducer();

  /// The one in progress, or the last.
  llvm::StringRef getPhase() const { return phase; }

private:
  void start(llvm::StringRef name, llvm::StringRef pipeline,
             mlir::ModuleOp module);
  mlir::LogicalResult inject(mlir::Location loc);
  void finish();

  Options options;
  mlir::TimingScope &timing;
  llvm::raw_ostream &log;
  unsigned number = 0;
  bool dumpFailed = false;
  std::string phase, pipeline;
  mlir::OwningOpRef<mlir::ModuleOp> before;
  std::chrono::steady_clock::time_point began;
};

} // namespace ssmc
