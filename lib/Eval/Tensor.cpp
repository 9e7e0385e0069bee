//===- Tensor.cpp - a tensor held by the evaluator ------------------------===//

#include "lib/Eval/Tensor.h"

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace ssmc;

Tensor::Tensor(Type elementType, ArrayRef<int64_t> shape)
    : elementType(elementType), shape(shape) {
  if (isFloat())
    floatBuffer = std::make_shared<Buffer<double>>(getNumElements(), 0.0);
  else
    intBuffer = std::make_shared<Buffer<int64_t>>(getNumElements(), int64_t(0));
}

Tensor Tensor::uninitialized(Type elementType, ArrayRef<int64_t> shape) {
  Tensor result;
  result.elementType = elementType;
  result.shape.assign(shape.begin(), shape.end());
  if (result.isFloat())
    result.floatBuffer =
        std::make_shared<Buffer<double>>(result.getNumElements());
  else
    result.intBuffer =
        std::make_shared<Buffer<int64_t>>(result.getNumElements());
  return result;
}

bool Tensor::fits(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    if (extent < 0 || llvm::MulOverflow(count, extent, count))
      return false;
  return count <= kMaxElements;
}

int64_t Tensor::getNumElements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Tensor Tensor::scalar(Type elementType, double value) {
  Tensor result(elementType, {});
  if (result.isFloat())
    result.floatBuffer->front() = value;
  else
    result.intBuffer->front() = toInteger(value, elementType);
  return result;
}

Tensor Tensor::integers(MLIRContext *context, ArrayRef<int64_t> values) {
  Tensor result(IntegerType::get(context, 64), {int64_t(values.size())});
  llvm::copy(values, result.intBuffer->begin());
  return result;
}

MutableArrayRef<double> Tensor::mutableFloats() {
  if (floatBuffer.use_count() > 1)
    floatBuffer = std::make_shared<Buffer<double>>(*floatBuffer);
  return {floatBuffer->data(), floatBuffer->size()};
}

MutableArrayRef<int64_t> Tensor::mutableInts() {
  if (intBuffer.use_count() > 1)
    intBuffer = std::make_shared<Buffer<int64_t>>(*intBuffer);
  return {intBuffer->data(), intBuffer->size()};
}

FailureOr<Tensor> Tensor::shrink(int64_t axis) const {
  SmallVector<int64_t> smaller(getShape());
  int64_t extent = smaller[axis];
  smaller[axis] = 1;
  Tensor result(getElementType(), smaller);
  int64_t inner = llvm::product_of(getShape().drop_front(axis + 1));
  for (int64_t i = 0, e = result.getNumElements(); i < e; ++i) {
    int64_t first = i / inner * extent * inner + i % inner;
    if (isFloat())
      result.mutableFloats()[i] = floats()[first];
    else
      result.mutableInts()[i] = ints()[first];
    for (int64_t k = 1; k < extent; ++k)
      if (at(first + k * inner) != at(first))
        return failure();
  }
  return result;
}

Tensor Tensor::reshaped(ArrayRef<int64_t> newShape) const {
  Tensor result = *this;
  result.shape.assign(newShape.begin(), newShape.end());
  return result;
}

double Tensor::at(int64_t i) const {
  if (isFloat())
    return (*floatBuffer)[i];
  int64_t value = (*intBuffer)[i];
  return elementType.isUnsignedInteger(64) ? double(uint64_t(value))
                                           : double(value);
}

int64_t ssmc::wrapInteger(int64_t value, Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() >= 64)
    return value;
  unsigned width = integer.getWidth();
  // i1 is a boolean: 0 or 1, never -1.
  if (integer.isUnsigned() || width == 1)
    return int64_t(uint64_t(value) & llvm::maskTrailingOnes<uint64_t>(width));
  return llvm::SignExtend64(uint64_t(value), width);
}

int64_t ssmc::toInteger(double value, Type type) {
  if (type.isInteger(1))
    return value != 0;
  if (std::isnan(value))
    return 0;
  if (value <= -0x1p63)
    return wrapInteger(std::numeric_limits<int64_t>::min(), type);
  if (value >= 0x1p63)
    return wrapInteger(value < 0x1p64 ? int64_t(uint64_t(value)) : -1, type);
  return wrapInteger(int64_t(value), type);
}

double ssmc::roundToType(double value, Type type) {
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType || floatType.isF64())
    return value;
  if (floatType.isF32())
    return double(float(value));
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return rounded.convertToDouble();
}

SmallVector<int64_t> ssmc::rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

namespace {
/// Copies `count` values of type T out of unaligned bytes; one value is
/// repeated.
template <typename T, typename To>
void widen(ArrayRef<char> bytes, int64_t count, Buffer<To> &to) {
  bool splat = int64_t(bytes.size()) == int64_t(sizeof(T));
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + (splat ? 0 : i * sizeof(T)), sizeof(T));
    to[i] = To(value);
  }
}
} // namespace

/// Reads the bytes of a constant with a byte-sized element type.
static bool readBytes(ArrayRef<char> bytes, Type type, int64_t count,
                      Buffer<double> *floats, Buffer<int64_t> *integers) {
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  int64_t size = llvm::divideCeil(width, 8);
  if (int64_t(bytes.size()) != count * size && int64_t(bytes.size()) != size)
    return false;
  if (type.isF32()) {
    widen<float>(bytes, count, *floats);
    return true;
  }
  if (type.isF64()) {
    widen<double>(bytes, count, *floats);
    return true;
  }
  if (auto floatType = dyn_cast<FloatType>(type)) {
    Buffer<int64_t> bits(count);
    if (width == 16)
      widen<uint16_t>(bytes, count, bits);
    else if (width <= 8)
      widen<uint8_t>(bytes, count, bits);
    else
      return false;
    for (int64_t i = 0; i < count; ++i)
      (*floats)[i] = APFloat(floatType.getFloatSemantics(),
                             APInt(width, uint64_t(bits[i]), false, true))
                         .convertToDouble();
    return true;
  }
  if (size == 1)
    widen<int8_t>(bytes, count, *integers);
  else if (size == 2)
    widen<int16_t>(bytes, count, *integers);
  else if (size == 4)
    widen<int32_t>(bytes, count, *integers);
  else if (size == 8)
    widen<int64_t>(bytes, count, *integers);
  else
    return false;
  for (int64_t &value : *integers)
    value = wrapInteger(value, type);
  return true;
}

FailureOr<Tensor> Tensor::fromAttr(ElementsAttr attr) {
  ShapedType type = attr.getShapedType();
  Type element = type.getElementType();
  if (!element.isIntOrIndexOrFloat() || !fits(type.getShape()))
    return failure();
  Tensor result(element, type.getShape());
  int64_t count = result.getNumElements();
  if (count == 0)
    return result;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (element.isInteger(1)) {
      auto to = result.intBuffer->begin();
      for (bool value : dense.getValues<bool>())
        *to++ = value;
      return result;
    }
    if (!readBytes(dense.getRawData(), element, count, result.floatBuffer.get(),
                   result.intBuffer.get()))
      return failure();
    return result;
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || !readBytes(blob->getData(), element, count,
                            result.floatBuffer.get(), result.intBuffer.get()))
      return failure();
    return result;
  }
  return failure();
}

/// The bytes of `count` values, or of one where all are equal.
template <typename T, typename From>
static DenseElementsAttr narrow(RankedTensorType type,
                                const Buffer<From> &values) {
  std::vector<T> stored(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    stored[i] = T(values[i]);
  size_t kept = stored.size();
  if (kept > 1 && std::memcmp(stored.data(), stored.data() + 1,
                              (kept - 1) * sizeof(T)) == 0)
    kept = 1;
  return DenseElementsAttr::getFromRawBuffer(
      type, ArrayRef<char>(reinterpret_cast<const char *>(stored.data()),
                           kept * sizeof(T)));
}

ElementsAttr Tensor::toAttr() const {
  auto type = RankedTensorType::get(shape, elementType);
  if (elementType.isF32())
    return narrow<float>(type, *floatBuffer);
  if (elementType.isF64())
    return narrow<double>(type, *floatBuffer);
  if (auto floatType = dyn_cast<FloatType>(elementType)) {
    SmallVector<APFloat> values;
    for (double value : *floatBuffer) {
      APFloat &rounded = values.emplace_back(value);
      bool losesInfo;
      rounded.convert(floatType.getFloatSemantics(),
                      APFloat::rmNearestTiesToEven, &losesInfo);
    }
    return DenseElementsAttr::get(type, values);
  }
  if (elementType.isIndex() || elementType.getIntOrFloatBitWidth() == 64)
    return narrow<int64_t>(type, *intBuffer);
  unsigned width = elementType.getIntOrFloatBitWidth();
  if (width == 32)
    return narrow<int32_t>(type, *intBuffer);
  if (width == 16)
    return narrow<int16_t>(type, *intBuffer);
  if (width == 8)
    return narrow<int8_t>(type, *intBuffer);
  SmallVector<APInt> values;
  for (int64_t value : *intBuffer)
    values.emplace_back(width, uint64_t(value), /*isSigned=*/false,
                        /*implicitTrunc=*/true);
  return DenseElementsAttr::get(type, values);
}
