//===- LaunchBuilder.h - what kernels are written with ----------*- C++ -*-===//
//
// Short names for what the bodies of launches are made of: index arithmetic
// that folds, loads that extend and stores that round narrow floats, addresses,
// and functions of the special function unit.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ssmc {

class LaunchBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  LaunchBuilder(mlir::Location loc, mlir::OpBuilder &builder)
      : ImplicitLocOpBuilder(loc, builder) {}

  // Index arithmetic.
  Value idx(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(*this, value);
  }
  Value add(Value a, Value b) {
    return createOrFold<mlir::arith::AddIOp>(a, b);
  }
  Value add(Value a, int64_t b) { return b ? add(a, idx(b)) : a; }
  Value sub(Value a, Value b) {
    return createOrFold<mlir::arith::SubIOp>(a, b);
  }
  Value mul(Value a, Value b) {
    return createOrFold<mlir::arith::MulIOp>(a, b);
  }
  Value mul(Value a, int64_t b) { return mul(a, idx(b)); }
  Value div(Value a, Value b) {
    return createOrFold<mlir::arith::DivUIOp>(a, b);
  }
  Value div(Value a, int64_t b) { return div(a, idx(b)); }
  Value rem(Value a, int64_t b) {
    return createOrFold<mlir::arith::RemUIOp>(a, idx(b));
  }
  Value rem(Value a, Value b) {
    return createOrFold<mlir::arith::RemUIOp>(a, b);
  }
  /// a / b and a % b of numbers below 2^31, by instructions of 32 bits.
  std::pair<Value, Value> divideSmall(Value a, Value b);
  Value ceilDiv(Value a, Value b) { return div(add(sub(a, idx(1)), b), b); }
  Value ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
  Value min(Value a, Value b) {
    return createOrFold<mlir::arith::MinSIOp>(a, b);
  }
  Value max(Value a, Value b) {
    return createOrFold<mlir::arith::MaxSIOp>(a, b);
  }
  Value less(Value a, Value b) {
    return createOrFold<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::slt, a,
                                             b);
  }
  Value equal(Value a, Value b) {
    return createOrFold<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::eq, a,
                                             b);
  }
  Value both(Value a, Value b) {
    return createOrFold<mlir::arith::AndIOp>(a, b);
  }
  Value isTrue(bool value) {
    return mlir::arith::ConstantIntOp::create(*this, getI1Type(), value);
  }
  Value select(Value condition, Value a, Value b) {
    return createOrFold<mlir::arith::SelectOp>(condition, a, b);
  }
  /// The extent of a dimension, a constant where the type knows it.
  Value dim(Value memref, int64_t dim);

  // Floating point of f32, scalars or vectors. Products may be contracted.
  Value real(double value, mlir::Type type = {});
  Value fmul(Value a, Value b);
  Value fadd(Value a, Value b);
  Value fma(Value a, Value b, Value c) { return fadd(fmul(a, b), c); }
  Value isBelow(Value a, Value b) {
    return mlir::arith::CmpFOp::create(*this, mlir::arith::CmpFPredicate::OLT,
                                       a, b);
  }
  Value neg(Value a) { return mlir::arith::NegFOp::create(*this, a); }
  /// 2^x, log2 x and 1/x of the special function unit, to 2 ulp.
  Value exp2(Value x);
  Value log2(Value x);
  Value reciprocal(Value x);
  /// x / (1 + e^-x)
  Value silu(Value x);
  /// A float or vector of floats as f32, and back.
  Value widen(Value value);
  Value narrow(Value value, mlir::Type element);
  Value load(Value memref, mlir::ValueRange indices) {
    return widen(mlir::memref::LoadOp::create(*this, memref, indices));
  }
  void store(Value value, Value memref, mlir::ValueRange indices);

  // Control.
  using LoopBody = llvm::function_ref<llvm::SmallVector<Value>(
      Value index, mlir::ValueRange carried)>;
  mlir::ValueRange loop(Value from, Value to, int64_t step,
                        mlir::ValueRange carried, LoopBody body);
  /// The results of a loop, which LLVM then leaves as it is written: unrolled
  /// again, a long body takes registers and time to compile.
  mlir::ValueRange keepRolled(mlir::ValueRange results);
  /// A branch, without a value; none where the condition is known.
  void when(Value condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise = {});

  // Memory by address, a number.
  /// The address of an element of a buffer.
  Value addressOf(Value memref, mlir::ValueRange indices);
  /// Bytes from one index of a dimension to the next.
  Value byteStride(Value memref, int64_t dim);
  Value globalAt(Value address);
  Value sharedAt(Value address);
  /// Loads of `type` of the global memory, which no kernel of the launch
  /// writes.
  Value loadAt(mlir::Type type, Value pointer, int64_t alignment);
  void storeAt(Value value, Value pointer, int64_t alignment);

  // Launches.
  /// A launch with `threads` to a block; the builder then stands in its body.
  mlir::gpu::LaunchOp launch(Value blocksX, Value blocksY, Value blocksZ,
                             int64_t threads);
  /// Memory that the blocks of a launch have each for itself.
  Value shared(mlir::gpu::LaunchOp launch, int64_t count, mlir::Type element);
  /// The same of more than 48 KB: its address.
  Value dynamicShared(mlir::gpu::LaunchOp launch, int64_t bytes);
  void barrier() { mlir::gpu::BarrierOp::create(*this); }
  void warpBarrier();
  /// A barrier of the first threads of the block.
  void barrierOf(int64_t threads);
  /// sums + left * right on tensor cores (mma.sync, m16n8k16), of f16 or bf16:
  /// the words of a lane of the 16 x 16 and 16 x 8 elements, as PTX numbers
  /// them.
  llvm::SmallVector<Value> multiplyTile(mlir::Type element,
                                        llvm::ArrayRef<Value> left,
                                        llvm::ArrayRef<Value> right,
                                        llvm::ArrayRef<Value> sums);
  /// Four matrices of 8 x 8 elements of 16 bits as such words, each two
  /// neighbours of a row, or of a column where `transposed`. Lanes 8 i to 8 i +
  /// 7 give the addresses of the rows of matrix i, in shared memory.
  llvm::SmallVector<Value> loadMatrices(Value address, bool transposed);
  /// Two numbers of f32 as such a word.
  Value packWord(mlir::Type element, Value low, Value high);
  /// Where a piece of 16 bytes of such a row lies behind the first of a tile,
  /// in bytes: rows of `pieces` mix their order, so that eight rows of a matrix
  /// lie in different banks.
  Value piecePlace(Value row, Value piece, int64_t pieces);
  /// `x`, of 32 bits, of the lane whose number differs in the bits of `mask`,
  /// or of the lane with a number modulo 32.
  Value shuffleXor(Value x, int64_t mask);
  Value shuffle(Value x, Value from);

private:
  Value intrinsic(llvm::StringRef name, Value x);
};

inline constexpr double log2e = 1.4426950408889634;
inline constexpr int64_t warpLanes = 32;
inline constexpr int64_t copyBytes = 16; // of one lane, by cp.async

/// True for a memref of f32, f16 or bf16.
bool isDeviceFloat(mlir::Value memref);
/// The same, with an innermost stride of one.
bool isUnitStrideDeviceFloat(mlir::Value memref);

/// Replaces the ops of a kind in a kernel's function, as far as they are
/// supported, by what `Kernel(builder, op).emit()` makes.
template <typename Op, typename Kernel>
void launchEach(mlir::Operation *root,
                llvm::function_ref<bool(Op)> isSupported) {
  root->walk([&](Op op) {
    if (op->template getParentOfType<mlir::scf::ParallelOp>() ||
        op->template getParentOfType<mlir::scf::ForallOp>() || !isSupported(op))
      return;
    mlir::OpBuilder builder(op);
    LaunchBuilder b(op.getLoc(), builder);
    Kernel(b, op).emit();
    op.erase();
  });
}

} // namespace ssmc
