//===- MatrixProduct.h - matrix products on buffers -------------*- C++ -*-===//
//
//   out[b, m, n] = start + sum over k of left[b, m, k] * right[b, k, n]
//
// as a linalg.generic states it: each of b, m, n and k stands for any number of
// loops, and buffers have any strides. Loops of one iteration are left out.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Gpu/LaunchBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace ssmc {

using Loops = llvm::SmallVector<unsigned>;

/// A buffer of a linalg op, and which loops index it.
struct BufferOperand {
  mlir::Value memref;
  mlir::AffineMap map;
  mlir::MemRefType type() const {
    return llvm::cast<mlir::MemRefType>(memref.getType());
  }
  mlir::Type element() const { return type().getElementType(); }
  int64_t elementBytes() const { return element().getIntOrFloatBitWidth() / 8; }
  /// The dimension that a loop indexes, if it does.
  std::optional<unsigned> dimOf(unsigned loop) const;
  /// Elements from one iteration of a loop to the next; nothing where only a
  /// run knows.
  std::optional<int64_t> stride(unsigned loop) const;
  bool isContiguous(unsigned loop) const { return stride(loop) == 1; }

  /// Bytes from one iteration of a loop to the next.
  mlir::Value byteStride(LaunchBuilder &b, unsigned loop) const;
  mlir::Value base(LaunchBuilder &b) const { return b.addressOf(memref, {}); }
};

/// Loops of one linalg op, whose operands say how far they run.
class LoopNest {
public:
  explicit LoopNest(mlir::linalg::GenericOp op);
  mlir::linalg::GenericOp op;
  llvm::SmallVector<BufferOperand> operands;

  /// How often loops run together, if that is known.
  std::optional<int64_t> count(llvm::ArrayRef<unsigned> loops) const;
  mlir::Value count(LaunchBuilder &b, llvm::ArrayRef<unsigned> loops) const;
  /// Bytes from the first element of an operand to that of iteration `index` of
  /// some loops, which are counted together, the last one fastest, and are
  /// countable.
  mlir::Value offset(LaunchBuilder &b, const BufferOperand &operand,
                     llvm::ArrayRef<unsigned> loops, mlir::Value index) const;
  /// Whether vectors of `width` elements that lie along a loop are multiples of
  /// their size apart, as far as is known.
  bool canLoad(const BufferOperand &operand, unsigned loop,
               int64_t width) const;
  /// Whether a run finds them where such vectors may be. On the host.
  mlir::Value isAligned(LaunchBuilder &b, const BufferOperand &operand,
                        unsigned loop, int64_t width) const;
  /// True where all operands are indexed by loops alone, or by zero.
  bool isProjected() const;

private:
  mlir::Value extent(LaunchBuilder &b, unsigned loop) const;
  llvm::SmallVector<int64_t> extents;
};

struct MatrixProduct : LoopNest {
  BufferOperand left, right, out;
  Loops batch, m, n, k;

  /// The product that an op on buffers is, of floats that are summed in f32.
  static std::optional<MatrixProduct> get(mlir::linalg::GenericOp op);
  /// Whether batches, rows and columns are less than 2^31 each. On the host.
  mlir::Value isCountable(LaunchBuilder &b) const;
  /// The same with right and left exchanged.
  void transpose();

private:
  using LoopNest::LoopNest;
};

/// The fill right in front of an op that gives its only destination what it
/// begins with; null where there is none.
mlir::linalg::FillOp findStart(mlir::linalg::GenericOp op);

/// Kernels of linalg ops in the functions of kernels: `make` replaces an op by
/// launches, in a branch if need be, else by `leave`; false where it cannot.
/// The op and its fill are then gone.
using MakeLaunch = llvm::function_ref<bool(
    LaunchBuilder &b, mlir::linalg::GenericOp op, mlir::linalg::FillOp start,
    llvm::function_ref<void()> leave)>;
void launchGenerics(mlir::Operation *root, MakeLaunch make);

} // namespace ssmc
