//===- Zip.h - the part of the zip format that .npz uses --------*- C++ -*-===//
//
// Entries are found through the central directory at the end of the file, the
// only place where their sizes are always given.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace ssmc {

struct ZipEntry {
  std::string name;
  std::vector<char> bytes;
};

/// Unpacks every entry (stored or deflated) and checks its CRC.
llvm::Expected<std::vector<ZipEntry>> unpackZip(llvm::StringRef contents);

/// The bytes of an archive of stored entries.
llvm::Expected<std::string> packZip(llvm::ArrayRef<ZipEntry> entries);

} // namespace ssmc
