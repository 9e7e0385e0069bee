//===- Package.h - from object code to a model's files ----------*- C++ -*-===//
//
// A model is a shared library without dependencies but libc and libm, and a C
// header. Weights are written straight from where they lie (the mapped model
// file) to their place behind the code: they pass through no compiler. Files
// appear under their names only when they are complete.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ssmc {

struct PackageOptions {
  std::string output;   // model.so; the header lies beside it as model.h
  std::string source;   // what it was compiled from, for the header
  std::string info;     // JSON, kept in the model
  std::string triple;   // of LLVM
  std::string cpu;      // the processor it was compiled for
  std::string baseline; // the processor that `features` are added to
  std::string features; // LLVM's feature string: "+avx2,-avx512f,..."
  /// Weights of more than this lie in a file beside the library.
  int64_t maxInlineWeights = int64_t(1) << 30;
  /// Code for a GPU, with the name of its target; none where that is empty.
  std::string deviceTarget, ptx, cubin;
  std::vector<std::string> deviceKernels;
};

enum class PackageResult {
  Done,
  BadOutput, // a file could not be written, or the signature has no C form
  Broken     // the parts do not fit together: a fault of the compiler
};

/// Makes the model of `module` (LLVM dialect, with the attributes ssm.entries
/// and ssm.weights) and its object code. Emits diagnostics and leaves nothing
/// behind on failure.
PackageResult packageModel(mlir::ModuleOp module, llvm::StringRef objectCode,
                           const PackageOptions &options);

} // namespace ssmc
