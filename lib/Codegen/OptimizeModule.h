//===- OptimizeModule.h - LLVM's passes on a module -------------*- C++ -*-===//

#pragma once

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace ssmc {

/// The optimiser's part. The reference level keeps it short: its code is to be
/// right, and graphs that were not raised are large.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine,
                    unsigned optLevel);

} // namespace ssmc
