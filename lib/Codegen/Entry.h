//===- Entry.h - the run-time form of an entry ------------------*- C++ -*-===//
//
// What the passes after `ssm-lower-entries` agree on: names, the arguments of
// `ssm_E_run`, and how a raw pointer becomes a buffer.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace ssmc {

/// Arguments of `ssm_E_run`, all of them `!llvm.ptr`.
enum EntryArg : unsigned {
  kSymbols,
  kInputs,
  kOutputs,
  kWorkspace,
  kWeights,
  kContext,
  kNumEntryArgs
};

/// On `ssm_E_run`: the name of the entry.
inline constexpr llvm::StringLiteral kEntryAttr = "ssm.entry";
/// On a kernel, a private function whose first argument is the context.
inline constexpr llvm::StringLiteral kKernelAttr = "ssm.kernel";
inline constexpr llvm::StringLiteral kSignatureAttr = "ssm.signature";
inline constexpr llvm::StringLiteral kEntriesAttr = "ssm.entries";
inline constexpr llvm::StringLiteral kWeightsAttr = "ssm.weights";
inline constexpr llvm::StringLiteral kWeightsBytesAttr = "ssm.weights_bytes";
/// Alignment of every weight and every buffer of the workspace.
inline constexpr int64_t kAlignment = 64;

/// The `ssm_E_run` functions of a module, after `ssm-lower-entries`.
llvm::SmallVector<mlir::func::FuncOp> entries(mlir::ModuleOp module);

/// The run's context in an entry or kernel; null in other functions.
mlir::Value contextOf(mlir::func::FuncOp func);

/// `memref<?xi8>` at `pointer`. The LLVM ops that build the descriptor are
/// joined to the buffer by a cast, which disappears in the lowering to LLVM.
mlir::Value bytesAt(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value pointer);

/// `memref` of that type (identity layout) at byte `offset` of `bytes`.
mlir::Value viewOf(mlir::OpBuilder &builder, mlir::Location loc,
                   mlir::Value bytes, mlir::Value offset, mlir::MemRefType type,
                   mlir::ValueRange sizes);

/// Bytes of one element: i1 takes one.
int64_t elementBytes(mlir::Type elementType);

/// Buffers of more bytes than this are refused. With it no sum of their sizes
/// overflows.
inline constexpr int64_t kMaxBufferBytes = int64_t(1) << 48;

/// Bytes of a buffer, its dynamic extents taken for 1. Nothing where they are
/// too many.
std::optional<int64_t> fixedBytes(mlir::MemRefType type);

/// Bytes of a buffer with these dynamic extents, at the builder. The static
/// ones must not be too many (see `fixedBytes`).
mlir::Value bytesOf(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::MemRefType type, mlir::ValueRange sizes);

/// The same where extents may be too large or negative: `kTooLarge` or
/// `kNegative` instead.
enum : int64_t { kTooLarge = -1, kNegative = -2 };
mlir::Value checkedBytesOf(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::MemRefType type, mlir::ValueRange sizes);

/// Declares `name` once as a private function of the module.
mlir::func::FuncOp declareRuntime(mlir::ModuleOp module, llvm::StringRef name,
                                  mlir::FunctionType type);

} // namespace ssmc
