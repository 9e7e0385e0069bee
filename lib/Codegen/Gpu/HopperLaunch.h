//===- HopperLaunch.h - launches of kernels with tensor maps ----*- C++ -*-===//
//
// What the host does for a kernel of HopperBuilder.h: it describes buffers to
// the copy engine and passes them, pointers and numbers.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ssmc {

/// True where the copy engine can read and write this buffer of 16-bit floats:
/// elements of the last dimension are neighbours, and all other strides that
/// the type knows are multiples of 16 bytes.
bool canMap(mlir::Value buffer);
/// Whether a stride or the first element could still be badly aligned when the
/// program runs: the buffer is a view.
bool mayMisalign(mlir::Value buffer);

class HopperLaunch {
public:
  explicit HopperLaunch(mlir::Operation *op);

  mlir::ImplicitLocOpBuilder b;

  mlir::Value index(int64_t value);
  mlir::Value dim(mlir::Value buffer, int64_t dim);
  mlir::Value stride(mlir::Value buffer, int64_t dim);
  mlir::Value pointer(mlir::Value buffer);
  mlir::Value toI32(mlir::Value index);
  mlir::Value toI64(mlir::Value index);
  mlir::Value ceilDiv(mlir::Value a, int64_t by);
  /// i1: what `mayMisalign` asks is not so.
  mlir::Value isAligned(mlir::Value buffer);

  /// The map of a buffer with its dimensions in `order`, the innermost first;
  /// a copy moves a box of that many elements of each.
  mlir::Value map(mlir::Value buffer, llvm::ArrayRef<int64_t> order,
                  llvm::ArrayRef<int64_t> box);
  void launch(mlir::SymbolRefAttr kernel, mlir::Value blocks, int64_t threads,
              int64_t sharedBytes, mlir::ValueRange args);

private:
  mlir::Value onStack(int64_t bytes, int64_t alignment);

  mlir::Operation *op;
};

/// Replaces `op` by `emit`; where a buffer's alignment is only known when the
/// program runs, `op` stays for those that have none: then this is true.
bool replaceByLaunch(mlir::Operation *op, mlir::ValueRange mapped,
                     llvm::function_ref<void(HopperLaunch &)> emit);

} // namespace ssmc
