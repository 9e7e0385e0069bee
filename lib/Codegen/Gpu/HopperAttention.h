//===- HopperAttention.h - attention on Hopper's tensor cores ---*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/HopperBuilder.h"

namespace ssmc {

/// What the kernel of an op is made for; lengths and batch are arguments.
struct HopperAttention {
  mlir::Type element;         // of q, k, v and y
  int64_t keySize, valueSize; // N and P
  int64_t heads, keyHeads;    // J and G
  std::optional<int64_t> left, right;
  double scale, softcap;    // softcap 0: none
  mlir::Type slopes, sinks; // element types; null: none
  int64_t tileKeys;         // keys of one step
  static constexpr int64_t tileQueries = 128, stages = 2;

  /// The kernel's shape; none where the op is for others.
  static std::optional<HopperAttention> get(mlir::ssm::AttentionOp op);

  int64_t keyBoxes() const { return llvm::divideCeil(keySize, kBoxColumns); }
  int64_t valueBoxes() const {
    return llvm::divideCeil(valueSize, kBoxColumns);
  }
  int64_t queryBytes() const; // of a warp group's queries, and later outputs
  int64_t keyBytes() const { return keyBoxes() * tileKeys * kBoxRowBytes; }
  int64_t valueBytes() const { return valueBoxes() * tileKeys * kBoxRowBytes; }
  int64_t sharedBytes() const;
};

/// The kernel and the bytes of shared memory that it takes. Arguments: maps of
/// q, k, v and y; lse; slopes and sinks where there are any; i32 queries, keys,
/// tiles of queries, B * J; i64 strides of lse.
std::pair<mlir::SymbolRefAttr, int64_t>
emitHopperAttention(mlir::ssm::AttentionOp op, const HopperAttention &shape);

} // namespace ssmc
