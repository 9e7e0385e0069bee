//===- WireFormat.h - cuts tensors out of an ONNX file ----------*- C++ -*-===//
//
// Protobuf copies every `bytes` field: a model of 700 MB would be in memory
// twice before anything is known of it. So one pass over the wire format makes
// a skeleton of the model in which
//
//   * the bytes of each TensorProto.raw_data are replaced by the four bytes of
//     an index into a list of places in the file,
//   * documentation, metadata, value_info and training information are left
//     out (exporters write a page of Python trace for each node).
//
// All other fields are copied as they are. The length of a message that shrank
// is written in five bytes whatever its value, which protobuf accepts, so the
// skeleton is written front to back without a second pass.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace ssmc {

struct Skeleton {
  std::string bytes;
  /// raw_data by index: parts of the file.
  std::vector<llvm::ArrayRef<char>> payloads;
};

/// Fails, with a message that gives the offset, on anything that is not a whole
/// protobuf message, and where a limit is passed (see Limits.h).
llvm::Expected<Skeleton> readSkeleton(llvm::ArrayRef<char> file);

} // namespace ssmc
