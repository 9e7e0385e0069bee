//===- Writable.h - whether an output can be written ------------*- C++ -*-===//
//
// An output that cannot be written is found before the work, not after it.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/StringRef.h"

#include <string>

namespace ssmc {

/// Why no file can be written at `path`; empty where one can. What lies there
/// is replaced: where a link leads, not the link, and never a folder or a
/// device. `path` becomes where a link leads.
std::string whyNotWritable(std::string &path);

} // namespace ssmc
