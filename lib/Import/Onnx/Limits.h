//===- Limits.h - what the importer refuses for its size --------*- C++ -*-===//
//
// Models come nowhere near these numbers; a file that passes one is damaged or
// hostile. They bound recursion and what is made from a few bytes of a file, so
// they are no options. docs/limits.md lists them. What a tensor
// may be stands in dialects/onnx/OnnxShape.h, for nodes make tensors too.
//
//===----------------------------------------------------------------------===//

#pragma once

#include <cstdint>

namespace ssmc::limits {

/// Graphs in attributes of nodes of graphs in attributes ...
inline constexpr unsigned kSubgraphDepth = 32;
/// Model-local functions that call each other.
inline constexpr unsigned kCallDepth = 64;
/// Nodes after the bodies of functions have been put in place of their calls.
inline constexpr uint64_t kInlinedNodes = uint64_t(1) << 20;
/// Their names, in bytes: each begins with those of the calls around it.
inline constexpr uint64_t kInlinedNames = uint64_t(1) << 28;
/// Names and numbers in one extent, such as `past + seq`.
inline constexpr unsigned kExtentTerms = 64;
/// The product of all numbers in one extent.
inline constexpr double kExtentProduct = 1e15;
/// The model without the bytes of its weights: what protobuf can read.
inline constexpr uint64_t kGraphBytes = INT32_MAX;

} // namespace ssmc::limits
