//===- Zip.cpp - the part of the zip format that .npz uses ----------------===//

#include "lib/Support/Zip.h"

#include "lib/Support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <zlib.h>

using namespace llvm;
using namespace ssmc;

namespace {
constexpr uint32_t kLocalMagic = 0x04034b50, kCentralMagic = 0x02014b50,
                   kEndMagic = 0x06054b50, kEnd64Magic = 0x06064b50,
                   kLocator64Magic = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22,
                 kEnd64Bytes = 56, kLocator64Bytes = 20;
/// Deflate cannot expand a byte further than this.
constexpr uint64_t kMaxExpansion = 1032;

/// A window on the archive: reads beyond its end yield 0 and are remembered.
class Reader {
public:
  explicit Reader(StringRef data) : data(data) {}
  uint16_t u16(uint64_t at) { return read<uint16_t>(at); }
  uint32_t u32(uint64_t at) { return read<uint32_t>(at); }
  uint64_t u64(uint64_t at) { return read<uint64_t>(at); }
  StringRef slice(uint64_t at, uint64_t size) {
    if (at > data.size() || size > data.size() - at) {
      outOfBounds = true;
      return {};
    }
    return data.substr(at, size);
  }
  bool outOfBounds = false;

private:
  template <typename T>
  T read(uint64_t at) {
    StringRef bytes = slice(at, sizeof(T));
    return bytes.empty()
               ? T(0)
               : support::endian::read<T, endianness::little>(bytes.data());
  }
  StringRef data;
};

struct Directory {
  uint64_t count, offset;
};

/// What the central directory says of one entry.
struct Record {
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packedBytes, bytes, localOffset;
  StringRef name;
};
} // namespace

static Expected<Directory> findDirectory(StringRef contents) {
  // The end record is followed by a comment of at most 64 KiB.
  if (contents.size() < kEndBytes)
    return runError("not a zip archive: it is too short");
  size_t last = contents.size() - kEndBytes;
  size_t first = last > 0xffff ? last - 0xffff : 0;
  Reader reader(contents);
  for (size_t at = last + 1; at-- > first;) {
    if (reader.u32(at) != kEndMagic)
      continue;
    Directory directory = {reader.u16(at + 10), reader.u32(at + 16)};
    if (at >= kLocator64Bytes &&
        reader.u32(at - kLocator64Bytes) == kLocator64Magic) {
      uint64_t end64 = reader.u64(at - kLocator64Bytes + 8);
      if (reader.slice(end64, kEnd64Bytes).empty() ||
          reader.u32(end64) != kEnd64Magic)
        return runError("broken zip archive: bad 64-bit end record");
      directory = {reader.u64(end64 + 32), reader.u64(end64 + 48)};
    }
    return directory;
  }
  return runError("not a zip archive: it has no end record (truncated file?)");
}

/// Sizes that do not fit 32 bits stand in an extra field, in this order.
static void readExtra64(StringRef extra, Record &record) {
  Reader reader(extra);
  for (uint64_t at = 0; at + 4 <= extra.size();) {
    uint16_t tag = reader.u16(at), size = reader.u16(at + 2);
    at += 4;
    if (tag == 1) {
      uint64_t field = at;
      for (uint64_t *value :
           {&record.bytes, &record.packedBytes, &record.localOffset}) {
        if (*value == 0xffffffff && field + 8 <= at + size) {
          *value = reader.u64(field);
          field += 8;
        }
      }
      return;
    }
    at += size;
  }
}

static Error inflateRaw(StringRef packed, std::vector<char> &bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return runError("zlib does not start");
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(packed.data()));
  stream.next_out = reinterpret_cast<Bytef *>(bytes.data());
  uint64_t left = packed.size(), space = bytes.size();
  int code = Z_OK;
  while (code == Z_OK) {
    // zlib counts in 32 bits.
    uint32_t in = std::min<uint64_t>(left, 1u << 30);
    uint32_t out = std::min<uint64_t>(space, 1u << 30);
    stream.avail_in = in;
    stream.avail_out = out;
    code = inflate(&stream, Z_NO_FLUSH);
    left -= in - stream.avail_in;
    space -= out - stream.avail_out;
  }
  inflateEnd(&stream);
  if (code != Z_STREAM_END || space != 0)
    return runError("its compressed data is broken");
  return Error::success();
}

static Error unpackEntry(Reader &reader, const Record &record,
                         std::vector<char> &bytes) {
  if (record.flags & 1)
    return runError("it is encrypted");
  if (record.method != 0 && record.method != 8)
    return runError("compression method " + Twine(record.method) +
                    " is not supported (stored and deflated are)");
  uint64_t local = record.localOffset;
  if (reader.slice(local, kLocalBytes).empty() ||
      reader.u32(local) != kLocalMagic)
    return runError("its local header is broken");
  uint64_t start =
      local + kLocalBytes + reader.u16(local + 26) + reader.u16(local + 28);
  StringRef packed = reader.slice(start, record.packedBytes);
  if (packed.size() != record.packedBytes)
    return runError("it reaches beyond the end of the file");
  bool stored = record.method == 0;
  if (stored ? record.bytes != record.packedBytes
             : record.bytes / kMaxExpansion > record.packedBytes)
    return runError("it claims " + Twine(record.bytes) + " bytes in " +
                    Twine(record.packedBytes));
  bytes.resize(record.bytes);
  if (stored)
    llvm::copy(packed, bytes.begin());
  else if (Error error = inflateRaw(packed, bytes))
    return error;
  if (crc32(arrayRefFromStringRef(StringRef(bytes.data(), bytes.size()))) !=
      record.crc)
    return runError("its checksum does not match");
  return Error::success();
}

Expected<std::vector<ZipEntry>> ssmc::unpackZip(StringRef contents) {
  Expected<Directory> directory = findDirectory(contents);
  if (!directory)
    return directory.takeError();
  Reader reader(contents);
  std::vector<ZipEntry> entries;
  uint64_t at = directory->offset, total = 0;
  for (uint64_t i = 0; i != directory->count; ++i) {
    if (reader.u32(at) != kCentralMagic ||
        reader.slice(at, kCentralBytes).empty())
      return runError("broken zip archive: bad directory entry " + Twine(i));
    Record record = {reader.u16(at + 8),
                     reader.u16(at + 10),
                     reader.u32(at + 16),
                     reader.u32(at + 20),
                     reader.u32(at + 24),
                     reader.u32(at + 42),
                     {}};
    uint64_t nameBytes = reader.u16(at + 28), extraBytes = reader.u16(at + 30);
    record.name = reader.slice(at + kCentralBytes, nameBytes);
    readExtra64(reader.slice(at + kCentralBytes + nameBytes, extraBytes),
                record);
    if (reader.outOfBounds)
      return runError("broken zip archive: bad directory entry " + Twine(i));
    // Entries may share data, so their sum is bounded too.
    if (SaturatingAdd(total, record.bytes) / kMaxExpansion > contents.size())
      return runError(
          "broken zip archive: it unpacks to more than it can hold");
    total += record.bytes;
    entries.push_back({record.name.str(), {}});
    if (Error error = unpackEntry(reader, record, entries.back().bytes))
      return runError("entry '" + record.name +
                      "': " + toString(std::move(error)));
    at += kCentralBytes + nameBytes + extraBytes + reader.u16(at + 32);
  }
  return entries;
}

Expected<std::string> ssmc::packZip(ArrayRef<ZipEntry> entries) {
  constexpr uint64_t limit = 0xfffffffe;
  std::string archive, directory;
  raw_string_ostream out(archive), central(directory);
  support::endian::Writer local(out, endianness::little);
  support::endian::Writer record(central, endianness::little);
  for (const ZipEntry &entry : entries) {
    StringRef bytes(entry.bytes.data(), entry.bytes.size());
    if (bytes.size() > limit || archive.size() > limit ||
        entry.name.size() > 0xffff || entries.size() > 0xfffe)
      return runError("archives of more than 4 GiB are not written");
    uint32_t offset = archive.size();
    record.write<uint32_t>(kCentralMagic);
    record.write<uint16_t>(20); // made by
    local.write<uint32_t>(kLocalMagic);
    // Version, flags, method, time, date, CRC, sizes, name and extra lengths
    // stand in both headers alike. The date is 1980-01-01.
    for (auto *writer : {&local, &record}) {
      writer->write<uint16_t>({20, 0, 0, 0, 0x21});
      writer->write<uint32_t>(crc32(arrayRefFromStringRef(bytes)));
      writer->write<uint32_t>(bytes.size());
      writer->write<uint32_t>(bytes.size());
      writer->write<uint16_t>(entry.name.size());
      writer->write<uint16_t>(0);
    }
    record.write<uint16_t>({0, 0, 0}); // comment, disk, internal attributes
    record.write<uint32_t>(0);         // external attributes
    record.write<uint32_t>(offset);
    central << entry.name;
    out << entry.name << bytes;
  }
  uint64_t start = archive.size();
  if (start > limit || directory.size() > limit)
    return runError("archives of more than 4 GiB are not written");
  out << directory;
  local.write<uint32_t>(kEndMagic);
  local.write<uint16_t>({0, 0});
  local.write<uint16_t>(entries.size());
  local.write<uint16_t>(entries.size());
  local.write<uint32_t>(directory.size());
  local.write<uint32_t>(start);
  local.write<uint16_t>(0);
  return archive;
}
