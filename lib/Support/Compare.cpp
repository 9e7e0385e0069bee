//===- Compare.cpp - results against what is expected ---------------------===//

#include "lib/Support/Compare.h"

#include "lib/Support/Arrays.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <cmath>
#include <cstring>

using namespace llvm;
using namespace ssmc;

template <typename T>
static double load(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return double(value);
}

static double loadHalf(const char *at, const fltSemantics &semantics) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return APFloat(semantics, APInt(16, bits)).convertToDouble();
}

/// Element `i` as a number.
static double elementAt(const NpyArray &array, int64_t i) {
  const char *at = array.bytes.data() + i * getElementBytes(array.dtype);
  switch (array.dtype) {
  case SSMRT_F32:
    return load<float>(at);
  case SSMRT_F64:
    return load<double>(at);
  case SSMRT_F16:
    return loadHalf(at, APFloat::IEEEhalf());
  case SSMRT_BF16:
    return loadHalf(at, APFloat::BFloat());
  case SSMRT_BOOL:
  case SSMRT_U8:
    return load<uint8_t>(at);
  case SSMRT_I8:
    return load<int8_t>(at);
  case SSMRT_U16:
    return load<uint16_t>(at);
  case SSMRT_I16:
    return load<int16_t>(at);
  case SSMRT_U32:
    return load<uint32_t>(at);
  case SSMRT_I32:
    return load<int32_t>(at);
  case SSMRT_U64:
    return load<uint64_t>(at);
  case SSMRT_I64:
    return load<int64_t>(at);
  }
  return 0;
}

static std::string formatIndex(int64_t i, ArrayRef<int64_t> shape) {
  SmallVector<std::string> index(shape.size());
  for (size_t d = shape.size(); d-- != 0;) {
    index[d] = std::to_string(i % shape[d]);
    i /= shape[d];
  }
  return "[" + join(index, ", ") + "]";
}

static bool isFloat(ssmrt_dtype dtype) {
  return is_contained({SSMRT_F32, SSMRT_F64, SSMRT_F16, SSMRT_BF16}, dtype);
}

/// Element `i` of an array of integers, which may have more digits than a
/// double.
static __int128 integerAt(const NpyArray &array, int64_t i) {
  if (array.dtype == SSMRT_I64 || array.dtype == SSMRT_U64) {
    uint64_t bits;
    std::memcpy(&bits, array.bytes.data() + i * sizeof(bits), sizeof(bits));
    return array.dtype == SSMRT_I64 ? __int128(int64_t(bits)) : __int128(bits);
  }
  return __int128(elementAt(array, i));
}

static double deviationAt(const NpyArray &actual, const NpyArray &expected,
                          int64_t i) {
  if (!isFloat(actual.dtype)) {
    __int128 difference = integerAt(actual, i) - integerAt(expected, i);
    return double(difference < 0 ? -difference : difference);
  }
  double a = elementAt(actual, i), e = elementAt(expected, i);
  if (a == e || (std::isnan(a) && std::isnan(e)))
    return 0;
  // A NaN or infinity on one side only is beyond any tolerance.
  double deviation = std::fabs(a - e);
  return std::isfinite(deviation) ? deviation : HUGE_VAL;
}

Expected<bool> ssmc::compareArrays(StringRef name, const NpyArray &actual,
                                   const NpyArray &expected,
                                   const Tolerance &tolerance,
                                   raw_ostream &os) {
  auto shape = [](const NpyArray &array) {
    return join(map_range(array.shape, [](int64_t d) { return utostr(d); }),
                ", ");
  };
  if (actual.shape != expected.shape)
    return runError("'" + name + "' has the shape [" + shape(actual) +
                    "], expected [" + shape(expected) + "]");
  if (isFloat(actual.dtype) != isFloat(expected.dtype))
    return runError("'" + name + "' is of type " + getDtypeName(actual.dtype) +
                    ", expected " + getDtypeName(expected.dtype));
  int64_t count = actual.getNumElements();
  double largest = 1;
  for (int64_t i = 0; i != count; ++i)
    if (double e = std::fabs(elementAt(expected, i)); std::isfinite(e))
      largest = std::max(largest, e);
  bool exact = !isFloat(actual.dtype);
  double atol = tolerance.atol.value_or(exact ? 0 : 1e-4 * largest);
  double rtol = tolerance.rtol.value_or(0);

  double worst = -1;
  int64_t worstAt = 0, beyond = 0, firstBeyond = 0;
  for (int64_t i = 0; i != count; ++i) {
    double deviation = deviationAt(actual, expected, i);
    if (deviation == HUGE_VAL ||
        deviation > atol + rtol * std::fabs(elementAt(expected, i)))
      if (beyond++ == 0)
        firstBeyond = i;
    if (deviation > worst) {
      worst = deviation;
      worstAt = i;
    }
  }
  os << name << ": largest deviation " << format("%.3e", std::max(worst, 0.0));
  if (count > 0)
    os << " at " << formatIndex(worstAt, actual.shape) << " ("
       << format("%.9g", elementAt(actual, worstAt)) << ", expected "
       << format("%.9g", elementAt(expected, worstAt)) << ")";
  os << ", tolerance " << format("%.3e", atol);
  if (rtol != 0)
    os << " + " << format("%.3e", rtol) << " |expected|";
  if (beyond)
    os << ": FAILED, " << beyond << " of " << count
       << " elements beyond it, the first at "
       << formatIndex(firstBeyond, actual.shape);
  os << "\n";
  return beyond == 0;
}
