//===- Pipeline.h - the order of the passes for GPUs ------------*- C++ -*-===//

#pragma once

#include "mlir/Pass/PassManager.h"

namespace ssmc {

/// Whether a target has the products of warp groups, those of sm_90a.
bool hasWgmma(llvm::StringRef target);

/// The mixers that have kernels for `target` ("cuda:sm_90a"), as
/// `ssm-lower-strategies` wants them.
llvm::SmallVector<std::string> listGpuKernels(llvm::StringRef target);

/// ssm ops on buffers, each in a function of its own, to launches.
void addGpuKernels(mlir::OpPassManager &pm, llvm::StringRef target);

/// Products and reductions of linalg on buffers, each in a function of its own,
/// to launches.
void addGpuProducts(mlir::OpPassManager &pm, llvm::StringRef target);

/// Parallel loops to launches, launches to calls of the runtime, and the body
/// of kernels to LLVM dialect in a module of their own.
void addDeviceLowering(mlir::OpPassManager &pm);

} // namespace ssmc
