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

ElementsAttr mlir::onnx::getConstantValue(DictionaryAttr attrs) {
  if (attrs.size() != 1)
    return {};
  NamedAttribute attr = *attrs.begin();
  StringRef name = attr.getName();
  Builder builder(attrs.getContext());
  auto type = [&](ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  };
  if (name == "value")
    return dyn_cast<ElementsAttr>(attr.getValue());
  if (name == "value_int")
    if (auto value = dyn_cast<IntegerAttr>(attr.getValue()))
      return DenseElementsAttr::get(type({}, builder.getI64Type()),
                                    value.getInt());
  if (name == "value_float")
    if (auto value = dyn_cast<FloatAttr>(attr.getValue()))
      return DenseElementsAttr::get(type({}, builder.getF32Type()),
                                    value.getValue());
  if (name == "value_ints")
    if (auto value = dyn_cast<DenseI64ArrayAttr>(attr.getValue()))
      return DenseElementsAttr::get(type(value.size(), builder.getI64Type()),
                                    value.asArrayRef());
  if (name == "value_floats")
    if (auto value = dyn_cast<DenseF32ArrayAttr>(attr.getValue()))
      return DenseElementsAttr::get(type(value.size(), builder.getF32Type()),
                                    value.asArrayRef());
  return {};
}
