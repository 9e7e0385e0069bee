//===- ShortConv.cpp - ssm-lower-short-conv -------------------------------===//
//
// One parallel iteration owns a cache line of neighbouring channels of one
// batch row and walks over time with the last (W - 1) * dilation inputs in
// registers: every input is loaded once, the window after the last step is the
// final state, and lengths shorter than the window need no special case. A
// window too large for the registers is a ring in a scratch.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Transpose.h"
#include "lib/Codegen/StateStart.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSHORTCONV
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Taps that are taken apart in registers.
constexpr int64_t maxTaps = 8;
// Vectors of window that registers hold beside the taps.
constexpr int64_t maxWindow = 16;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::ShortConvOp op)
      : b(b), op(op), begin(takeBegin(op, op.getState())) {
    width = cast<MemRefType>(op.getW().getType()).getDimSize(1);
    dilation = op.getDilation();
    window = (width - 1) * dilation;
    vectors = std::max<int64_t>(1, cacheLineFloats / b.target.lanes);
    if (window * vectors > maxWindow)
      vectors = 1;
    inRegisters = window <= maxWindow;
  }

  void emit() {
    int64_t lanes = b.target.lanes, block = lanes * vectors;
    length = b.dim(op.getX(), 1);
    Value channels = b.dim(op.getX(), 2);
    b.parallel({b.dim(op.getX(), 0), b.ceilDiv(channels, block)},
               [&](ValueRange index) {
                 Value first = b.mul(index[1], block);
                 for (int64_t v = 0; v < vectors; ++v)
                   taps.push_back(b.scratch({width, b.target.lanes}));
                 if (!inRegisters)
                   ring = b.scratch({window, b.target.lanes});
                 b.branch(
                     b.lessEqual(b.add(first, block), channels),
                     [&] { emitBlock(index[0], first, vectors, Value()); },
                     [&] {
                       b.loop(first, channels, lanes, [&](Value channel) {
                         emitBlock(
                             index[0], channel, 1,
                             b.min(b.sub(channels, channel), b.idx(lanes)));
                       });
                     });
               });
  }

private:
  KernelBuilder &b;
  ssm::ShortConvOp op;
  Value begin; // where the state is read
  int64_t width, dilation, window, vectors;
  bool inRegisters;
  Value length, ring;
  SmallVector<Value> taps;

  Value time(Value step) {
    if (!op.getReverse())
      return step;
    return b.sub(b.sub(length, b.idx(1)), step);
  }

  /// The taps of a vector of channels, by tap. Whole rows without gaps between
  /// them are taken apart in registers: it is most of the work of a single
  /// token.
  SmallVector<Value> loadTaps(Value channel, Value count, Value scratch) {
    auto type = cast<MemRefType>(op.getW().getType());
    if (!count && type.getLayout().isIdentity() && width <= maxTaps &&
        llvm::isPowerOf2_64(width)) {
      Value flat = memref::CollapseShapeOp::create(
          b, op.getW(), ArrayRef<ReassociationIndices>{{0, 1}});
      Lanes all{b.vec(width * b.target.lanes), {}};
      return everyNth(b.load(all, flat, {b.mul(channel, width)}), width);
    }
    loadTransposed(b, {op.getW(), {}, channel, count, width}, scratch, 1.0);
    SmallVector<Value> loaded;
    for (int64_t j = 0; j < width; ++j)
      loaded.push_back(b.load({b.vec(), {}}, scratch, {b.idx(j), b.idx(0)}));
    return loaded;
  }

  /// Elements 0, n, 2 n, ... of a vector, then 1, n + 1, 2 n + 1, ... and so
  /// on.
  SmallVector<Value> everyNth(Value x, int64_t n) {
    if (n == 1)
      return {x};
    auto halves = vector::DeinterleaveOp::create(b, x);
    SmallVector<Value> even = everyNth(halves.getRes1(), n / 2);
    SmallVector<Value> odd = everyNth(halves.getRes2(), n / 2), all;
    for (auto [first, second] : llvm::zip(even, odd))
      all.append({first, second});
    return all;
  }

  // `count` channels from `channel`, or all the lanes of `vectors` vectors.
  void emitBlock(Value batch, Value channel, int64_t vectors, Value count) {
    Lanes access{b.vec(), {}};
    if (count)
      access = b.lanes(b.vec(), count);
    SmallVector<Value> starts, weights, biases;
    for (int64_t v = 0; v < vectors; ++v) {
      starts.push_back(b.add(channel, v * b.target.lanes));
      weights.append(loadTaps(starts[v], count, taps[v]));
      biases.push_back(op.getBias() ? b.load(access, op.getBias(), {starts[v]})
                                    : b.splat(b.vec(), 0.0));
    }
    auto state = [&](Value row, int64_t v) {
      return SmallVector<Value>{batch, row, starts[v]};
    };
    // One step: the inputs that the taps see, oldest first, to an output.
    auto emitStep = [&](int64_t v, ArrayRef<Value> inputs, Value t) {
      Value sum = biases[v];
      for (int64_t j = 0; j < width; ++j)
        sum = b.fma(weights[v * width + j], inputs[j], sum);
      if (op.getActivation() == ssm::Activation::Silu)
        sum = b.silu(sum);
      b.store(access, sum, op.getY(), {batch, t, starts[v]});
    };
    if (!inRegisters)
      return emitRing(access, state, emitStep, batch, starts[0]);

    SmallVector<Value> initial;
    for (int64_t v = 0; v < vectors; ++v)
      for (int64_t i = 0; i < window; ++i)
        initial.push_back(b.load(access, begin, state(b.idx(i), v)));
    ValueRange last = b.loop(
        b.idx(0), length, 1, initial, [&](Value step, ValueRange carried) {
          Value t = time(step);
          SmallVector<Value> next,
              before = b.unlessReset(op.getResets(), {batch, t}, carried);
          for (int64_t v = 0; v < vectors; ++v) {
            auto own = ArrayRef(before).slice(v * window, window);
            SmallVector<Value> seen(own);
            seen.push_back(b.load(access, op.getX(), {batch, t, starts[v]}));
            SmallVector<Value> inputs;
            for (int64_t j = 0; j < width; ++j)
              inputs.push_back(seen[j * dilation]);
            emitStep(v, inputs, t);
            next.append(seen.begin() + 1, seen.end());
          }
          return next;
        });
    for (int64_t v = 0; v < vectors; ++v)
      for (int64_t i = 0; i < window; ++i)
        b.store(access, last[v * window + i], op.getState(),
                state(b.idx(i), v));
  }

  // The ring holds the input of step s - window + i in row (s + i) mod window.
  void emitRing(Lanes access,
                function_ref<SmallVector<Value>(Value, int64_t)> state,
                function_ref<void(int64_t, ArrayRef<Value>, Value)> emitStep,
                Value batch, Value channel) {
    Lanes full{b.vec(), {}};
    Value zero = b.idx(0);
    b.loop(zero, b.idx(window), 1, [&](Value i) {
      b.store(full, b.load(access, begin, state(i, 0)), ring, {i, zero});
    });
    b.loop(zero, length, 1, [&](Value step) {
      Value t = time(step);
      if (op.getResets())
        b.branch(
            b.loadScalar(op.getResets(), {batch, t}),
            [&] {
              b.loop(zero, b.idx(window), 1, [&](Value i) {
                b.store(full, b.splat(b.vec(), 0.0), ring, {i, zero});
              });
            },
            [] {});
      SmallVector<Value> inputs;
      for (int64_t j = 0; j + 1 < width; ++j)
        inputs.push_back(b.load(
            full, ring, {b.rem(b.add(step, j * dilation), window), zero}));
      inputs.push_back(b.load(access, op.getX(), {batch, t, channel}));
      emitStep(0, inputs, t);
      b.store(full, inputs.back(), ring, {b.rem(step, window), zero});
    });
    b.loop(zero, b.idx(window), 1, [&](Value i) {
      Value row = b.rem(b.add(length, i), window);
      b.store(access, b.load(full, ring, {row, zero}), op.getState(),
              state(i, 0));
    });
  }
};

bool isSupported(ssm::ShortConvOp op, const CpuTarget &) {
  for (Value v : {op.getX(), op.getBias(), op.getY(), op.getState()})
    if (v && !isUnitStrideFloat(v))
      return false;
  return isFloatMemRef(op.getW()) &&
         !cast<MemRefType>(op.getW().getType()).isDynamicDim(1);
}

struct LowerShortConv : ssmc::impl::SsmLowerShortConvBase<LowerShortConv> {
  using SsmLowerShortConvBase::SsmLowerShortConvBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::ShortConvOp, Kernel>(getOperation(), cpu,
                                                   isSupported)))
      signalPassFailure();
  }
};

} // namespace
