//===- Extents.cpp - the extents that a cost is computed from -------------===//

#include "lib/Plan/Extents.h"

using namespace mlir;
using namespace ssmc;

static constexpr int64_t unknown = -1;

bool Assumptions::add(StringRef text) {
  auto [name, number] = text.split('=');
  int64_t value;
  if (name.empty() || number.getAsInteger(10, value) || value < 1)
    return false;
  given[name] = value;
  return true;
}

int64_t Assumptions::get(StringRef extent) const {
  auto it = given.find(extent);
  if (it != given.end())
    return it->second;
  // A prompt of one request, heads and states of the usual size.
  if (extent.starts_with("L"))
    return 512;
  return extent == "B" ? 1 : 64;
}

Extents::Extents(ssm::MixerOpInterface op, const Assumptions &assumptions) {
  ssm::MixerShape shape = op.getMixerShape();
  for (auto [operand, value] :
       llvm::zip_equal(shape.operands, op->getOperands())) {
    auto type = cast<ShapedType>(value.getType());
    for (auto [dim, extent] : llvm::enumerate(operand.dims)) {
      if (extent < 0)
        continue;
      StringRef name = shape.extents[extent];
      int64_t &size = extents.try_emplace(name, unknown).first->second;
      if (!type.isDynamicDim(dim))
        size = type.getDimSize(dim);
    }
  }
  for (StringRef name : shape.extents) {
    auto it = extents.find(name);
    if (it == extents.end() || it->second != unknown)
      continue;
    it->second = assumptions.get(name);
    assumed.push_back((name + " = " + Twine(it->second)).str());
  }
}

double Extents::operator[](StringRef name) const {
  auto it = extents.find(name);
  return it == extents.end() ? 1.0 : static_cast<double>(it->second);
}
