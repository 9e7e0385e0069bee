//===- RegionHash.h - equal regions of equal layers -------------*- C++ -*-===//

#pragma once

#include "lib/Raise/Region.h"

namespace ssmc {

/// Regions with equal hashes compute the same function of their frontiers, in
/// order. With `weights` false, the elements of large floating-point constants
/// are left out: layers then hash alike that differ in weights only.
llvm::hash_code hashRegion(const Graph &graph, const Region &region,
                           bool weights);

} // namespace ssmc
