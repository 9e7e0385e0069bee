//===- TensorScatter.h - rows written into caches ---------------*- C++ -*-===//

#pragma once

#include "llvm/ADT/StringRef.h"

namespace ssmc {

/// On a TensorScatter that the compiler has made: what does not fit into the
/// cache is left out. It is the padding of rows that are shorter than others.
inline constexpr llvm::StringLiteral kClipsAttr = "ssmc.clips";

} // namespace ssmc
