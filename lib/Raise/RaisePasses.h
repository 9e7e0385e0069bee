//===- RaisePasses.h - passes that recover recurrences ----------*- C++ -*-===//

#pragma once

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
}

namespace ssmc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Raise/RaisePasses.h.inc"
} // namespace ssmc
