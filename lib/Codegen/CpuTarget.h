//===- CpuTarget.h - the CPU that code is generated for ---------*- C++ -*-===//
//
// What kernels need to know of a CPU: how wide its vectors are, how many vector
// registers it has and whether it multiplies and adds in one instruction. Name
// and features are what LLVM's target machine takes.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Support/LLVM.h"
#include <string>

namespace ssmc {

struct CpuTarget {
  std::string triple;
  std::string name;     // as LLVM spells it
  std::string features; // "+avx2,+fma,...", for LLVM's target machine
  unsigned lanes = 4;   // f32 lanes of a vector register
  unsigned registers = 16;
  bool fma = false;
  bool avx512 = false;

  /// The target for an LLVM CPU name ("znver3", "skylake-avx512", ...). "host"
  /// and "" stand for this machine. Fails on a name that LLVM does not know for
  /// this architecture.
  static mlir::FailureOr<CpuTarget> get(llvm::StringRef cpu);
};

} // namespace ssmc
