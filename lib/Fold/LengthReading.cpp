//===- LengthReading.cpp - numbers as functions of an extent --------------===//

#include "lib/Fold/LengthReading.h"
#include "lib/Eval/Tensor.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace ssmc;

double Reading::at(int64_t n) const {
  double value = double(n - minus);
  switch (function) {
  case Itself:
    break;
  case Root:
    value = std::sqrt(value);
    break;
  case Square:
    value *= value;
    break;
  case Logarithm:
    value = std::log(value);
    break;
  }
  return inverse ? 1 / value : value;
}

std::string Reading::describe(StringRef name) const {
  std::string text = (minus ? "one less than " : "") + name.str();
  StringRef of = function == Root        ? "the root of "
                 : function == Square    ? "the square of "
                 : function == Logarithm ? "the logarithm of "
                                         : "";
  return ((inverse ? "one over " : "") + of + text).str();
}

bool Reading::isCommon(int64_t n) const {
  double value = at(n);
  return n - minus == 2 || value == 2 || value == 0.5;
}

static bool isNear(double value, double other, Type type) {
  double rounding = type.isF64()    ? 1e-12
                    : type.isF32()  ? 4e-7
                    : type.isF16()  ? 1e-3
                    : type.isBF16() ? 8e-3
                                    : 0;
  return std::abs(value - other) <= rounding * std::abs(other);
}

std::optional<Reading> ssmc::readNumber(double number, int64_t extent,
                                        Type type) {
  for (auto function :
       {Reading::Itself, Reading::Root, Reading::Square, Reading::Logarithm})
    for (int64_t minus : {0, 1})
      for (bool inverse : {false, true}) {
        Reading reading{minus, function, inverse};
        if (extent - minus > 1 && isNear(number, reading.at(extent), type))
          return reading;
      }
  return std::nullopt;
}

std::optional<double> ssmc::uniformNumber(ElementsAttr constant) {
  ShapedType type = constant.getShapedType();
  if (!type.hasStaticShape() || type.getNumElements() < 1 ||
      !type.getElementType().isIntOrFloat() ||
      type.getElementType().isInteger(1))
    return std::nullopt;
  auto one = RankedTensorType::get({}, type.getElementType());
  ArrayRef<char> bytes;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant)) {
    bytes = dense.getRawData();
    if (dense.isSplat())
      constant = dense.resizeSplat(one);
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      bytes = blob->getData();
  }
  // All elements are as the one before them: one comparison with itself, moved
  // by an element, which ends at the first difference.
  if (constant.getNumElements() > 1) {
    size_t count = constant.getNumElements(), size = bytes.size() / count;
    if (size == 0 || size * count != bytes.size() ||
        std::memcmp(bytes.data(), bytes.data() + size, bytes.size() - size))
      return std::nullopt;
    bytes = bytes.take_front(size);
    bool isSplat = false;
    if (!DenseElementsAttr::isValidRawBuffer(one, bytes, isSplat))
      return std::nullopt;
    constant = DenseElementsAttr::getFromRawBuffer(one, bytes);
  }
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant);
  return succeeded(tensor) ? std::optional(tensor->at(0)) : std::nullopt;
}
