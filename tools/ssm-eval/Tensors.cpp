//===- Tensors.cpp - NumPy's arrays as the evaluator's tensors ------------===//

#include "tools/ssm-eval/Tensors.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

#include <cstring>

using namespace llvm;
using namespace ssmc;

static mlir::Type elementTypeOf(ssmrt_dtype dtype, mlir::MLIRContext *context) {
  mlir::Builder b(context);
  switch (dtype) {
  case SSMRT_F16:
    return b.getF16Type();
  case SSMRT_BF16:
    return b.getBF16Type();
  case SSMRT_F32:
    return b.getF32Type();
  case SSMRT_F64:
    return b.getF64Type();
  case SSMRT_BOOL:
    return b.getI1Type();
  case SSMRT_U8:
  case SSMRT_U16:
  case SSMRT_U32:
  case SSMRT_U64:
    return b.getIntegerType(getElementBytes(dtype) * 8, /*isSigned=*/false);
  default:
    return b.getIntegerType(getElementBytes(dtype) * 8);
  }
}

Expected<Tensor> ssmc::toTensor(const NpyArray &array, mlir::Type type) {
  mlir::Type element = isa<mlir::ShapedType>(type)
                           ? mlir::getElementTypeOrSelf(type)
                           : elementTypeOf(array.dtype, type.getContext());
  if (!Tensor::fits(array.shape))
    return createStringError("has too many elements to be evaluated");
  if (!isa<mlir::FloatType, mlir::IntegerType>(element) ||
      isFloat(array) != isa<mlir::FloatType>(element)) {
    std::string text;
    raw_string_ostream(text) << element;
    return createStringError("is of type " + getDtypeName(array.dtype) +
                             ", expected " + text);
  }
  Tensor tensor(element, array.shape);
  if (tensor.isFloat())
    for (auto [i, value] : enumerate(tensor.mutableFloats()))
      value = floatAt(array, i);
  else
    for (auto [i, value] : enumerate(tensor.mutableInts()))
      value = wrapInteger(int64_t(integerAt(array, i)), element);
  return tensor;
}

template <typename T, typename From>
static void write(ArrayRef<From> from, ssmrt_dtype dtype, NpyArray &array) {
  array.dtype = dtype;
  array.bytes.resize(from.size() * sizeof(T));
  for (size_t i = 0; i < from.size(); ++i) {
    T value = T(from[i]);
    std::memcpy(array.bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

NpyArray ssmc::toArray(const Tensor &tensor) {
  NpyArray array;
  array.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  if (tensor.isFloat()) {
    write<double>(tensor.floats(), SSMRT_F64, array);
    return array;
  }
  mlir::Type type = tensor.getElementType();
  bool isUnsigned = type.isUnsignedInteger();
  ArrayRef<int64_t> ints = tensor.ints();
  switch (type.isIndex() ? 64 : type.getIntOrFloatBitWidth()) {
  case 1:
    write<uint8_t>(ints, SSMRT_BOOL, array);
    break;
  case 8:
    write<int8_t>(ints, isUnsigned ? SSMRT_U8 : SSMRT_I8, array);
    break;
  case 16:
    write<int16_t>(ints, isUnsigned ? SSMRT_U16 : SSMRT_I16, array);
    break;
  case 32:
    write<int32_t>(ints, isUnsigned ? SSMRT_U32 : SSMRT_I32, array);
    break;
  default:
    write<int64_t>(ints, isUnsigned ? SSMRT_U64 : SSMRT_I64, array);
  }
  return array;
}
