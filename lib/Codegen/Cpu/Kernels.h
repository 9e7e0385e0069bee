//===- Kernels.h - which strategies have a kernel ---------------*- C++ -*-===//
//
// A kernel of this folder is the CPU's implementation of one strategy of its
// op. Those that carry a state in registers over blocks of time and apply the
// decays to what goes in and out are the chunked form, although they make no
// products of keys and queries; those that step by step update the state are
// the recurrent one.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmStrategy.h"

namespace ssmc {

/// Whether there is a kernel for an op ("ssm.scan") by a strategy, as far as it
/// is for its types and extents.
bool isCpuKernel(llvm::StringRef op, mlir::ssm::Strategy strategy);
/// All of them as "ssm.scan:recurrent".
llvm::SmallVector<std::string> listCpuKernels();

} // namespace ssmc
