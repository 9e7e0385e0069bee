//===- Arguments.cpp - the arrays that the command line names -------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <random>
#include <unistd.h>

using namespace llvm;
using namespace ssmc;

namespace {
class UsageError : public ErrorInfo<UsageError, StringError> {
public:
  static char ID;
  using ErrorInfo<UsageError, StringError>::ErrorInfo;
};
} // namespace

char UsageError::ID;

Error ssmc::usageError(const Twine &message) {
  return make_error<UsageError>(message, inconvertibleErrorCode());
}

Error ssmc::runError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

bool ssmc::isUsageError(const Error &error) { return error.isA<UsageError>(); }

Expected<ValueArgument> ssmc::parseValueArgument(StringRef text) {
  ValueArgument argument;
  argument.text = text.str();
  StringRef rest = text;
  if (!text.starts_with("@")) {
    auto [name, value] = text.split('=');
    argument.name = name.str();
    rest = value;
  }
  if (rest.consume_front("random")) {
    argument.random = true;
    if (rest.empty() ||
        (rest.consume_front(":") && !rest.getAsInteger(10, argument.seed)))
      return argument;
  } else if (rest.consume_front("@") && !rest.empty()) {
    // The archive's name ends in .npz; what follows is a key.
    size_t key = rest.find(".npz:");
    if (key != StringRef::npos) {
      argument.key = rest.drop_front(key + 5).str();
      rest = rest.take_front(key + 4);
    }
    argument.file = rest.str();
    bool archive = rest.ends_with(".npz");
    if ((archive || rest.ends_with(".npy")) &&
        (archive || !argument.name.empty()) &&
        (argument.key.empty() || !argument.name.empty()))
      return argument;
  }
  return usageError("'" + text +
                    "' is not NAME=@FILE.npy, "
                    "NAME=@FILE.npz[:KEY], NAME=random[:SEED] or @FILE.npz");
}

static std::string listNames(ArrayRef<ssmrt_value_desc> values) {
  return join(map_range(values,
                        [](const ssmrt_value_desc &value) {
                          return std::string(value.name);
                        }),
              ", ");
}

Expected<const std::vector<NamedArray> *> ArraySource::archive(StringRef path) {
  auto known = archives.find(path);
  if (known != archives.end())
    return &known->second;
  Expected<std::vector<NamedArray>> arrays = readNpz(path);
  if (!arrays)
    return arrays.takeError();
  return &(archives[path] = std::move(*arrays));
}

Error ArraySource::add(const ValueArgument &argument,
                       ArrayRef<ssmrt_value_desc> values) {
  auto isValue = [&](StringRef name) {
    return any_of(values, [&](const ssmrt_value_desc &value) {
      return name == value.name;
    });
  };
  if (!argument.name.empty() && !isValue(argument.name))
    return usageError("the model has no '" + argument.name + "': it has " +
                      listNames(values));
  if (argument.random) {
    arrays[argument.name] = {std::nullopt, argument.seed};
    return Error::success();
  }
  if (StringRef(argument.file).ends_with(".npy")) {
    Expected<NpyArray> array = readNpy(argument.file);
    if (!array)
      return array.takeError();
    arrays[argument.name] = {std::move(*array), 0};
    return Error::success();
  }
  auto all = archive(argument.file);
  if (!all)
    return all.takeError();
  if (argument.name.empty()) {
    for (const NamedArray &named : **all)
      if (isValue(named.name))
        arrays[named.name] = {named.array, 0};
    return Error::success();
  }
  StringRef key = argument.key.empty() ? argument.name : argument.key;
  for (const NamedArray &named : **all) {
    if (named.name != key)
      continue;
    arrays[argument.name] = {named.array, 0};
    return Error::success();
  }
  return runError(
      argument.file + " has no array '" + key + "': it has " +
      join(map_range(**all, [](const NamedArray &named) { return named.name; }),
           ", "));
}

const NpyArray *ArraySource::find(StringRef name) const {
  auto given = arrays.find(name);
  return given != arrays.end() && given->second.array ? &*given->second.array
                                                      : nullptr;
}

Error ssmc::allocate(NpyArray &array, StringRef name) {
  int64_t bytes = getElementBytes(array.dtype);
  bool fits = true;
  for (int64_t extent : array.shape)
    fits &= !__builtin_mul_overflow(bytes, extent, &bytes);
  int64_t memory = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (!fits || bytes > memory)
    return runError("'" + name + "' of shape [" +
                    join(map_range(array.shape,
                                   [](int64_t d) { return itostr(d); }),
                         ", ") +
                    "] does not fit this machine's memory");
  array.bytes.resize(bytes);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Random arrays
//===----------------------------------------------------------------------===//

/// Floats are normal; integers are 0 to 7, small enough to be indices.
static void fillRandom(NpyArray &array, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  int64_t size = getElementBytes(array.dtype);
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

Expected<NpyArray> ArraySource::take(const ssmrt_value_desc &value,
                                     const StringMap<int64_t> &symbols) {
  auto given = arrays.find(value.name);
  if (given == arrays.end())
    return usageError(Twine("no --input for '") + value.name + "'");
  if (given->second.array)
    return std::move(*given->second.array);
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
  if (Error error = allocate(array, value.name))
    return error;
  fillRandom(array, given->second.seed);
  return array;
}
