//===- LongConv.h - kernels of ssm.long_conv --------------------*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

/// The op as it is written, lag by lag.
void emitDirect(KernelBuilder &b, mlir::ssm::LongConvOp op);
/// By transforms of blocks; lag by lag where extents that are known only when
/// it runs are small. The op has no past and is no ring.
void emitTransforms(KernelBuilder &b, mlir::ssm::LongConvOp op);

} // namespace ssmc
