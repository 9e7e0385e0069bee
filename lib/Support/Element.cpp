//===- Element.cpp - the elements of NumPy's arrays as numbers ------------===//

#include "lib/Support/Npz.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"

#include <cstring>

using namespace llvm;
using namespace ssmc;

template <typename T>
static T load(const NpyArray &array, int64_t i) {
  T value;
  std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

static double loadHalf(const NpyArray &array, int64_t i,
                       const fltSemantics &semantics) {
  APInt bits(16, load<uint16_t>(array, i));
  return APFloat(semantics, bits).convertToDouble();
}

bool ssmc::isFloat(const NpyArray &array) {
  return is_contained({SSMRT_F32, SSMRT_F64, SSMRT_F16, SSMRT_BF16},
                      array.dtype);
}

double ssmc::floatAt(const NpyArray &array, int64_t i) {
  switch (array.dtype) {
  case SSMRT_F32:
    return load<float>(array, i);
  case SSMRT_F64:
    return load<double>(array, i);
  case SSMRT_F16:
    return loadHalf(array, i, APFloat::IEEEhalf());
  case SSMRT_BF16:
    return loadHalf(array, i, APFloat::BFloat());
  default:
    return double(integerAt(array, i));
  }
}

__int128 ssmc::integerAt(const NpyArray &array, int64_t i) {
  switch (array.dtype) {
  case SSMRT_BOOL:
  case SSMRT_U8:
    return load<uint8_t>(array, i);
  case SSMRT_I8:
    return load<int8_t>(array, i);
  case SSMRT_U16:
    return load<uint16_t>(array, i);
  case SSMRT_I16:
    return load<int16_t>(array, i);
  case SSMRT_U32:
    return load<uint32_t>(array, i);
  case SSMRT_I32:
    return load<int32_t>(array, i);
  case SSMRT_U64:
    return load<uint64_t>(array, i);
  case SSMRT_I64:
    return load<int64_t>(array, i);
  default:
    return 0;
  }
}
