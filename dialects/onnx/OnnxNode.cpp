//===- OnnxNode.cpp - reading the inputs and attributes of a node ---------===//

#include "dialects/onnx/OnnxOps.h"

using namespace mlir;
using namespace mlir::onnx;

bool NodeOp::hasInput(unsigned i) {
  return i < getInputs().size() && !isa<NoneType>(getInputs()[i].getType());
}

int64_t NodeOp::getInt(StringRef name, int64_t otherwise) {
  auto attr = getAttrs().getAs<IntegerAttr>(name);
  return attr ? attr.getInt() : otherwise;
}

double NodeOp::getFloat(StringRef name, double otherwise) {
  auto attr = getAttrs().getAs<FloatAttr>(name);
  return attr ? attr.getValueAsDouble() : otherwise;
}

StringRef NodeOp::getString(StringRef name, StringRef otherwise) {
  auto attr = getAttrs().getAs<StringAttr>(name);
  return attr ? attr.getValue() : otherwise;
}

std::optional<SmallVector<int64_t>> NodeOp::getInts(StringRef name) {
  if (auto attr = getAttrs().getAs<DenseI64ArrayAttr>(name))
    return SmallVector<int64_t>(attr.asArrayRef());
  return std::nullopt;
}

std::string NodeOp::getQualifiedName() {
  if (getDomain().empty())
    return getOpType().str();
  return (getDomain() + "." + getOpType()).str();
}
