//===- Compare.cpp - results against what is expected ---------------------===//

#include "lib/Support/Compare.h"

#include "lib/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace llvm;
using namespace ssmc;

static std::string formatIndex(int64_t i, ArrayRef<int64_t> shape) {
  SmallVector<std::string> index(shape.size());
  for (size_t d = shape.size(); d-- != 0;) {
    index[d] = std::to_string(i % shape[d]);
    i /= shape[d];
  }
  return "[" + join(index, ", ") + "]";
}

static double deviationAt(const NpyArray &actual, const NpyArray &expected,
                          int64_t i) {
  if (!isFloat(actual)) {
    __int128 difference = integerAt(actual, i) - integerAt(expected, i);
    return double(difference < 0 ? -difference : difference);
  }
  double a = floatAt(actual, i), e = floatAt(expected, i);
  if (a == e || (std::isnan(a) && std::isnan(e)))
    return 0;
  // A NaN or infinity on one side only is beyond any tolerance.
  double deviation = std::fabs(a - e);
  return std::isfinite(deviation) ? deviation : HUGE_VAL;
}

static constexpr double kRelative = 1e-4;

/// Below it a type loses digits: no relative tolerance holds there.
static double smallestNormal(ssmrt_dtype dtype) {
  switch (dtype) {
  case SSMRT_F16:
    return 0x1p-14;
  case SSMRT_F64:
    return 0x1p-1022;
  default:
    return 0x1p-126;
  }
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
  // NumPy has no bfloat16: expectations of it are kept as float32.
  bool wider = actual.dtype == SSMRT_BF16 && expected.dtype == SSMRT_F32;
  bool sameType = tolerance.anyWidth ? isFloat(actual) == isFloat(expected)
                                     : actual.dtype == expected.dtype || wider;
  if (!sameType)
    return runError("'" + name + "' is of type " + getDtypeName(actual.dtype) +
                    ", expected " + getDtypeName(expected.dtype));
  int64_t count = actual.getNumElements();
  double largest = smallestNormal(expected.dtype) / kRelative;
  for (int64_t i = 0; i != count; ++i)
    if (double e = std::fabs(floatAt(expected, i)); std::isfinite(e))
      largest = std::max(largest, e);
  bool exact = !isFloat(actual);
  double atol = tolerance.atol.value_or(exact ? 0 : kRelative * largest);
  double rtol = tolerance.rtol.value_or(0);

  double worst = -1;
  int64_t worstAt = 0, beyond = 0, firstBeyond = 0;
  for (int64_t i = 0; i != count; ++i) {
    double deviation = deviationAt(actual, expected, i);
    if (deviation == HUGE_VAL ||
        deviation > atol + rtol * std::fabs(floatAt(expected, i)))
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
       << format("%.9g", floatAt(actual, worstAt)) << ", expected "
       << format("%.9g", floatAt(expected, worstAt)) << ")";
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
