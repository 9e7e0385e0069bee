//===- LongConvDirect.cpp - ssm.long_conv lag by lag ----------------------===//
//
// One parallel iteration owns a vector of channels of a row of the batch. A few
// steps of y are summed up at once: for each lag the elements of x that they
// meet are those of the lag before, one step on, so that a lag takes one of x
// and one of the kernel.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/LongConv.h"

using namespace mlir;
using namespace ssmc;

namespace {
class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::LongConvOp op)
      : b(b), op(op), steps(b.target.registers >= 32 ? 8 : 6) {}

  void emit();

private:
  void emitSteps(Value first);
  /// What `kernel` adds to `steps` of y from `first` on, for `lags` lags, of
  /// which the one at lag 0 meets x at `origin`.
  SmallVector<Value> add(ValueRange sums, Value kernel, Value lags,
                         Value origin, bool isAhead);
  /// x at a time counted from the first of the past, zero where none is known.
  Value loadKnown(Value at);
  Value loadKernel(Value kernel, Value lag);
  void writeState();
  Lanes lanesIf(Value exists) {
    return b.lanes(b.vec(), b.select(exists, count, b.idx(0)));
  }
  static int64_t rankOf(Value value) {
    return cast<MemRefType>(value.getType()).getRank();
  }

  KernelBuilder &b;
  ssm::LongConvOp op;
  int64_t steps;
  Value length, past, batch, channel, count;
};
} // namespace

void Kernel::emit() {
  Value channels = b.dim(op.getX(), 2);
  length = b.dim(op.getX(), 1);
  past = op.getState() ? b.dim(op.getState(), 1) : b.idx(0);
  int64_t lanes = b.target.lanes;
  b.parallel(
      {b.dim(op.getX(), 0), b.ceilDiv(channels, lanes)}, [&](ValueRange index) {
        batch = index[0];
        channel = b.mul(index[1], lanes);
        count = b.min(b.sub(channels, channel), b.idx(lanes));
        b.loop(b.idx(0), length, steps, [&](Value first) { emitSteps(first); });
        if (op.getState())
          writeState();
      });
}

Value Kernel::loadKnown(Value at) {
  // Before the past indices wrap around, beyond every extent.
  Value t = b.sub(at, past), exists = b.less(t, length);
  Value x = b.load(lanesIf(exists), op.getX(),
                   {batch, b.select(exists, t, b.idx(0)), channel});
  if (!op.getState())
    return x;
  exists = b.less(at, past);
  Value old = b.load(lanesIf(exists), op.getState(),
                     {batch, b.select(exists, at, b.idx(0)), channel});
  return b.fadd(x, old);
}

Value Kernel::loadKernel(Value kernel, Value lag) {
  SmallVector<Value> indices = {lag, channel};
  if (rankOf(kernel) == 3)
    indices.insert(indices.begin(), batch);
  return b.load(b.lanes(b.vec(), count), kernel, indices);
}

SmallVector<Value> Kernel::add(ValueRange sums, Value kernel, Value lags,
                               Value origin, bool isAhead) {
  SmallVector<Value> carried(sums);
  for (int64_t i = 0; i < steps; ++i)
    carried.push_back(loadKnown(b.add(origin, i)));
  ValueRange last = b.loop(
      b.idx(0), lags, 1, carried,
      [&](Value lag, ValueRange values) -> SmallVector<Value> {
        SmallVector<Value> next;
        Value k = loadKernel(kernel, lag);
        for (int64_t i = 0; i < steps; ++i)
          next.push_back(b.fma(k, values[steps + i], values[i]));
        ValueRange seen = values.drop_front(steps);
        Value step = b.add(lag, 1);
        if (isAhead) {
          llvm::append_range(next, seen.drop_front());
          next.push_back(loadKnown(b.add(b.add(origin, steps - 1), step)));
        } else {
          next.push_back(loadKnown(b.sub(origin, step)));
          llvm::append_range(next, seen.drop_back());
        }
        return next;
      });
  return llvm::to_vector(last.take_front(steps));
}

void Kernel::emitSteps(Value first) {
  SmallVector<Value> sums(steps, b.splat(b.vec(), 0.0));
  Value at = b.add(first, past);
  // Beyond these nothing is known.
  Value lags = b.min(b.dim(op.getK(), rankOf(op.getK()) - 2), b.add(at, steps));
  sums = add(sums, op.getK(), lags, at, /*isAhead=*/false);
  if (Value ahead = op.getAhead()) {
    lags = b.min(b.dim(ahead, rankOf(ahead) - 2), b.sub(length, first));
    sums = add(sums, ahead, lags, b.add(at, 1), /*isAhead=*/true);
  }
  for (int64_t i = 0; i < steps; ++i) {
    Value t = b.add(first, i), exists = b.less(t, length);
    b.store(lanesIf(exists), sums[i], op.getY(),
            {batch, b.select(exists, t, b.idx(0)), channel});
  }
}

/// Each element from one behind it.
void Kernel::writeState() {
  b.loop(b.idx(0), past, 1, [&](Value i) {
    b.store(b.lanes(b.vec(), count), loadKnown(b.add(i, length)), op.getState(),
            {batch, i, channel});
  });
}

void ssmc::emitDirect(KernelBuilder &b, ssm::LongConvOp op) {
  Kernel(b, op).emit();
}
