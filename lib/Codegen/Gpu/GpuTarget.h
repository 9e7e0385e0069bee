//===- GpuTarget.h - the device code is made for ----------------*- C++ -*-===//
//
// What LLVM and ptxas must be told of a chip. LLVM ends the process where it is
// asked for an instruction that a chip lacks, so kernels ask here first.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace ssmc {

struct GpuTarget {
  std::string name;     // cuda:sm_90a
  std::string chip;     // sm_90a
  std::string features; // of LLVM: the PTX version, +ptx87
  /// Tensor cores by warp group and bulk copies with tensor maps: sm_90a alone.
  bool hasWgmma = false;
  /// What a block can have of shared memory.
  int64_t sharedBytes = 0;

  /// The target of that name; fails where there is none.
  static mlir::FailureOr<GpuTarget> get(llvm::StringRef name);
  /// True for a name that means a GPU, be it known or not.
  static bool isGpu(llvm::StringRef name) { return name.starts_with("cuda"); }
  /// The names of all, for messages.
  static std::string list();
};

/// Kernels are found by their number in this order of the device code.
inline constexpr llvm::StringLiteral kDeviceModule = "ssm_device";
/// On the module, what `ssm-launch-to-runtime` numbered:
/// ["kernel of number 0", ...].
inline constexpr llvm::StringLiteral kDeviceKernelsAttr = "ssm.device_kernels";

/// On a loop, and on the branch back that becomes of it: what LLVM is to do.
inline constexpr llvm::StringLiteral kLoopAnnotationAttr =
    "llvm.loop_annotation";

} // namespace ssmc
