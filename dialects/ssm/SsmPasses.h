//===- SsmPasses.h - passes on the ssm dialect ------------------*- C++ -*-===//

#pragma once

#include "mlir/Pass/Pass.h"

namespace mlir::ssm {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/ssm/SsmPasses.h.inc"
} // namespace mlir::ssm
