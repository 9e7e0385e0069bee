//===- PlanPasses.h - passes that choose strategies -------------*- C++ -*-===//

#pragma once

#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Plan/PlanPasses.h.inc"
} // namespace ssmc
