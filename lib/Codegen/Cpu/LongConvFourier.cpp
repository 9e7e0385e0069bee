//===- LongConvFourier.cpp - ssm.long_conv by transforms of blocks --------===//
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

#include "lib/Codegen/Cpu/Fourier.h"
#include "lib/Codegen/Cpu/LongConv.h"
#include "lib/Codegen/Cpu/LongConvBlocks.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

namespace {

// Iterations at most, each of which has a workspace.
constexpr int64_t maxParts = 16;
// Sums of products that do not wait for each other.
constexpr int64_t sumsAtOnce = 4;
// Rows ahead that are asked for: those of a column lie far from each other.
constexpr int64_t prefetched = 4;

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
  ComplexLanes load(Value row, Value memref) {
    Lanes all{b.vec(), {}};
    return {b.load(all, memref, {row, b.idx(0)}),
            b.load(all, memref, {row, b.idx(lanes)})};
  }
  ComplexLanes load(Value row) { return load(row, work); }
  void store(Value row, ComplexLanes value, Value memref) {
    Lanes all{b.vec(), {}};
    b.store(all, value.re, memref, {row, b.idx(0)});
    b.store(all, value.im, memref, {row, b.idx(lanes)});
  }
  void store(Value row, ComplexLanes value) { store(row, value, work); }
  /// Row `at` of an operand, or zeros where that is not below `extent`; null
  /// where each is and all lanes exist.
  Value loadRow(Value operand, Value batch, Value at, Value extent);
  ComplexLanes loadKernel(Value batch, Value slot, Value at, bool isWhole);
  /// Whether rows from `first` on, and all lanes, are a whole block.
  Value isWholeBlock(Value first, Value extent) {
    Value fits = b.lessEqual(b.add(first, n), extent);
    Value isFull = b.lessEqual(b.add(channel, lanes), channels);
    return b.createOrFold<arith::AndIOp>(fits, isFull);
  }

  /// Whether it takes less lag by lag. Where all extents are known a strategy
  /// has been chosen by that already.
  Value isShort();
  void emitGroups(Value parts, Value groups, Value slots);
  void divideColumns(Value slot, Fourier::Load from);
  void divideRows(Value slot);
  void transformKernel(Value batch);
  void convolve(Value batch);
  void multiply(Value block, Value slot);
  void writeBlock(Value batch, Value first, Value slot, bool isWhole);

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
  b.branch(
      isShort(), [&] { emitDirect(b, op); },
      [&] { emitGroups(parts, groups, slots); });
  memref::DeallocOp::create(b, work);
}

Value Kernel::isShort() {
  Value zero = b.idx(0);
  if (llvm::all_of(ArrayRef{length, width, later}, [](Value extent) {
        return matchPattern(extent, m_Constant());
      }))
    return b.less(zero, zero);
  Value lags = b.add(b.min(width, length), b.min(later, length));
  // Of a kernel as long as the sequence half is beyond its ends.
  lags = b.select(b.less(lags, length), lags, b.div(lags, 2));
  Value macs = b.createOrFold<arith::MulIOp>(length, lags);
  Value transforms = b.add(b.mul(blocks, 2), kernels);
  return b.less(macs, b.mul(transforms, macsOfBlock(n)));
}

void Kernel::emitGroups(Value parts, Value groups, Value slots) {
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
      transformKernel(b.idx(0));
    b.loop(b.idx(0), b.dim(op.getX(), 0), 1, [&](Value batch) {
      if (!isShared)
        transformKernel(batch);
      convolve(batch);
    });
  });
}

Value Kernel::loadRow(Value operand, Value batch, Value at, Value extent) {
  SmallVector<Value> indices = {at, channel};
  if (cast<MemRefType>(operand.getType()).getRank() == 3)
    indices.insert(indices.begin(), batch);
  Value &row = indices[indices.size() - 2];
  if (!extent) {
    Value value = b.load({b.vec(), {}}, operand, indices);
    row = b.add(at, prefetched);
    b.prefetch(operand, indices);
    return value;
  }
  Value exists = b.less(at, extent);
  row = b.select(exists, at, b.idx(0));
  return b.load(b.lanes(b.vec(), b.select(exists, count, b.idx(0))), operand,
                indices);
}

/// Element `at` of what transform `slot` of the kernel is of, and 1 / n of it.
ComplexLanes Kernel::loadKernel(Value batch, Value slot, Value at,
                                bool isWhole) {
  Value origin = b.mul(before, n);
  auto part = [&](Value index, double scale) {
    Value k = loadRow(op.getK(), batch, b.sub(index, origin),
                      isWhole ? Value() : width);
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

/// The transform of what `from` gives for each time of a block, as far as
/// columns go; then the rest of it.
void Kernel::divideColumns(Value slot, Fourier::Load from) {
  b.loop(b.idx(0), b.idx(Fourier::row), 1, [&](Value column) {
    fourier.divideColumn(
        [&](Value i) { return from(b.add(b.mul(i, Fourier::row), column)); },
        [&](Value i, ComplexLanes v) { store(rowOf(slot, i, column), v); },
        [&](Value i) { return load(i, scratch); },
        [&](Value i, ComplexLanes v) { store(i, v, scratch); });
  });
}

void Kernel::divideRows(Value slot) {
  b.loop(b.idx(0), b.idx(fourier.getColumn()), 1, [&](Value line) {
    fourier.divideRow(
        line, [&](Value i) { return load(rowOf(slot, line, i)); },
        [&](Value i, ComplexLanes v) { store(rowOf(slot, line, i), v); });
  });
}

void Kernel::transformKernel(Value batch) {
  b.loop(b.idx(0), kernels, 1, [&](Value slot) {
    Value to = b.add(kernelSlot, slot);
    auto divide = [&](bool isWhole) {
      divideColumns(
          to, [&](Value at) { return loadKernel(batch, slot, at, isWhole); });
    };
    // Of both parts, the second of which is a block before the first.
    Value first = b.mul(slot, n);
    Value isWhole =
        op.getAhead() ? b.less(b.idx(0), b.idx(0))
                      : b.createOrFold<arith::AndIOp>(
                            b.less(b.idx(0), slot), isWholeBlock(first, width));
    b.branch(
        isWhole, [&] { divide(true); }, [&] { divide(false); });
    divideRows(to);
  });
}

void Kernel::convolve(Value batch) {
  b.loop(b.idx(0), blocks, 1, [&](Value block) {
    Value first = b.mul(block, n), slot = b.add(inputSlot, block);
    auto divide = [&](Value extent) {
      divideColumns(slot, [&](Value at) -> ComplexLanes {
        return {loadRow(op.getX(), batch, b.add(first, at), extent), {}};
      });
    };
    b.branch(
        isWholeBlock(first, length), [&] { divide({}); },
        [&] { divide(length); });
    divideRows(slot);
  });
  // From the last block on, since what is not ahead of y is not read again.
  b.loop(b.idx(0), blocks, 1, [&](Value step) {
    Value block = b.sub(b.sub(blocks, b.idx(1)), step);
    Value slot = b.add(inputSlot, op.getAhead() ? blocks : block);
    multiply(block, slot);
    Value first = b.mul(block, n);
    b.branch(
        isWholeBlock(first, length),
        [&] { writeBlock(batch, first, slot, /*isWhole=*/true); },
        [&] { writeBlock(batch, first, slot, /*isWhole=*/false); });
  });
}

/// The sum of products of a block of y, divided back as far as rows go.
void Kernel::multiply(Value block, Value slot) {
  // Blocks of x that a transform of the kernel takes to this one.
  Value most = b.sub(b.sub(kernels, before), b.idx(1));
  Value from = b.select(b.less(most, block), b.sub(block, most), b.idx(0));
  Value to = b.min(b.add(b.add(block, before), 1), blocks);
  Value zero = b.splat(b.vec(), 0.0);
  b.loop(b.idx(0), b.idx(fourier.getColumn()), 1, [&](Value line) {
    b.loop(b.idx(0), b.idx(Fourier::row), sumsAtOnce, [&](Value i) {
      SmallVector<Value> zeros(2 * sumsAtOnce, zero);
      ValueRange sums =
          b.loop(from, to, 1, zeros, [&](Value input, ValueRange sums) {
            Value kernel = b.sub(b.add(block, before), input);
            Value ofX = rowOf(b.add(inputSlot, input), line, i);
            Value ofG = rowOf(b.add(kernelSlot, kernel), line, i);
            SmallVector<Value> next;
            for (int64_t j = 0; j < sumsAtOnce; ++j) {
              ComplexLanes x = load(b.add(ofX, j)), g = load(b.add(ofG, j));
              Value re = b.fma(x.re, g.re, sums[2 * j]);
              Value im = b.fma(x.re, g.im, sums[2 * j + 1]);
              Value minus = arith::NegFOp::create(b, x.im);
              next.push_back(b.fma(minus, g.im, re));
              next.push_back(b.fma(x.im, g.re, im));
            }
            return next;
          });
      Value first = rowOf(slot, line, i);
      for (int64_t j = 0; j < sumsAtOnce; ++j)
        store(b.add(first, j), {sums[2 * j], sums[2 * j + 1]});
    });
    fourier.joinRow(
        line, [&](Value i) { return load(rowOf(slot, line, i)); },
        [&](Value i, ComplexLanes v) { store(rowOf(slot, line, i), v); });
  });
}

void Kernel::writeBlock(Value batch, Value first, Value slot, bool isWhole) {
  b.loop(b.idx(0), b.idx(Fourier::row), 1, [&](Value column) {
    fourier.joinColumn(
        [&](Value i) { return load(rowOf(slot, i, column)); },
        [&](Value i, ComplexLanes v) {
          Value t = b.add(first, b.add(b.mul(i, Fourier::row), column));
          Lanes there{b.vec(), {}};
          if (!isWhole) {
            Value exists = b.less(t, length);
            there = b.lanes(b.vec(), b.select(exists, count, b.idx(0)));
            t = b.select(exists, t, b.idx(0));
          }
          b.store(there, v.re, op.getY(), {batch, t, channel});
        },
        [&](Value i) { return load(i, scratch); },
        [&](Value i, ComplexLanes v) { store(i, v, scratch); });
  });
}

} // namespace

void ssmc::emitTransforms(KernelBuilder &b, ssm::LongConvOp op) {
  Kernel(b, op).emit();
}
