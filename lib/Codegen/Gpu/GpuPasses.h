//===- GpuPasses.h - kernels for GPUs ---------------------------*- C++ -*-===//

#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc
