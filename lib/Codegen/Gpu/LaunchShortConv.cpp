//===- LaunchShortConv.cpp - ssm-launch-short-conv ----------------------===//
//
// A lane has some neighbouring channels, their weights and the last inputs in
// registers, and walks over time; x comes through the warp's ring. A segment of
// time needs no more of what is before it than those inputs, so time is cut
// into many, which finish at different times and keep the memory busy to the
// end. The state is what x ends with: whoever has the first segment, and alone
// has read the state, writes it.
//
// A lane has 8 bytes of channels, or 4 where registers are short.
//
// With resets, and where memory is not aligned, a thread walks over a channel.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/Ring.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHSHORTCONV
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t warpsOfBlock = 2;
constexpr int64_t enoughBytes = 1 << 22; // of all lanes, to cut time no more
constexpr int64_t shortestSegment = 64;
constexpr int64_t mostKept = 32;      // inputs in registers
constexpr int64_t mostRegisters = 48; // of weights and inputs, with 8 bytes

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::ShortConvOp op)
      : b(b), op(op),
        type(cast<MemRefType>(op.getX().getType()).getElementType()),
        width(cast<MemRefType>(op.getW().getType()).getDimSize(1)),
        kept(cast<MemRefType>(op.getState().getType()).getDimSize(1)) {}

  void emit() {
    batches = b.dim(op.getX(), 0);
    length = b.dim(op.getX(), 1);
    channels = b.dim(op.getX(), 2);
    if (op.getResets() || !isUnitStrideDeviceFloat(op.getX()) ||
        !isUnitStrideDeviceFloat(op.getY()))
      return emitRows();
    Value aligned = Ring::isAligned(b, {op.getX(), op.getY()}, channels);
    Value some = b.less(b.idx(0), length);
    b.when(b.both(aligned, some), [&] { emitStreams(); }, [&] { emitRows(); });
  }

private:
  /// The index of a step.
  Value at(Value step) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), step) : step;
  }

  using Load = function_ref<Value(Value memref, ValueRange index)>;

  /// The input at a step from -kept on, of the sequence or of the state.
  Value before(Value step, Value batch, Value channel, Load load) {
    Value inState = b.less(step, b.idx(0));
    Value old = b.min(b.add(step, kept), b.idx(kept - 1));
    Value own = b.max(step, b.idx(0));
    Value fromState = load(op.getState(), {batch, old, channel});
    Value fromX = load(op.getX(), {batch, at(own), channel});
    return b.select(inState, fromState, fromX);
  }

  /// The output for an input and those before it, the oldest first.
  Value output(Value x, ValueRange window, ArrayRef<Value> weights,
               Value bias) {
    Value acc = b.fmul(weights[width - 1], x);
    for (int64_t j = 1; j < width; ++j)
      acc = b.fma(weights[width - 1 - j], window[kept - j * op.getDilation()],
                  acc);
    return bias ? b.fadd(acc, bias) : acc;
  }
  Value activate(Value y) {
    return op.getActivation() == ssm::Activation::Silu ? b.silu(y) : y;
  }
  static SmallVector<Value> shift(ValueRange window, Value x) {
    SmallVector<Value> next(window.drop_front(window.empty() ? 0 : 1));
    if (!window.empty())
      next.push_back(x);
    return next;
  }

  void emitRows() {
    parallel([&](Value batch, Value c) {
      SmallVector<Value> weights, window;
      for (int64_t j = 0; j < width; ++j)
        weights.push_back(b.load(op.getW(), {c, b.idx(j)}));
      Value bias = op.getBias() ? b.load(op.getBias(), c) : Value();
      for (int64_t i = 0; i < kept; ++i)
        window.push_back(b.load(op.getState(), {batch, b.idx(i), c}));
      ValueRange last = b.loop(
          b.idx(0), length, 1, window, [&](Value step, ValueRange carried) {
            Value t = at(step);
            SmallVector<Value> window(carried);
            if (op.getResets()) {
              Value reset = memref::LoadOp::create(b, op.getResets(),
                                                   ValueRange{batch, t});
              for (Value &value : window)
                value = b.select(reset, b.real(0.0), value);
            }
            Value x = b.load(op.getX(), {batch, t, c});
            b.store(activate(output(x, window, weights, bias)), op.getY(),
                    {batch, t, c});
            return shift(window, x);
          });
      for (int64_t i = 0; i < kept; ++i)
        b.store(last[i], op.getState(), {batch, b.idx(i), c});
    });
  }

  /// A thread to a channel of a batch row.
  void parallel(function_ref<void(Value, Value)> body) {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Value> zeros(2, b.idx(0)), ones(2, b.idx(1));
    auto loop =
        scf::ParallelOp::create(b, zeros, ValueRange{batches, channels}, ones);
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVars()[0], loop.getInductionVars()[1]);
  }

  /// The state of the end, of some neighbouring channels: all is read, by all
  /// lanes of the warp, before any is written.
  void storeState(Value batch, Value channel, int64_t channels) {
    SmallVector<Value> ends;
    Value first = b.sub(length, b.idx(kept));
    auto load = [&](Value memref, ValueRange index) {
      return b.load(memref, index);
    };
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < kept; ++i)
        ends.push_back(before(b.add(first, i), batch, b.add(channel, c), load));
    b.warpBarrier();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < kept; ++i)
        b.store(ends[c * kept + i], op.getState(),
                {batch, b.idx(i), b.add(channel, c)});
  }

  void emitStreams() {
    OpBuilder::InsertionGuard guard(b);
    int64_t bytes = elementBytes(type);
    bool isWide = (width + kept) * 8 / bytes <= mostRegisters;
    RingShape shape{type, 1, warpsOfBlock, /*stages=*/isWide ? 6 : 8,
                    (isWide ? 8 : 4) / bytes};
    Value across = b.ceilDiv(channels, shape.warps * shape.channels());
    Value atOnce =
        b.mul(b.mul(across, batches), shape.warps * shape.rowBytes());
    Value wanted = b.ceilDiv(b.idx(enoughBytes), b.max(atOnce, b.idx(1)));
    Segments cut(b, length, wanted, shortestSegment);
    Value blocks = b.mul(b.mul(across, batches), cut.count);
    gpu::LaunchOp launch =
        b.launch(blocks, b.idx(1), b.idx(1), shape.warps * warpLanes);
    Value block = launch.getBlockIds().x, thread = launch.getThreadIds().x;
    Value part = b.rem(block, across), rest = b.div(block, across);
    Value batch = b.rem(rest, batches), segment = b.div(rest, batches);
    Ring ring(b, launch, shape, thread);
    Value warp = b.add(b.mul(part, shape.warps), b.div(thread, warpLanes));
    Value warpChannel = b.mul(warp, shape.channels());
    Value first = b.mul(segment, cut.steps);
    Value count = b.min(cut.steps, b.sub(length, first));
    b.when(b.less(warpChannel, channels),
           [&] { walk(ring, shape, batch, warpChannel, first, count); });
  }

  Stream streamOf(Value memref, Value batch, Value first) {
    Value stride = b.byteStride(memref, 1);
    if (op.getReverse())
      stride = b.sub(b.idx(0), stride);
    return {b.addressOf(memref, {batch, at(first), b.idx(0)}), stride};
  }

  void walk(Ring &ring, const RingShape &shape, Value batch, Value warpChannel,
            Value first, Value count) {
    ring.begin({streamOf(op.getX(), batch, first)}, warpChannel, channels,
               count);
    Value channel = b.add(warpChannel, b.mul(ring.getLane(), shape.perLane));
    auto gather = [&](function_ref<Value(Value)> load) -> Value {
      SmallVector<Value> values;
      for (int64_t i = 0; i < shape.perLane; ++i)
        values.push_back(load(b.add(channel, i)));
      return vector::FromElementsOp::create(
          b, VectorType::get({shape.perLane}, b.getF32Type()), values);
    };
    SmallVector<Value> weights, window;
    for (int64_t j = 0; j < width; ++j)
      weights.push_back(
          gather([&](Value c) { return b.load(op.getW(), {c, b.idx(j)}); }));
    Value bias;
    if (op.getBias())
      bias = gather([&](Value c) { return b.load(op.getBias(), c); });
    for (int64_t i = 0; i < kept; ++i)
      window.push_back(gather([&](Value c) {
        return before(b.add(first, i - kept), batch, c,
                      [&](Value memref, ValueRange index) {
                        return b.load(memref, index);
                      });
      }));
    b.when(b.equal(first, b.idx(0)),
           [&] { storeState(batch, channel, shape.perLane); });
    Stream out = streamOf(op.getY(), batch, first);
    Value outAt = b.add(out.address, b.mul(channel, shape.bytes()));
    ring.walk(window, [&](Value t, ArrayRef<Value> values, ValueRange window) {
      Value x = b.widen(values[0]);
      Value sum = output(x, window, weights, bias);
      SmallVector<Value> results;
      for (int64_t i = 0; i < shape.perLane; ++i)
        results.push_back(activate(vector::ExtractOp::create(b, sum, i)));
      Value y = vector::FromElementsOp::create(b, sum.getType(), results);
      b.storeAt(b.narrow(y, type),
                b.globalAt(b.add(outAt, b.mul(t, out.stride))),
                shape.perLane * shape.bytes());
      return shift(window, x);
    });
  }

  LaunchBuilder &b;
  ssm::ShortConvOp op;
  Type type;
  int64_t width, kept;
  Value batches, length, channels;
};

bool isSupported(ssm::ShortConvOp op) {
  for (Value memref :
       {op.getX(), op.getW(), op.getBias(), op.getY(), op.getState()})
    if (memref && !isDeviceFloat(memref))
      return false;
  return cast<MemRefType>(op.getState().getType()).getDimSize(1) <= mostKept;
}

struct LaunchShortConv : ssmc::impl::SsmLaunchShortConvBase<LaunchShortConv> {
  void runOnOperation() override {
    launchEach<ssm::ShortConvOp, Kernel>(getOperation(), isSupported);
  }
};

} // namespace
