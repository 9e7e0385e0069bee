//===- Inputs.cpp - the inputs of a run -----------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <random>
#include <unistd.h>

using namespace llvm;
using namespace ssmc;

void ssmc::allocate(NpyArray &array) {
  int64_t bytes = getElementBytes(array.dtype);
  for (int64_t extent : array.shape)
    bytes *= extent;
  array.bytes.resize(bytes);
}

Error ssmc::addBytes(const NpyArray &array, StringRef name, int64_t &total) {
  int64_t bytes = getElementBytes(array.dtype);
  bool fits = true;
  for (int64_t extent : array.shape)
    fits &= !__builtin_mul_overflow(bytes, extent, &bytes);
  fits = fits && !__builtin_add_overflow(total, bytes, &total);
  int64_t memory = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (fits && total <= memory)
    return Error::success();
  return runError(
      "'" + name + "' of shape [" +
      join(map_range(array.shape, [](int64_t d) { return itostr(d); }), ", ") +
      "] does not fit this machine's memory");
}

//===----------------------------------------------------------------------===//
// Random arrays
//===----------------------------------------------------------------------===//

/// Floats are normal; integers are 0 to 7, small enough to be indices.
void ssmc::fillRandom(NpyArray &array, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  int64_t size = getElementBytes(array.dtype);
  allocate(array);
  for (size_t at = 0; at != array.bytes.size(); at += size) {
    char *element = array.bytes.data() + at;
    auto put = [&](auto value) { std::memcpy(element, &value, sizeof(value)); };
    switch (array.dtype) {
    case SSMRT_F32:
      put(float(normal(generator)));
      break;
    case SSMRT_F64:
      put(normal(generator));
      break;
    case SSMRT_F16: // 1 to 2, by its bits
      put(uint16_t(0x3c00 | (generator() & 0x3ff)));
      break;
    case SSMRT_BF16:
      put(uint16_t(0x3f80 | (generator() & 0x7f)));
      break;
    case SSMRT_BOOL:
      put(uint8_t(generator() & 1));
      break;
    default: {
      uint64_t value = generator() & 7; // little endian
      std::memcpy(element, &value, size);
    }
    }
  }
}

Error ssmc::checkDims(const ArraySource &source, const ssmrt_value_desc &value,
                      const StringMap<int64_t> &dims) {
  const NpyArray *array = source.find(value.name);
  if (!array)
    return Error::success();
  for (auto [d, extent] : enumerate(array->shape)) {
    auto asked =
        d < size_t(value.rank) ? dims.find(value.dim_name[d]) : dims.end();
    if (asked != dims.end() && asked->second != extent)
      return usageError("--dim " + asked->first() + "=" + Twine(asked->second) +
                        ": dimension " + Twine(d) + " of input '" + value.name +
                        "' is given with " + Twine(extent));
  }
  return Error::success();
}

Expected<NpyArray> ssmc::takeInput(const ArraySource &source,
                                   const ssmrt_value_desc &value,
                                   const StringMap<int64_t> &symbols) {
  if (const NpyArray *array = source.find(value.name))
    return *array;
  std::optional<uint64_t> seed = source.findSeed(value.name);
  if (!seed)
    return usageError(Twine("no --input for '") + value.name + "'");
  NpyArray array;
  array.dtype = ssmrt_dtype(value.dtype);
  for (int32_t d = 0; d < value.rank; ++d) {
    StringRef name = value.dim_name[d];
    int64_t extent;
    auto symbol = symbols.find(name);
    if (symbol != symbols.end())
      extent = symbol->second;
    else if (name.getAsInteger(10, extent))
      return usageError(Twine("'") + value.name +
                        "' cannot be random: say how large '" + name +
                        "' is with --dim " + name + "=NUMBER");
    array.shape.push_back(extent);
  }
  return array;
}
