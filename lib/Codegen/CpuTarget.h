//===- CpuTarget.h - the CPU that code is generated for ---------*- C++ -*-===//
//
// What kernels need to know of a CPU: how wide its vectors are, how many vector
// registers it has and whether it multiplies and adds in one instruction.
//
// LLVM is given a baseline and the features that the model's descriptor can
// record (SSMRT_CPU_FEATURES), never a processor's name with all it implies:
// what is not recorded is not checked when the model is opened elsewhere.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Support/LLVM.h"
#include <string>

namespace ssmc {

struct CpuTarget {
  std::string triple;
  std::string name;     // as LLVM spells it: what code is tuned for
  std::string baseline; // a processor that every one of this kind can stand for
  std::string features; // "+avx2,+fma,...": what `name` has beyond `baseline`
  unsigned lanes = 4;   // f32 lanes of a vector register
  unsigned registers = 16;
  bool fma = false;
  bool avx512 = false;
  bool bf16Dot = false; // sums products of pairs of bf16 in f32

  /// The target for an LLVM CPU name ("znver3", "skylake-avx512", ...). "host"
  /// and "" stand for this machine. Fails on a name that LLVM does not know for
  /// this architecture.
  static mlir::FailureOr<CpuTarget> get(llvm::StringRef cpu);
};

} // namespace ssmc
