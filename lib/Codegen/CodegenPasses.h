//===- CodegenPasses.h - from tensors to LLVM -------------------*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc
