//===- Affine.h - nodes that compute sums of multiples ----------*- C++ -*-===//

#pragma once

#include "lib/Raise/Region.h"

namespace ssmc {

/// True where every node of the cone that follows from `values` computes sums
/// of multiples of what follows from them, so that an impulse shows all there
/// is.
bool isAffine(const Cone &cone, llvm::ArrayRef<mlir::Value> values);

} // namespace ssmc
