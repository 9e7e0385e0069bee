//===- KernelBuilder.h - vector code for one CPU ----------------*- C++ -*-===//
//
// Short names for what kernels are made of: index arithmetic that folds, vector
// loads and stores that may be masked, fused multiply-adds, and 2^x; and the
// walk that every kernel's pass is.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/CpuTarget.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ssmc {

/// The elements of a vector access that exist: all of them when `mask` is null.
struct Lanes {
  mlir::VectorType type;
  mlir::Value mask;
};

/// Vectors of real and imaginary parts; no imaginary part is zero.
struct ComplexLanes {
  mlir::Value re, im;
};

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  KernelBuilder(mlir::Location loc, mlir::OpBuilder &builder,
                const CpuTarget &target)
      : ImplicitLocOpBuilder(loc, builder), target(target) {}

  const CpuTarget &target;

  mlir::VectorType vec(int64_t lanes) {
    return mlir::VectorType::get({lanes}, getF32Type());
  }
  mlir::VectorType vec() { return vec(target.lanes); }

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
  Value mul(Value a, int64_t b) {
    return createOrFold<mlir::arith::MulIOp>(a, idx(b));
  }
  Value div(Value a, int64_t b) {
    return createOrFold<mlir::arith::DivUIOp>(a, idx(b));
  }
  Value rem(Value a, int64_t b) {
    return createOrFold<mlir::arith::RemUIOp>(a, idx(b));
  }
  Value ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
  Value min(Value a, Value b) {
    return createOrFold<mlir::arith::MinUIOp>(a, b);
  }
  Value less(Value a, Value b) {
    return createOrFold<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::ult, a,
                                             b);
  }
  Value lessEqual(Value a, Value b) {
    return createOrFold<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::ule, a,
                                             b);
  }
  Value isOne(Value a) {
    return createOrFold<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::eq, a,
                                             idx(1));
  }
  Value select(Value condition, Value a, Value b) {
    return createOrFold<mlir::arith::SelectOp>(condition, a, b);
  }
  Value logicalNot(Value condition);
  /// The extent of a dimension, a constant where the type knows it.
  Value dim(Value memref, int64_t dim);
  /// The first `count` lanes of a vector.
  Lanes lanes(mlir::VectorType type, Value count);
  /// The lanes of a vector at `first` of `total` elements; all of them where
  /// the total is known to be a multiple of the `step` in which one goes
  /// through it. `first` may lie beyond the last element.
  Lanes lanesOf(Value total, Value first, int64_t step);

  // Floating point, on vectors or scalars.
  Value splat(mlir::Type type, double value);
  Value fma(Value a, Value b, Value c);
  Value fmul(Value a, Value b) {
    return mlir::arith::MulFOp::create(*this, a, b);
  }
  Value fadd(Value a, Value b) {
    return mlir::arith::AddFOp::create(*this, a, b);
  }
  Value fsub(Value a, Value b) {
    return mlir::arith::SubFOp::create(*this, a, b);
  }
  Value fdiv(Value a, Value b) {
    return mlir::arith::DivFOp::create(*this, a, b);
  }
  /// 2^x to 2 ulp, exactly 1 at 0, at least 2^-126 below its range and infinity
  /// above; not a number where x is none.
  Value exp2(Value x);
  /// x / (1 + e^-x)
  Value silu(Value x);

  // Memory. The innermost stride of a vector access is one. Elements of f16 and
  // bf16 are f32 outside memory: extended when loaded, rounded when stored.
  /// A buffer on the stack, at a cache line; of f32 unless said.
  Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type type = {});
  Value load(Lanes lanes, Value memref, mlir::ValueRange indices);
  void store(Lanes lanes, Value value, Value memref, mlir::ValueRange indices);
  /// Asks for the cache line of an element, up to the second-level cache.
  void prefetch(Value memref, mlir::ValueRange indices);
  Value loadScalar(Value memref, mlir::ValueRange indices);
  void storeScalar(Value value, Value memref, mlir::ValueRange indices);
  Value broadcast(mlir::Type type, Value scalar) {
    return mlir::vector::BroadcastOp::create(*this, type, scalar);
  }

  /// A counted loop from 0; `body` returns the next values of what is carried.
  using LoopBody = llvm::function_ref<llvm::SmallVector<Value>(
      Value index, mlir::ValueRange carried)>;
  mlir::ValueRange loop(Value from, Value to, int64_t step,
                        mlir::ValueRange carried, LoopBody body);
  void loop(Value from, Value to, int64_t step,
            llvm::function_ref<void(Value)> body);
  void parallel(mlir::ValueRange bounds,
                llvm::function_ref<void(mlir::ValueRange)> body);
  /// A branch that is dropped where the condition is a constant.
  void branch(Value condition, llvm::function_ref<void()> thenBody,
              llvm::function_ref<void()> elseBody);
  /// The vectors that are carried, or zeros where a flag of `resets`, a memref
  /// or null, says that they are to be dropped. It is a branch: a sequence
  /// begins rarely.
  llvm::SmallVector<Value> unlessReset(Value resets, mlir::ValueRange indices,
                                       mlir::ValueRange carried);
};

constexpr double log2e = 1.4426950408889634;
constexpr int64_t cacheLineFloats = 16;

/// The extent of a dimension of a memref, which may be dynamic.
inline int64_t extentOf(mlir::Value memref, int64_t dim) {
  return mlir::cast<mlir::MemRefType>(memref.getType()).getDimSize(dim);
}

/// True for a memref of f32, f16 or bf16; of f32.
bool isFloatMemRef(mlir::Value memref);
bool isF32MemRef(mlir::Value memref);
/// The same, with an innermost stride of one.
bool isUnitStrideFloat(mlir::Value memref);

/// The target of that name; where there is none, an error at `op`.
mlir::FailureOr<CpuTarget> findTarget(mlir::Operation *op, llvm::StringRef cpu);

/// Replaces the ops of a kind under `root`, as far as they are supported, by
/// what `Kernel(builder, op).emit()` makes.
template <typename Op, typename Kernel>
mlir::LogicalResult
lowerEach(mlir::Operation *root, llvm::StringRef cpu,
          llvm::function_ref<bool(Op, const CpuTarget &)> isSupported) {
  mlir::FailureOr<CpuTarget> target = findTarget(root, cpu);
  if (failed(target))
    return mlir::failure();
  root->walk([&](Op op) {
    if (!isSupported(op, *target))
      return;
    mlir::OpBuilder builder(op);
    KernelBuilder b(op.getLoc(), builder, *target);
    Kernel(b, op).emit();
    op.erase();
  });
  return mlir::success();
}

} // namespace ssmc
