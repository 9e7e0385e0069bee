//===- ExternalData.h - mapped files -----------------------------*- C++
//-*-===//
//
// A model may name further files with the bytes of its tensors. What it names
// is not trusted: a location is relative, stays beneath one folder, and is
// opened component by component without following links. A file with more than
// one hard link is refused, for it may be someone's private file under a second
// name.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace ssmc {

/// A file mapped for reading, unmapped when the last owner goes.
class MappedFile {
public:
  /// Maps the regular file `descriptor` and closes the descriptor.
  static llvm::Expected<std::shared_ptr<MappedFile>> map(int descriptor);
  /// Opens and maps `path`, which the user gave: links are followed.
  static llvm::Expected<std::shared_ptr<MappedFile>> open(llvm::StringRef path);
  ~MappedFile();

  llvm::ArrayRef<char> getBytes() const { return bytes; }

private:
  explicit MappedFile(llvm::ArrayRef<char> bytes) : bytes(bytes) {}
  llvm::ArrayRef<char> bytes;
};

/// The external files of one model; each is mapped once.
class ExternalData {
public:
  explicit ExternalData(std::string folder) : folder(std::move(folder)) {}

  /// The file at `location`, which the model gave.
  llvm::Expected<std::shared_ptr<MappedFile>> open(llvm::StringRef location);

private:
  std::string folder;
  llvm::StringMap<std::shared_ptr<MappedFile>> files;
};

} // namespace ssmc
