//===- Npz.cpp - NumPy's .npy and .npz files ------------------------------===//

#include "lib/Support/Npz.h"

#include "lib/Support/Error.h"
#include "lib/Support/Zip.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

using namespace llvm;
using namespace ssmc;

namespace {
struct DtypeRow {
  ssmrt_dtype dtype;
  int bytes;
  StringLiteral descr; // in a .npy header, without the byte order
  StringLiteral name;
};
constexpr StringLiteral kMagic("\x93NUMPY");
constexpr size_t kMaxRank = 32;
} // namespace

static constexpr DtypeRow kDtypes[] = {
    {SSMRT_F32, 4, "f4", "float32"}, {SSMRT_U8, 1, "u1", "uint8"},
    {SSMRT_I8, 1, "i1", "int8"},     {SSMRT_U16, 2, "u2", "uint16"},
    {SSMRT_I16, 2, "i2", "int16"},   {SSMRT_I32, 4, "i4", "int32"},
    {SSMRT_I64, 8, "i8", "int64"},   {SSMRT_BOOL, 1, "b1", "bool"},
    {SSMRT_F16, 2, "f2", "float16"}, {SSMRT_F64, 8, "f8", "float64"},
    {SSMRT_U32, 4, "u4", "uint32"},  {SSMRT_U64, 8, "u8", "uint64"},
    {SSMRT_BF16, 2, "", "bfloat16"},
};

static const DtypeRow *findDtype(int32_t dtype) {
  for (const DtypeRow &row : kDtypes)
    if (row.dtype == dtype)
      return &row;
  return nullptr;
}

int64_t ssmc::getElementBytes(int32_t dtype) {
  const DtypeRow *row = findDtype(dtype);
  return row ? row->bytes : 0;
}

StringRef ssmc::getDtypeName(int32_t dtype) {
  const DtypeRow *row = findDtype(dtype);
  return row ? StringRef(row->name) : "unknown type";
}

int64_t NpyArray::getNumElements() const {
  return bytes.size() / getElementBytes(dtype);
}

//===----------------------------------------------------------------------===//
// The header: a Python dictionary with the keys descr, fortran_order, shape
//===----------------------------------------------------------------------===//

namespace {
struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortranOrder;
  std::optional<SmallVector<int64_t>> shape;
};

class HeaderParser {
public:
  explicit HeaderParser(StringRef text) : text(text) {}
  bool parse(Header &header);

private:
  bool accept(StringRef token) {
    text = text.ltrim();
    return text.consume_front(token);
  }
  std::optional<StringRef> string();
  std::optional<bool> boolean();
  std::optional<SmallVector<int64_t>> tuple();

  StringRef text;
};
} // namespace

std::optional<StringRef> HeaderParser::string() {
  text = text.ltrim();
  if (text.empty() || (text.front() != '\'' && text.front() != '"'))
    return std::nullopt;
  size_t end = text.find(text.front(), 1);
  if (end == StringRef::npos)
    return std::nullopt;
  StringRef value = text.slice(1, end);
  text = text.drop_front(end + 1);
  return value;
}

std::optional<bool> HeaderParser::boolean() {
  if (accept("True"))
    return true;
  if (accept("False"))
    return false;
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> HeaderParser::tuple() {
  SmallVector<int64_t> values;
  if (!accept("("))
    return std::nullopt;
  while (!accept(")")) {
    int64_t value;
    text = text.ltrim();
    if (text.consumeInteger(10, value) || value < 0)
      return std::nullopt;
    (void)text.consume_front("L"); // Python 2 wrote long integers so
    values.push_back(value);
    if (accept(","))
      continue;
    if (!accept(")"))
      return std::nullopt;
    break;
  }
  return values;
}

bool HeaderParser::parse(Header &header) {
  if (!accept("{"))
    return false;
  while (!accept("}")) {
    std::optional<StringRef> key = string();
    if (!key || !accept(":"))
      return false;
    if (*key == "descr") {
      std::optional<StringRef> value = string();
      if (!value)
        return false;
      header.descr = value->str();
    } else if (*key == "fortran_order") {
      if (!(header.fortranOrder = boolean()))
        return false;
    } else if (*key == "shape") {
      if (!(header.shape = tuple()))
        return false;
    } else {
      return false;
    }
    if (!accept(",") && !text.ltrim().starts_with("}"))
      return false;
  }
  return header.descr && header.fortranOrder && header.shape &&
         text.trim().empty();
}

static const DtypeRow *findDescr(StringRef descr) {
  if (descr.size() != 3)
    return nullptr;
  for (const DtypeRow &row : kDtypes) {
    if (row.descr.empty() || row.descr != descr.drop_front())
      continue;
    bool ordered = descr[0] == '<' || descr[0] == '=';
    return ordered || (descr[0] == '|' && row.bytes == 1) ||
                   (descr[0] == '>' && row.bytes == 1)
               ? &row
               : nullptr;
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Copies column-major `source` to row-major `target`.
static void reorderFortran(StringRef source, ArrayRef<int64_t> shape,
                           int64_t elementBytes, char *target) {
  // Of nothing, the strides may be more than 64 bits hold.
  if (source.empty())
    return;
  SmallVector<int64_t> index(shape.size()), strides(shape.size());
  int64_t stride = elementBytes;
  for (auto [extent, result] : zip(shape, strides)) {
    result = stride;
    stride *= extent;
  }
  int64_t offset = 0;
  for (size_t done = 0; done != source.size(); done += elementBytes) {
    memcpy(target + done, source.data() + offset, elementBytes);
    for (size_t d = shape.size(); d-- != 0;) {
      offset += strides[d];
      if (++index[d] < shape[d])
        break;
      offset -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

Expected<NpyArray> ssmc::parseNpy(StringRef contents) {
  if (contents.size() < 10 || !contents.starts_with(kMagic))
    return runError("not a .npy file");
  uint8_t version = contents[6];
  if (version < 1 || version > 3)
    return runError("version " + Twine(unsigned(version)) +
                    " of the .npy format is not supported (1, 2 and 3 are)");
  size_t lengthBytes = version == 1 ? 2 : 4;
  if (contents.size() < 8 + lengthBytes)
    return runError("truncated .npy header");
  uint64_t headerBytes = version == 1
                             ? support::endian::read16le(contents.data() + 8)
                             : support::endian::read32le(contents.data() + 8);
  StringRef rest = contents.drop_front(8 + lengthBytes);
  if (headerBytes > rest.size())
    return runError("truncated .npy header");
  Header header;
  if (!HeaderParser(rest.take_front(headerBytes)).parse(header))
    return runError("malformed .npy header (arrays of numbers are supported, "
                    "structured ones are not)");
  StringRef data = rest.drop_front(headerBytes);

  const DtypeRow *row = findDescr(*header.descr);
  if (!row)
    return runError("element type '" + *header.descr +
                    "' is not supported: use a little-endian float16, float32, "
                    "float64, integer or bool array");
  if (header.shape->size() > kMaxRank)
    return runError("rank " + Twine(header.shape->size()) +
                    " is more than the supported " + Twine(kMaxRank));
  uint64_t bytes = row->bytes;
  // An extent of 0 makes the size 0 whatever the others are.
  bool empty = is_contained(*header.shape, 0);
  for (int64_t extent : *header.shape)
    if (!empty && MulOverflow<int64_t>(bytes, extent, (int64_t &)bytes))
      return runError("the shape in the .npy header is too large");
  if (empty)
    bytes = 0;
  if (bytes != data.size())
    return runError("the .npy header promises " + Twine(bytes) +
                    " bytes of data, the file has " + Twine(data.size()));

  NpyArray array{row->dtype, *header.shape, std::vector<char>(bytes)};
  if (*header.fortranOrder && header.shape->size() > 1)
    reorderFortran(data, array.shape, row->bytes, array.bytes.data());
  else
    copy(data, array.bytes.begin());
  // Any byte but 0 counts as true; what comes after expects 1.
  if (row->dtype == SSMRT_BOOL)
    for (char &byte : array.bytes)
      byte = byte != 0;
  return array;
}

Expected<std::vector<NamedArray>> ssmc::parseNpz(StringRef contents) {
  Expected<std::vector<ZipEntry>> entries = unpackZip(contents);
  if (!entries)
    return entries.takeError();
  std::vector<NamedArray> arrays;
  for (ZipEntry &entry : *entries) {
    StringRef name = entry.name;
    if (!name.consume_back(".npy"))
      return runError("entry '" + name + "' is not a .npy file");
    Expected<NpyArray> array =
        parseNpy(StringRef(entry.bytes.data(), entry.bytes.size()));
    if (!array)
      return runError("entry '" + name + "': " + toString(array.takeError()));
    arrays.push_back({name.str(), std::move(*array)});
    entry.bytes = {};
  }
  return arrays;
}

template <typename T>
static Expected<T> readWith(StringRef path, Expected<T> (*parse)(StringRef)) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(buffer.getError(),
                             path + ": " + buffer.getError().message());
  Expected<T> result = parse((*buffer)->getBuffer());
  if (!result)
    return runError(path + ": " + toString(result.takeError()));
  return result;
}

Expected<NpyArray> ssmc::readNpy(StringRef path) {
  return readWith<NpyArray>(path, parseNpy);
}

Expected<std::vector<NamedArray>> ssmc::readNpz(StringRef path) {
  return readWith<std::vector<NamedArray>>(path, parseNpz);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Expected<std::vector<char>> formatNpy(const NpyArray &array) {
  const DtypeRow *row = findDtype(array.dtype);
  if (!row || row->descr.empty())
    return runError("NumPy has no element type " + getDtypeName(array.dtype));
  std::string text;
  raw_string_ostream os(text);
  os << "{'descr': '" << (row->bytes == 1 ? '|' : '<') << row->descr
     << "', 'fortran_order': False, 'shape': (";
  interleave(array.shape, os, ", ");
  os << (array.shape.size() == 1 ? ",), }" : "), }");
  // Header and prefix together are a multiple of 64 bytes, newline included.
  size_t headerBytes = alignTo(10 + text.size() + 1, 64) - 10;
  text.append(headerBytes - 1 - text.size(), ' ');
  text += '\n';
  char prefix[] = {1, 0, char(headerBytes & 255), char(headerBytes >> 8)};
  std::vector<char> bytes(kMagic.begin(), kMagic.end());
  append_range(bytes, prefix);
  append_range(bytes, text);
  append_range(bytes, array.bytes);
  return bytes;
}

static Error writeBytes(StringRef path, StringRef bytes) {
  Error error = writeToOutput(path, [&](raw_ostream &os) {
    os << bytes;
    os.flush();
    // A full disk: a stream with an error that nobody has asked for aborts.
    auto &file = static_cast<raw_fd_ostream &>(os);
    std::error_code error = file.error();
    file.clear_error();
    return errorCodeToError(error);
  });
  if (error)
    return runError(path + ": " + toString(std::move(error)));
  return Error::success();
}

Error ssmc::writeNpy(StringRef path, const NpyArray &array) {
  Expected<std::vector<char>> bytes = formatNpy(array);
  if (!bytes)
    return runError(path + ": " + toString(bytes.takeError()));
  return writeBytes(path, StringRef(bytes->data(), bytes->size()));
}

Error ssmc::writeNpz(StringRef path, ArrayRef<NamedArray> arrays) {
  std::vector<ZipEntry> entries;
  for (const NamedArray &named : arrays) {
    Expected<std::vector<char>> bytes = formatNpy(named.array);
    if (!bytes)
      return runError(path + ": " + named.name + ": " +
                      toString(bytes.takeError()));
    entries.push_back({named.name + ".npy", std::move(*bytes)});
  }
  Expected<std::string> archive = packZip(entries);
  if (!archive)
    return runError(path + ": " + toString(archive.takeError()));
  return writeBytes(path, *archive);
}
