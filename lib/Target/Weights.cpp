//===- Weights.cpp - the constants of a model -----------------------------===//
//
// A weight is cut into jobs of about 4 MiB, which threads write at their own
// offsets of the file. A plain weight goes from its mapping to the file in one
// system call; a packed one is laid out in a buffer of the job first.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Weights.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/xxhash.h"

#include <atomic>
#include <unistd.h>

using namespace mlir;
using namespace ssmc;

static constexpr int64_t kJobBytes = int64_t(1) << 22;

static int64_t elementBytes(Type type) {
  return type.isIndex() ? 8
         : type.isIntOrFloat()
             ? llvm::divideCeil(type.getIntOrFloatBitWidth(), 8)
             : 0;
}

static bool isHalf(Type type) { return type.isBF16() || type.isF16(); }

/// The bytes of a constant in row-major order, in place where they lie so.
static ArrayRef<char> rawBytes(ElementsAttr value, std::vector<char> &storage) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : ArrayRef<char>();
  }
  auto dense = dyn_cast<DenseIntOrFPElementsAttr>(value);
  if (!dense)
    return {};
  if (dense.getElementType().isInteger(1)) {
    for (bool element : dense.getValues<bool>())
      storage.push_back(element);
    return storage;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat())
    return raw;
  storage.reserve(raw.size() * dense.getNumElements());
  for (int64_t i = 0, e = dense.getNumElements(); i != e; ++i)
    llvm::append_range(storage, raw);
  return storage;
}

//===----------------------------------------------------------------------===//
// Reading the description
//===----------------------------------------------------------------------===//

static bool readPack(DictionaryAttr dict, ArrayRef<int64_t> source,
                     PackLayout &pack) {
  auto ints = [&](StringRef key) {
    auto attr = dict.getAs<DenseI64ArrayAttr>(key);
    return attr ? llvm::to_vector(attr.asArrayRef()) : SmallVector<int64_t>();
  };
  auto type = dict.getAs<TypeAttr>("type");
  auto shaped = type ? dyn_cast<ShapedType>(type.getValue()) : ShapedType();
  if (!shaped || !shaped.hasStaticShape())
    return false;
  pack.shape = llvm::to_vector(shaped.getShape());
  pack.element = shaped.getElementType();
  pack.innerDimsPos = ints("inner_dims_pos");
  pack.innerTiles = ints("inner_tiles");
  pack.outerDimsPerm = ints("outer_dims_perm");
  size_t rank = source.size();
  if (pack.outerDimsPerm.empty())
    for (size_t d = 0; d != rank; ++d)
      pack.outerDimsPerm.push_back(d);
  auto inRange = [&](int64_t d) { return d >= 0 && d < int64_t(rank); };
  return pack.innerDimsPos.size() == pack.innerTiles.size() &&
         pack.outerDimsPerm.size() == rank &&
         pack.shape.size() == rank + pack.innerTiles.size() &&
         llvm::all_of(pack.innerDimsPos, inRange) &&
         llvm::all_of(pack.outerDimsPerm, inRange);
}

static FailureOr<Weight> readWeight(ModuleOp module, Attribute attr) {
  auto dict = dyn_cast<DictionaryAttr>(attr);
  Weight weight;
  weight.value = dict ? dict.getAs<ElementsAttr>("value") : ElementsAttr();
  auto offset = dict ? dict.getAs<IntegerAttr>("offset") : IntegerAttr();
  auto bytes = dict ? dict.getAs<IntegerAttr>("bytes") : IntegerAttr();
  if (!weight.value || !offset || !bytes)
    return module.emitError("malformed entry of ssm.weights");
  weight.offset = offset.getInt();
  weight.bytes = bytes.getInt();

  auto type = cast<ShapedType>(weight.value.getType());
  int64_t size = elementBytes(type.getElementType());
  std::vector<char> storage;
  if (size == 0 || int64_t(rawBytes(weight.value, storage).size()) !=
                       type.getNumElements() * size)
    return module.emitError("a weight of type ")
           << type << " has no bytes that could be written";
  int64_t elements = type.getNumElements();
  if (auto how = dict.getAs<DictionaryAttr>("pack")) {
    weight.pack.emplace();
    if (!readPack(how, type.getShape(), *weight.pack))
      return module.emitError("malformed pack of a weight: ") << how;
    Type stored = weight.pack->element;
    if (stored != type.getElementType() &&
        !(type.getElementType().isF32() && isHalf(stored)))
      return module.emitError("a weight of type ")
             << type << " cannot be stored as " << stored;
    elements = ShapedType::getNumElements(weight.pack->shape);
    size = elementBytes(stored);
  }
  if (weight.bytes != elements * size)
    return module.emitError("a weight of type ")
           << type << " takes " << elements * size << " bytes, not "
           << weight.bytes;
  return weight;
}

FailureOr<WeightSection> ssmc::readWeightSection(ModuleOp module) {
  WeightSection section;
  if (auto bytes = module->getAttrOfType<IntegerAttr>("ssm.weights_bytes"))
    section.bytes = bytes.getInt();
  auto list = module->getAttrOfType<ArrayAttr>("ssm.weights");
  for (Attribute attr : list ? list.getValue() : ArrayRef<Attribute>()) {
    FailureOr<Weight> weight = readWeight(module, attr);
    if (failed(weight))
      return failure();
    if (weight->offset < 0 || weight->offset > section.bytes - weight->bytes)
      return module.emitError("a weight lies outside the weight section");
    section.weights.push_back(std::move(*weight));
  }
  return section;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {
/// Lays out a packed tensor. Each dimension of the result steps through one
/// dimension of the source; `at` is the index reached there so far.
class Packer {
public:
  Packer(const Weight &weight, const char *source, int64_t size)
      : source(source), size(size) {
    auto shape = cast<ShapedType>(weight.value.getType()).getShape();
    const PackLayout &pack = *weight.pack;
    extents = shape;
    at.assign(shape.size(), 0);
    SmallVector<int64_t> strides(shape.size(), size), tiles(shape.size(), 1);
    for (size_t d = shape.size(); d-- > 1;)
      strides[d - 1] = strides[d] * shape[d];
    for (auto [dim, tile] : llvm::zip(pack.innerDimsPos, pack.innerTiles))
      tiles[dim] = tile;
    for (int64_t dim : pack.outerDimsPerm)
      levels.push_back({dim, tiles[dim], strides[dim] * tiles[dim], 0, 0});
    for (int64_t dim : pack.innerDimsPos)
      levels.push_back({dim, 1, strides[dim], 0, 0});
    int64_t bytes = size;
    for (size_t i = levels.size(); i-- > 0; bytes *= pack.shape[i]) {
      levels[i].extent = pack.shape[i];
      levels[i].bytes = bytes;
    }
  }

  int64_t rowBytes() const { return levels.front().bytes; }
  /// Rows [begin, end) of the outermost dimension.
  void pack(int64_t begin, int64_t end, char *target) {
    run(0, begin, end, 0, target);
  }

private:
  struct Level {
    int64_t dim;           // of the source
    int64_t step;          // elements of `dim` per index
    int64_t stride;        // bytes of the source per index
    int64_t extent, bytes; // of the result: indices, and bytes per index
  };

  void run(size_t depth, int64_t begin, int64_t end, int64_t from,
           char *target) {
    const Level &level = levels[depth];
    // Indices beyond the source are padding.
    int64_t left = extents[level.dim] - at[level.dim];
    int64_t limit = std::clamp<int64_t>(
        llvm::divideCeil(std::max<int64_t>(left, 0), level.step), begin, end);
    if (depth + 1 == levels.size()) {
      copyRun(source + from + begin * level.stride, limit - begin, level.stride,
              target);
    } else {
      int64_t before = at[level.dim];
      for (int64_t i = begin; i != limit; ++i) {
        at[level.dim] = before + i * level.step;
        run(depth + 1, 0, levels[depth + 1].extent, from + i * level.stride,
            target + (i - begin) * level.bytes);
      }
      at[level.dim] = before;
    }
    std::memset(target + (limit - begin) * level.bytes, 0,
                (end - limit) * level.bytes);
  }

  void copyRun(const char *from, int64_t count, int64_t stride, char *to) {
    if (stride == size)
      return void(std::memcpy(to, from, count * size));
    if (size == 4)
      return copyStrided<4>(from, count, stride, to);
    for (int64_t i = 0; i != count; ++i)
      std::memcpy(to + i * size, from + i * stride, size);
  }
  template <int N>
  static void copyStrided(const char *from, int64_t count, int64_t stride,
                          char *to) {
    for (int64_t i = 0; i != count; ++i)
      std::memcpy(to + i * N, from + i * stride, N);
  }

  const char *source;
  int64_t size;
  SmallVector<Level> levels;
  ArrayRef<int64_t> extents;
  SmallVector<int64_t> at;
};

struct Job {
  const Weight *weight;
  int64_t begin, end; // bytes, or rows of a packed weight
};
} // namespace

static int writeAll(int file, const char *data, int64_t bytes, uint64_t at) {
  while (bytes > 0) {
    ssize_t written = ::pwrite(file, data, bytes, at);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return written < 0 ? errno : ENOSPC;
    data += written;
    bytes -= written;
    at += written;
  }
  return 0;
}

static uint16_t toBF16(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  if (value != value)
    return bits >> 16 | 0x40;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static uint16_t toF16(float value) {
  llvm::APFloat number(value);
  bool inexact;
  number.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
                 &inexact);
  return number.bitcastToAPInt().getZExtValue();
}

/// Rounds f32 elements to the nearest of a half precision, ties to even.
static std::vector<char> narrow(ArrayRef<char> wide, Type half) {
  std::vector<char> narrowed(wide.size() / 2);
  for (size_t i = 0; i != wide.size(); i += 4) {
    float value;
    std::memcpy(&value, wide.data() + i, 4);
    uint16_t bits = half.isBF16() ? toBF16(value) : toF16(value);
    std::memcpy(narrowed.data() + i / 2, &bits, 2);
  }
  return narrowed;
}

static int64_t sizeOf(const Weight &weight) {
  return elementBytes(
      cast<ShapedType>(weight.value.getType()).getElementType());
}

static int runJob(const Job &job, int file, uint64_t start) {
  const Weight &weight = *job.weight;
  std::vector<char> storage;
  ArrayRef<char> raw = rawBytes(weight.value, storage);
  start += weight.offset;
  if (!weight.pack)
    return writeAll(file, raw.data() + job.begin, job.end - job.begin,
                    start + job.begin);
  Packer packer(weight, raw.data(), sizeOf(weight));
  std::vector<char> buffer((job.end - job.begin) * packer.rowBytes());
  packer.pack(job.begin, job.end, buffer.data());
  int64_t rowBytes = packer.rowBytes();
  if (weight.pack->element !=
      cast<ShapedType>(weight.value.getType()).getElementType()) {
    buffer = narrow(buffer, weight.pack->element);
    rowBytes /= 2;
  }
  return writeAll(file, buffer.data(), buffer.size(),
                  start + job.begin * rowBytes);
}

int ssmc::writeWeightSection(const WeightSection &section, int file,
                             uint64_t start) {
  std::vector<Job> jobs;
  for (const Weight &weight : section.weights) {
    if (weight.bytes == 0)
      continue;
    int64_t end = weight.pack ? weight.pack->shape.front() : weight.bytes;
    int64_t rowBytes = weight.bytes / end;
    // Small constants that are not in place are expanded once, by one job.
    bool inPlace = isa<DenseResourceElementsAttr>(weight.value);
    int64_t step = inPlace ? std::max<int64_t>(kJobBytes / rowBytes, 1) : end;
    for (int64_t begin = 0; begin < end; begin += step)
      jobs.push_back({&weight, begin, std::min(begin + step, end)});
  }
  std::atomic<int> error = 0;
  llvm::parallelForEach(jobs, [&](const Job &job) {
    if (error != 0)
      return;
    if (int code = runJob(job, file, start))
      error = code;
  });
  return error;
}

uint64_t ssmc::hashWeightSection(const WeightSection &section) {
  std::vector<uint64_t> hashes(section.weights.size());
  llvm::parallelFor(0, hashes.size(), [&](size_t i) {
    std::vector<char> storage;
    ArrayRef<char> raw = rawBytes(section.weights[i].value, storage);
    hashes[i] = llvm::xxh3_64bits(
        ArrayRef(reinterpret_cast<const uint8_t *>(raw.data()), raw.size()));
  });
  for (const Weight &weight : section.weights) {
    hashes.push_back(weight.offset);
    hashes.push_back(weight.pack && weight.pack->element.isBF16());
  }
  return llvm::xxh3_64bits(
      ArrayRef(reinterpret_cast<const uint8_t *>(hashes.data()),
               hashes.size() * sizeof(uint64_t)));
}
