//===- Extents.h - the extents that a cost is computed from -----*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"

#include "llvm/ADT/StringMap.h"

namespace ssmc {

/// What an extent is taken as where a type does not say it.
class Assumptions {
public:
  /// Reads "EXTENT=NUMBER"; false where it is something else.
  bool add(llvm::StringRef text);
  int64_t get(llvm::StringRef extent) const;

private:
  llvm::StringMap<int64_t> given;
};

/// The named extents of a mixer (getMixerShape), each known or assumed.
class Extents {
public:
  Extents(mlir::ssm::MixerOpInterface op, const Assumptions &assumptions);

  /// 1 for one that the op does not have.
  double operator[](llvm::StringRef name) const;
  /// "L = 512" for each extent that was asked for and is not known.
  llvm::ArrayRef<std::string> getAssumed() const { return assumed; }

private:
  llvm::StringMap<int64_t> extents;
  llvm::SmallVector<std::string> assumed;
};

} // namespace ssmc
