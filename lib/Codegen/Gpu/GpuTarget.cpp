//===- GpuTarget.cpp - the device code is made for ------------------------===//

#include "lib/Codegen/Gpu/GpuTarget.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ssmc;

namespace {
struct Chip {
  llvm::StringLiteral name;
  // The oldest version of PTX that knows what we use of the chip: newer ones
  // need newer drivers.
  llvm::StringLiteral features;
  int64_t sharedKilobytes; // of a block
};
} // namespace

static constexpr Chip chips[] = {
    {"sm_80", "+ptx80", 163},  {"sm_86", "+ptx80", 99},
    {"sm_89", "+ptx80", 99},   {"sm_90", "+ptx80", 227},
    {"sm_90a", "+ptx87", 227}, {"sm_100", "+ptx87", 227}};

FailureOr<GpuTarget> GpuTarget::get(StringRef name) {
  for (const Chip &chip : chips)
    if (name == ("cuda:" + chip.name).str())
      return GpuTarget{name.str(), chip.name.str(), chip.features.str(),
                       chip.name == "sm_90a", chip.sharedKilobytes << 10};
  return failure();
}

std::string GpuTarget::list() {
  return llvm::join(
      llvm::map_range(
          chips, [](const Chip &chip) { return ("cuda:" + chip.name).str(); }),
      ", ");
}
