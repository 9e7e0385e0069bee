//===- WireFormat.cpp - cuts tensors out of an ONNX file ------------------===//

#include "lib/Import/Onnx/WireFormat.h"

#include "lib/Import/Onnx/Limits.h"

#include "llvm/Support/Endian.h"

using namespace llvm;
using ssmc::Skeleton;

namespace {

/// The messages of onnx-ml.proto on a path to a tensor.
enum class Message { Model, Graph, Function, Node, Attribute, Tensor, Sparse };

/// What becomes of a field: copied, left out, walked as a message, or (raw_data
/// of a tensor) replaced by an index.
struct Rule {
  enum Action { Copy, Drop, Walk, Cut } action = Copy;
  Message message = Message::Model;
};

Rule walk(Message message) { return {Rule::Walk, message}; }
const Rule copyField{Rule::Copy, Message::Model};
const Rule dropField{Rule::Drop, Message::Model};
const Rule cutField{Rule::Cut, Message::Model};

/// Field numbers are those of onnx-ml.proto, the names are beside them.
Rule getRule(Message in, uint64_t field) {
  switch (in) {
  case Message::Model:
    if (field == 7)
      return walk(Message::Graph); // graph
    if (field == 25)
      return walk(Message::Function); // functions
    if (field == 6 || field == 14 || field == 20 || field == 26)
      return dropField; // doc_string, metadata, training, configuration
    return copyField;
  case Message::Graph:
    if (field == 1)
      return walk(Message::Node); // node
    if (field == 5)
      return walk(Message::Tensor); // initializer
    if (field == 15)
      return walk(Message::Sparse); // sparse_initializer
    if (field == 10 || field == 13 || field == 14 || field == 16)
      return dropField; // doc_string, value_info, quantization, metadata
    return copyField;
  case Message::Function:
    if (field == 7)
      return walk(Message::Node); // node
    if (field == 11)
      return walk(Message::Attribute); // attribute_proto
    if (field == 8 || field == 12 || field == 14)
      return dropField; // doc_string, value_info, metadata
    return copyField;
  case Message::Node:
    if (field == 5)
      return walk(Message::Attribute); // attribute
    if (field == 6 || field == 9 || field == 10)
      return dropField; // doc_string, metadata, device_configurations
    return copyField;
  case Message::Attribute:
    if (field == 5 || field == 10)
      return walk(Message::Tensor); // t, tensors
    if (field == 6 || field == 11)
      return walk(Message::Graph); // g, graphs
    if (field == 22 || field == 23)
      return walk(Message::Sparse); // sparse_tensor, sparse_tensors
    if (field == 13)
      return dropField; // doc_string
    return copyField;
  case Message::Tensor:
    if (field == 9)
      return cutField; // raw_data
    if (field == 12 || field == 16)
      return dropField; // doc_string, metadata
    return copyField;
  case Message::Sparse:
    if (field == 1 || field == 2)
      return walk(Message::Tensor); // values, indices
    return copyField;
  }
  return copyField;
}

class SkeletonWriter {
public:
  explicit SkeletonWriter(ArrayRef<char> file) : file(file) {}

  Error write(Message kind, size_t begin, size_t end, unsigned depth);
  Skeleton skeleton;

private:
  /// Reads a varint at `at` and advances it. False where it does not end
  /// before `end` or is longer than ten bytes.
  bool readVarint(size_t &at, size_t end, uint64_t &value);
  void writeVarint(uint64_t value);
  Error writeMessage(Rule rule, uint64_t tag, size_t begin, size_t end,
                     unsigned depth);
  Error tooLarge() {
    return createStringError("the model without its weights is larger than " +
                             Twine(ssmc::limits::kGraphBytes) + " bytes");
  }
  Error broken(size_t at, const Twine &what) {
    return createStringError("not an ONNX model, or damaged: at byte " +
                             Twine(at) + " " + what);
  }

  ArrayRef<char> file;
};

bool SkeletonWriter::readVarint(size_t &at, size_t end, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at == end)
      return false;
    uint8_t byte = file[at++];
    if (shift < 64)
      value |= uint64_t(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return false;
}

void SkeletonWriter::writeVarint(uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    skeleton.bytes.push_back(char(value | 0x80));
  skeleton.bytes.push_back(char(value));
}

Error SkeletonWriter::writeMessage(Rule rule, uint64_t tag, size_t begin,
                                   size_t end, unsigned depth) {
  if (rule.message == Message::Graph && ++depth > ssmc::limits::kSubgraphDepth)
    return createStringError("subgraphs are nested deeper than " +
                             Twine(ssmc::limits::kSubgraphDepth) +
                             " levels, which is more than this compiler reads");
  constexpr unsigned kLengthBytes = 5;
  writeVarint(tag);
  size_t lengthAt = skeleton.bytes.size();
  skeleton.bytes.append(kLengthBytes, '\0');
  if (Error error = write(rule.message, begin, end, depth))
    return error;
  uint64_t length = skeleton.bytes.size() - lengthAt - kLengthBytes;
  for (unsigned i = 0; i < kLengthBytes; ++i, length >>= 7)
    skeleton.bytes[lengthAt + i] =
        char((length & 0x7f) | (i + 1 < kLengthBytes ? 0x80 : 0));
  // Five bytes hold 35 bits.
  if (skeleton.bytes.size() > ssmc::limits::kGraphBytes)
    return tooLarge();
  return Error::success();
}

/// Recursion is bounded: messages contain each other only through graphs, whose
/// depth is counted.
Error SkeletonWriter::write(Message kind, size_t begin, size_t end,
                            unsigned depth) {
  for (size_t at = begin; at < end;) {
    size_t fieldBegin = at;
    uint64_t tag, value = 0;
    if (!readVarint(at, end, tag) || (tag >> 3) == 0 || tag > UINT32_MAX)
      return broken(fieldBegin, "there is no valid field");
    size_t payload = at;
    switch (tag & 7) {
    case 0:
      if (!readVarint(at, end, value))
        return broken(fieldBegin, "a number does not end");
      break;
    case 1:
    case 5: {
      size_t width = (tag & 7) == 1 ? 8 : 4;
      if (end - at < width)
        return broken(fieldBegin, "the file ends within a number");
      at += width;
      break;
    }
    case 2:
      if (!readVarint(at, end, value))
        return broken(fieldBegin, "a length does not end");
      if (value > end - at)
        return broken(fieldBegin, "a field claims " + Twine(value) +
                                      " bytes where " + Twine(end - at) +
                                      " are left: is the file truncated?");
      payload = at;
      at += value;
      break;
    default:
      return broken(fieldBegin, "there is a field of a type that ONNX does "
                                "not use");
    }
    // A field whose wire type is not the declared one is unknown to protobuf,
    // so it is copied, not walked.
    Rule rule = (tag & 7) == 2 ? getRule(kind, tag >> 3) : copyField;
    switch (rule.action) {
    case Rule::Copy:
      // Asked before the copy: a hole in a file may be larger than memory.
      if (skeleton.bytes.size() + (at - fieldBegin) > ssmc::limits::kGraphBytes)
        return tooLarge();
      skeleton.bytes.append(file.data() + fieldBegin, at - fieldBegin);
      break;
    case Rule::Drop:
      break;
    case Rule::Walk:
      if (Error error = writeMessage(rule, tag, payload, at, depth))
        return error;
      break;
    case Rule::Cut: {
      char index[4];
      support::endian::write32le(index, skeleton.payloads.size());
      skeleton.payloads.push_back(file.slice(payload, at - payload));
      writeVarint(tag);
      writeVarint(sizeof(index));
      skeleton.bytes.append(index, sizeof(index));
      break;
    }
    }
  }
  return Error::success();
}

} // namespace

Expected<ssmc::Skeleton> ssmc::readSkeleton(ArrayRef<char> file) {
  SkeletonWriter writer(file);
  if (Error error = writer.write(Message::Model, 0, file.size(), 0))
    return std::move(error);
  return std::move(writer.skeleton);
}
