//===- Device.h - from device code to images --------------------*- C++ -*-===//

#pragma once

#include "lib/Codegen/Gpu/GpuTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace ssmc {

/// What a model carries for a GPU.
struct DeviceCode {
  std::string target; // cuda:sm_90a
  std::string ptx;
  std::string cubin; // empty where there was no ptxas
  std::vector<std::string> kernels;
};

/// Translates the module's `@ssm_device` to PTX, and removes it from the
/// module. Without one, a model without kernels, the PTX is empty.
mlir::FailureOr<DeviceCode>
emitDevice(mlir::ModuleOp module, const GpuTarget &target, unsigned optLevel);

/// NVIDIA's assembler in PATH, under CUDA_HOME or CUDA_PATH, or where its
/// installer puts it; empty where there is none.
std::string findPtxas();

/// The machine code that `ptxas` makes of PTX; what it says is the error.
llvm::Expected<std::string> assemblePtx(llvm::StringRef ptxas,
                                        const GpuTarget &target,
                                        llvm::StringRef ptx);

} // namespace ssmc
