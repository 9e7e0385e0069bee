//===- Direction.h - which tokens a region's output depends on --*- C++ -*-===//

#pragma once

#include "lib/Raise/Problem.h"

namespace ssmc {

enum class Direction {
  Forward, // on itself and earlier ones
  Reverse, // on itself and later ones
  Both
};

/// Found by changing the frontier at the last and at the first token. Nothing
/// where the region cannot be evaluated.
std::optional<Direction> findDirection(const Problem &problem);

} // namespace ssmc
