//===- TensorData.cpp - the values of tensors -----------------------------===//
//
// A tensor's bytes are in one of three places: in raw_data (cut out of the
// skeleton, so still in the mapped file), in an external file (mapped too), or
// in a typed field, which protobuf has copied. Small tensors become `dense`
// attributes; large ones resources that point into the mapping.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/Importer.h"

#include "dialects/onnx/OnnxShape.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ssmc;

Type ssmc::importElementType(ImportState &state, Location loc,
                             const Twine &what, int32_t dataType) {
  MLIRContext *context = state.context;
  auto integer = [&](unsigned width, bool isUnsigned = false) {
    return IntegerType::get(context, width,
                            isUnsigned ? IntegerType::Unsigned
                                       : IntegerType::Signless);
  };
  using Data = proto::TensorProto;
  switch (dataType) {
  case Data::FLOAT:
    return Float32Type::get(context);
  case Data::DOUBLE:
    return Float64Type::get(context);
  case Data::FLOAT16:
    return Float16Type::get(context);
  case Data::BFLOAT16:
    return BFloat16Type::get(context);
  case Data::BOOL:
    return integer(1);
  case Data::INT8:
    return integer(8);
  case Data::INT16:
    return integer(16);
  case Data::INT32:
    return integer(32);
  case Data::INT64:
    return integer(64);
  case Data::UINT8:
    return integer(8, true);
  case Data::UINT16:
    return integer(16, true);
  case Data::UINT32:
    return integer(32, true);
  case Data::UINT64:
    return integer(64, true);
  }
  StringRef name = "a number that ONNX does not define";
  if (Data::DataType_IsValid(dataType))
    name = Data::DataType_Name(static_cast<Data::DataType>(dataType));
  emitError(loc) << what << " has the element type " << dataType << " (" << name
                 << "), which is not supported; export the model with floats "
                    "of 16, 32 or 64 bits and integers of 8 to 64";
  return {};
}

/// Bytes of one element in a file; a bool takes one.
static unsigned getElementBytes(Type type) {
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

/// Bytes that may stay where they are as long as `owner` lives; without an
/// owner they are `copied`.
struct TensorBytes {
  ArrayRef<char> bytes;
  std::shared_ptr<void> owner;
};

static InFlightDiagnostic wrongSize(Location loc, const Twine &what,
                                    RankedTensorType type) {
  InFlightDiagnostic diagnostic = emitError(loc);
  diagnostic << what << " has the type " << type << ", ";
  return diagnostic;
}

/// Makes little-endian elements of `width` bytes out of a typed field.
template <typename Field>
static std::shared_ptr<std::vector<char>> packField(const Field &field,
                                                    unsigned width) {
  auto packed = std::make_shared<std::vector<char>>(field.size() * width);
  char *out = packed->data();
  for (auto element : field) {
    std::memcpy(out, &element, width);
    out += width;
  }
  return packed;
}
static_assert(llvm::endianness::native == llvm::endianness::little,
              "tensors are stored in little-endian order");

/// Bytes from the typed fields: which one an element type uses is fixed by
/// onnx-ml.proto.
static FailureOr<TensorBytes> readTypedField(Location loc, const Twine &what,
                                             RankedTensorType type,
                                             const proto::TensorProto &tensor) {
  unsigned width = getElementBytes(type.getElementType());
  Type element = type.getElementType();
  std::shared_ptr<std::vector<char>> packed;
  if (element.isF32())
    packed = packField(tensor.float_data(), width);
  else if (element.isF64())
    packed = packField(tensor.double_data(), width);
  else if (element.isSignlessInteger(64))
    packed = packField(tensor.int64_data(), width);
  else if (element.isUnsignedInteger(32) || element.isUnsignedInteger(64))
    packed = packField(tensor.uint64_data(), width);
  else
    packed = packField(tensor.int32_data(), width);
  int64_t found = packed->size() / width;
  if (found != type.getNumElements())
    return wrongSize(loc, what, type)
           << "but " << found
           << " values are given; the file is damaged or its exporter faulty";
  return TensorBytes{*packed, packed};
}

static FailureOr<TensorBytes> readExternal(ImportState &state, Location loc,
                                           const Twine &what,
                                           RankedTensorType type, int64_t size,
                                           const proto::TensorProto &tensor) {
  std::string location;
  uint64_t offset = 0, length = size;
  for (const auto &entry : tensor.external_data()) {
    StringRef value = entry.value();
    if (entry.key() == "location") {
      location = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      uint64_t &number = entry.key() == "offset" ? offset : length;
      if (value.getAsInteger(10, number)) {
        emitError(loc) << what << ": the external data's " << entry.key()
                       << " '" << value << "' is not a number of bytes";
        return failure();
      }
    }
    // Others (a checksum, caches of runtimes) do not say where the bytes are.
  }
  if (location.empty()) {
    emitError(loc) << what << " is external but has no location";
    return failure();
  }
  auto file = state.external.open(location);
  if (!file) {
    emitError(loc) << what << ": the external data '" << location << "' "
                   << llvm::toString(file.takeError());
    return failure();
  }
  if (length != uint64_t(size))
    return wrongSize(loc, what, type)
           << "which takes " << size << " bytes, but its external data has "
           << length;
  uint64_t available = (*file)->getBytes().size();
  if (offset > available || length > available - offset) {
    emitError(loc) << what << ": the external data '" << location << "' has "
                   << available << " bytes, but " << length
                   << " are claimed from offset " << offset
                   << ": is the file truncated?";
    return failure();
  }
  return TensorBytes{(*file)->getBytes().slice(offset, length), *file};
}

static FailureOr<TensorBytes> readBytes(ImportState &state, Location loc,
                                        const Twine &what,
                                        RankedTensorType type, int64_t size,
                                        const proto::TensorProto &tensor) {
  if (tensor.has_segment()) {
    emitError(loc) << what << " is stored in segments, which is not supported";
    return failure();
  }
  if (tensor.data_location() == proto::TensorProto::EXTERNAL)
    return readExternal(state, loc, what, type, size, tensor);
  if (!tensor.has_raw_data())
    return readTypedField(loc, what, type, tensor);
  // The skeleton has an index in place of the bytes.
  const std::string &index = tensor.raw_data();
  if (index.size() != 4)
    return failure();
  uint32_t number = llvm::support::endian::read32le(index.data());
  if (number >= state.payloads.size())
    return failure();
  ArrayRef<char> bytes = state.payloads[number];
  if (int64_t(bytes.size()) != size)
    return wrongSize(loc, what, type)
           << "which takes " << size << " bytes, but " << bytes.size()
           << " are given; the file is damaged or its exporter faulty";
  return TensorBytes{bytes, state.mapping};
}

static ElementsAttr getDense(RankedTensorType type, ArrayRef<char> bytes) {
  if (bytes.empty())
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> bools(bytes.begin(), bytes.end());
    return DenseElementsAttr::get(type, bools);
  }
  // One element that stands for all is stored once.
  size_t width = getElementBytes(type.getElementType());
  bool splat = bytes.drop_front(width) == bytes.drop_back(width);
  // The file does not align what it holds.
  std::vector<char> aligned(bytes.begin(),
                            splat ? bytes.begin() + width : bytes.end());
  return DenseElementsAttr::getFromRawBuffer(type, aligned);
}

/// Every byte but 0 is true; code reads the lowest bit.
static TensorBytes normalizeBools(const TensorBytes &data) {
  if (llvm::all_of(data.bytes, [](char c) { return c == 0 || c == 1; }))
    return data;
  auto bools = std::make_shared<std::vector<char>>();
  for (char c : data.bytes)
    bools->push_back(c != 0);
  return TensorBytes{*bools, bools};
}

ElementsAttr ssmc::importTensor(ImportState &state, Location loc,
                                const Twine &what, StringRef key,
                                const proto::TensorProto &tensor) {
  Type element = importElementType(state, loc, what, tensor.data_type());
  if (!element)
    return {};
  SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  // A file's extents are numbers: the one that stands for dynamic is negative.
  llvm::replace(shape, ShapedType::kDynamic, int64_t(-1));
  if (auto message = mlir::onnx::checkLimits(element, shape)) {
    emitError(loc) << what << " " << *message;
    return {};
  }
  int64_t size = getElementBytes(element) * ShapedType::getNumElements(shape);
  auto type = RankedTensorType::get(shape, element);
  FailureOr<TensorBytes> data = readBytes(state, loc, what, type, size, tensor);
  if (failed(data))
    return {};
  if (element.isInteger(1))
    data = normalizeBools(*data);
  if (size <= mlir::onnx::kInlineBytes)
    return getDense(type, data->bytes);
  unsigned &uses = state.resourceKeys[key];
  std::string unique = key.str() + (uses ? "_" + std::to_string(uses) : "");
  ++uses;
  // The blob owns its mapping or buffer. Its bytes lie as the file has them:
  // readers must not rely on any alignment.
  auto blob = UnmanagedAsmResourceBlob::allocateWithAlign(
      data->bytes, /*align=*/1,
      [owner = data->owner](void *, size_t, size_t) mutable { owner.reset(); });
  return DenseResourceElementsAttr::get(type, unique, std::move(blob));
}
