//===- CpuPasses.h - kernels for CPUs ---------------------------*- C++ -*-===//

#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc
