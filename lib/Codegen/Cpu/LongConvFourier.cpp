//===- LongConvFourier.cpp - ssm-lower-long-conv --------------------------===//
//
// Time is in blocks of n. With X_a the transform of block a of x, all of
// modulo z^n - i, and k(l) the kernel at lag l, `ahead` at negative ones,
//
//     G_p = transform of  k(p n + j) - i k((p - 1) n + j),  j = 0 .. n-1
//     y of block c = real part of the inverse of  sum_a X_a G_(c-a)
//
// as what X_a K_p has beyond its first n coefficients, which belongs to the
// next block, is its imaginary part.
//
// One parallel iteration owns some of the groups of channels, a vector each;
// its transforms lie in a workspace that it uses again for each of them.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmStrategy.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Fourier.h"
#include "lib/Codegen/Cpu/LongConvBlocks.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERLONGCONV
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Iterations at most, each of which has a workspace.
constexpr int64_t maxParts = 16;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::LongConvOp op)
      : b(b), op(op), n(chooseBlock(op)), fourier(b, n), lanes(b.target.lanes) {
  }

  void emit();

private:
  /// Rows of a transform in the workspace. Each row of the Fourier transform
  /// has one behind it, so that columns do not meet in one set of the cache.
  int64_t rowsOfBlock() const { return n + fourier.getColumn(); }
  Value rowOf(Value slot, Value line, Value position) {
    Value row = b.add(b.mul(line, Fourier::row + 1), position);
    return b.add(b.mul(slot, rowsOfBlock()), row);
  }
  ComplexLanes load(Value row) {
    Lanes all{b.vec(), {}};
    return {b.load(all, work, {row, b.idx(0)}),
            b.load(all, work, {row, b.idx(lanes)})};
  }
  void store(Value row, ComplexLanes value) {
    Lanes all{b.vec(), {}};
    b.store(all, value.re, work, {row, b.idx(0)});
    b.store(all, value.im, work, {row, b.idx(lanes)});
  }
  /// Row `at` of an operand, or zeros where that is not below `extent`.
  Value loadRow(Value operand, Value batch, Value at, Value extent);
  ComplexLanes loadKernel(Value batch, Value slot, Value at);

  void divide(Value slot, Fourier::Load from);
  void transformKernel(Value batch);
  void convolve(Value batch);
  void multiply(Value block, Value slot);
  void writeBlock(Value batch, Value block, Value slot);

  KernelBuilder &b;
  ssm::LongConvOp op;
  int64_t n;
  Fourier fourier;
  int64_t lanes;
  Value length, width, later, channels;
  /// Blocks of x; transforms of the kernel, of which that many are of lags
  /// before zero.
  Value blocks, kernels, before;
  Value work, scratch;
  /// The first slot of the iteration, for the kernel's transforms, and of those
  /// of x.
  Value kernelSlot, inputSlot;
  Value channel, count; // of the group, and how many lanes exist
};

void Kernel::emit() {
  length = b.dim(op.getX(), 1);
  channels = b.dim(op.getX(), 2);
  int64_t time = cast<MemRefType>(op.getK().getType()).getRank() - 2;
  width = b.dim(op.getK(), time);
  Value zero = b.idx(0), one = b.idx(1);
  later = zero;
  if (Value ahead = op.getAhead())
    later = b.dim(ahead, cast<MemRefType>(ahead.getType()).getRank() - 2);
  auto max = [&](Value x, Value y) {
    return b.createOrFold<arith::MaxUIOp>(x, y);
  };
  blocks = max(b.ceilDiv(length, n), one);
  Value last = b.sub(blocks, one);
  before = b.min(b.ceilDiv(later, n), last);
  kernels = b.add(b.add(b.min(b.ceilDiv(width, n), last), before), 1);
  Value slots = b.add(b.add(blocks, kernels), op.getAhead() ? 1 : 0);
  Value groups = b.ceilDiv(channels, lanes);
  Value parts = b.min(groups, b.idx(maxParts));
  Value rows =
      b.createOrFold<arith::MulIOp>(parts, b.mul(slots, rowsOfBlock()));
  work = memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic, 2 * lanes}, b.getF32Type()),
      ValueRange{rows}, b.getI64IntegerAttr(64));
  auto module = op->getParentOfType<ModuleOp>();
  b.parallel({parts}, [&](ValueRange index) {
    fourier.takeRoots(module);
    if (int64_t rows = fourier.getScratchRows())
      scratch = b.scratch({rows, 2 * lanes});
    kernelSlot = b.createOrFold<arith::MulIOp>(index[0], slots);
    inputSlot = b.add(kernelSlot, kernels);
    auto loop = scf::ForOp::create(b, index[0], groups, parts);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    channel = b.mul(loop.getInductionVar(), lanes);
    count = b.min(b.sub(channels, channel), b.idx(lanes));
    bool isShared = cast<MemRefType>(op.getK().getType()).getRank() == 2 &&
                    (!op.getAhead() ||
                     cast<MemRefType>(op.getAhead().getType()).getRank() == 2);
    if (isShared)
      transformKernel(zero);
    b.loop(zero, b.dim(op.getX(), 0), 1, [&](Value batch) {
      if (!isShared)
        transformKernel(batch);
      convolve(batch);
    });
  });
}

Value Kernel::loadRow(Value operand, Value batch, Value at, Value extent) {
  Value exists = b.less(at, extent);
  SmallVector<Value> indices = {b.select(exists, at, b.idx(0)), channel};
  if (cast<MemRefType>(operand.getType()).getRank() == 3)
    indices.insert(indices.begin(), batch);
  return b.load(b.lanes(b.vec(), b.select(exists, count, b.idx(0))), operand,
                indices);
}

/// Element `at` of what transform `slot` of the kernel is of, and 1 / n of it.
ComplexLanes Kernel::loadKernel(Value batch, Value slot, Value at) {
  Value origin = b.mul(before, n);
  auto part = [&](Value index, double scale) {
    Value k = loadRow(op.getK(), batch, b.sub(index, origin), width);
    if (op.getAhead()) {
      Value lag = b.sub(b.sub(origin, b.idx(1)), index);
      k = b.fadd(k, loadRow(op.getAhead(), batch, lag, later));
    }
    return b.fmul(k, b.splat(b.vec(), scale));
  };
  Value index = b.add(b.mul(slot, n), at);
  // Indices before the first wrap around, beyond every extent.
  return {part(index, 1.0 / n), part(b.sub(index, b.idx(n)), -1.0 / n)};
}

/// The transform of what `from` gives for each time of a block.
void Kernel::divide(Value slot, Fourier::Load from) {
  b.loop(b.idx(0), b.idx(Fourier::row), 1, [&](Value column) {
    Lanes all{b.vec(), {}};
    fourier.divideColumn(
        [&](Value i) { return from(b.add(b.mul(i, Fourier::row), column)); },
        [&](Value i, ComplexLanes v) { store(rowOf(slot, i, column), v); },
        [&](Value i) -> ComplexLanes {
          return {b.load(all, scratch, {i, b.idx(0)}),
                  b.load(all, scratch, {i, b.idx(lanes)})};
        },
        [&](Value i, ComplexLanes v) {
          b.store(all, v.re, scratch, {i, b.idx(0)});
          b.store(all, v.im, scratch, {i, b.idx(lanes)});
        });
  });
  b.loop(b.idx(0), b.idx(fourier.getColumn()), 1, [&](Value line) {
    fourier.divideRow(
        line, [&](Value i) { return load(rowOf(slot, line, i)); },
        [&](Value i, ComplexLanes v) { store(rowOf(slot, line, i), v); });
  });
}

void Kernel::transformKernel(Value batch) {
  b.loop(b.idx(0), kernels, 1, [&](Value slot) {
    divide(b.add(kernelSlot, slot),
           [&](Value at) { return loadKernel(batch, slot, at); });
  });
}

void Kernel::convolve(Value batch) {
  b.loop(b.idx(0), blocks, 1, [&](Value block) {
    Value first = b.mul(block, n);
    divide(b.add(inputSlot, block), [&](Value at) -> ComplexLanes {
      return {loadRow(op.getX(), batch, b.add(first, at), length), {}};
    });
  });
  // From the last block on, since what is not ahead of y is not read again.
  b.loop(b.idx(0), blocks, 1, [&](Value step) {
    Value block = b.sub(b.sub(blocks, b.idx(1)), step);
    Value slot = b.add(inputSlot, op.getAhead() ? blocks : block);
    multiply(block, slot);
    writeBlock(batch, block, slot);
  });
}

/// The sum of products of a block of y, divided back as far as rows go.
void Kernel::multiply(Value block, Value slot) {
  // Blocks of x that a transform of the kernel takes to this one.
  Value most = b.sub(b.sub(kernels, before), b.idx(1));
  Value from = b.select(b.less(most, block), b.sub(block, most), b.idx(0));
  Value to = b.min(b.add(b.add(block, before), 1), blocks);
  b.loop(b.idx(0), b.idx(fourier.getColumn()), 1, [&](Value line) {
    b.loop(b.idx(0), b.idx(Fourier::row), 1, [&](Value i) {
      Value zeros = b.splat(b.vec(), 0.0);
      ValueRange sum = b.loop(
          from, to, 1, {zeros, zeros},
          [&](Value input, ValueRange sum) -> SmallVector<Value> {
            Value kernel = b.sub(b.add(block, before), input);
            ComplexLanes x = load(rowOf(b.add(inputSlot, input), line, i));
            ComplexLanes g = load(rowOf(b.add(kernelSlot, kernel), line, i));
            Value minus = arith::NegFOp::create(b, x.im);
            return {b.fma(minus, g.im, b.fma(x.re, g.re, sum[0])),
                    b.fma(x.im, g.re, b.fma(x.re, g.im, sum[1]))};
          });
      store(rowOf(slot, line, i), {sum[0], sum[1]});
    });
    fourier.joinRow(
        line, [&](Value i) { return load(rowOf(slot, line, i)); },
        [&](Value i, ComplexLanes v) { store(rowOf(slot, line, i), v); });
  });
}

void Kernel::writeBlock(Value batch, Value block, Value slot) {
  Value first = b.mul(block, n);
  b.loop(b.idx(0), b.idx(Fourier::row), 1, [&](Value column) {
    Lanes all{b.vec(), {}};
    fourier.joinColumn(
        [&](Value i) { return load(rowOf(slot, i, column)); },
        [&](Value i, ComplexLanes v) {
          Value t = b.add(first, b.add(b.mul(i, Fourier::row), column));
          Value exists = b.less(t, length);
          Lanes there = b.lanes(b.vec(), b.select(exists, count, b.idx(0)));
          b.store(there, v.re, op.getY(),
                  {batch, b.select(exists, t, b.idx(0)), channel});
        },
        [&](Value i) -> ComplexLanes {
          return {b.load(all, scratch, {i, b.idx(0)}),
                  b.load(all, scratch, {i, b.idx(lanes)})};
        },
        [&](Value i, ComplexLanes v) {
          b.store(all, v.re, scratch, {i, b.idx(0)});
          b.store(all, v.im, scratch, {i, b.idx(lanes)});
        });
  });
}

bool isSupported(ssm::LongConvOp op, const CpuTarget &) {
  ssm::StrategyAttr strategy = ssm::getStrategy(op);
  if (!strategy || strategy.getKind() != ssm::Strategy::Fft || op.getState() ||
      op.getCircular())
    return false;
  return llvm::all_of(op->getOperands(), isUnitStrideFloat);
}

struct LowerLongConv : ssmc::impl::SsmLowerLongConvBase<LowerLongConv> {
  using SsmLowerLongConvBase::SsmLowerLongConvBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::LongConvOp, Kernel>(getOperation(), cpu,
                                                  isSupported)))
      signalPassFailure();
  }
};

} // namespace
