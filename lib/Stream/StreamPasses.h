//===- StreamPasses.h - passes that make decoders ---------------*- C++ -*-===//

#pragma once

#include "mlir/Pass/Pass.h"

namespace ssmc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Stream/StreamPasses.h.inc"
} // namespace ssmc
