//===- VectorizeRegion.h - a scalar region on vectors -----------*- C++ -*-===//

#pragma once

#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

/// True where every op of the region's only block but the terminator is
/// elementwise on f32, integers or booleans.
bool canVectorizeRegion(mlir::Region &region);

/// Emits the block with vectors of the shape of `type` for its scalars and
/// returns what its terminator passes on. Values from outside are broadcast.
llvm::SmallVector<mlir::Value> vectorizeRegion(KernelBuilder &b,
                                               mlir::Region &region,
                                               mlir::ValueRange arguments,
                                               mlir::VectorType type);

} // namespace ssmc
