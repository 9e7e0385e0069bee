//===- Arrays.h - the arrays that a command line names ----------*- C++ -*-===//
//
// The grammar of --input and --expect, which all tools share:
//
//   NAME=@FILE.npy, NAME=@FILE.npz[:KEY], NAME=random[:SEED], @FILE.npz
//
// Without a NAME, all arrays of the archive are taken by their names.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Support/Error.h"
#include "lib/Support/Npz.h"

#include "llvm/ADT/StringMap.h"

#include <optional>

namespace ssmc {

/// What stands before and after the sign of equality.
struct ArrayArgument {
  std::string name; // empty in `@FILE.npz`: all arrays by their names
  std::string file;
  std::string key; // in an archive; the name where empty
  bool random = false;
  uint64_t seed = 0;
};

llvm::Expected<ArrayArgument> parseArrayArgument(llvm::StringRef text);

/// The arrays that arguments name: for each value of a model the array given
/// for it. A later argument wins. Files are read once.
class ArraySource {
public:
  /// Values that arrays may be given for. In archives that are taken as a
  /// whole, a name may be preceded by `prefix`: "in:" or "out:".
  ArraySource(llvm::ArrayRef<std::string> names, llvm::StringRef prefix)
      : names(names.begin(), names.end()), prefix(prefix) {}

  llvm::Error add(llvm::StringRef argument);
  /// The array given, where it is not random.
  const NpyArray *find(llvm::StringRef name) const;
  /// The seed, where a random array is asked for.
  std::optional<uint64_t> findSeed(llvm::StringRef name) const;

  /// Names in archives that were taken as a whole, of no value.
  llvm::ArrayRef<std::string> getUnused() const { return unused; }

private:
  llvm::Expected<const std::vector<NamedArray> *> archive(llvm::StringRef path);

  struct Given {
    std::optional<NpyArray> array; // none: random
    uint64_t seed = 0;
  };
  std::vector<std::string> names;
  std::string prefix;
  llvm::StringMap<Given> arrays;
  std::vector<std::string> unused;
  llvm::StringMap<std::vector<NamedArray>> archives;
};

/// Parses the command line of a tool with array arguments; false on a usage
/// error, which is reported. `--input @FILE` is read as `--input=@FILE`: LLVM's
/// parser would take an argument that starts with @ for a file of arguments.
bool parseArrayCommandLine(int argc, char **argv, llvm::StringRef overview);

} // namespace ssmc
