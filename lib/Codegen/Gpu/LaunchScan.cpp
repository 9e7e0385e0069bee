//===- LaunchScan.cpp - ssm-launch-scan ---------------------------------===//
//
// h = a * h + b along one dimension. A lane has 4 bytes of neighbouring
// channels in registers and walks over time; a and b come through the warp's
// ring. Memory is passed over once, at its speed as soon as some 500 warps
// walk. Where there are fewer, time is cut into segments: a first launch
// computes the product of the decays and the state of each segment from zero, a
// second one begins each with what the segments before it give, which reads a
// and b twice:
//
//   H[s] = A[s] * H[s-1] + h[s]     from the op's state on, in order
//
// The op's state, which the last segment writes while others begin, is copied
// by the first launch to the place of the last segment, which that does not
// compute.
//
// Where time is the last dimension, or memory is not aligned, a thread walks
// over a row by itself.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/Ring.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHSCAN
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t warpsOfBlock = 2;
constexpr int64_t stages = 6;
// Warps that keep the memory busy, and the shortest segments.
constexpr int64_t enoughWarps = 512;
constexpr int64_t shortestSegment = 64;

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::ScanOp op)
      : b(b), op(op), type(cast<MemRefType>(op.getH().getType())),
        rank(type.getRank()), time(op.getDimension()) {}

  void emit() {
    length = b.dim(op.getH(), time);
    if (time == rank - 1 || !isStreamable())
      return emitRows();
    channels = b.dim(op.getH(), rank - 1);
    Value aligned =
        Ring::isAligned(b, {op.getA(), op.getB(), op.getH()}, channels);
    Value some = b.less(b.idx(0), length);
    b.when(b.both(aligned, some), [&] { emitStreams(); }, [&] { emitRows(); });
  }

private:
  bool isStreamable() {
    return llvm::all_of(ValueRange{op.getA(), op.getB(), op.getH()},
                        isUnitStrideDeviceFloat);
  }

  SmallVector<Value> withTime(ValueRange others, Value t) {
    SmallVector<Value> result(others);
    result.insert(result.begin() + time, t);
    return result;
  }

  /// The index of a step.
  Value at(Value step) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), step) : step;
  }

  /// A thread to a row.
  void emitRows() {
    SmallVector<Value> zeros, bounds, ones;
    for (int64_t d = 0; d < rank; ++d)
      if (d != time) {
        zeros.push_back(b.idx(0));
        ones.push_back(b.idx(1));
        bounds.push_back(b.dim(op.getH(), d));
      }
    OpBuilder::InsertionGuard guard(b);
    if (bounds.empty()) {
      zeros.push_back(b.idx(0));
      ones.push_back(b.idx(1));
      bounds.push_back(b.idx(1));
    }
    auto loop = scf::ParallelOp::create(b, zeros, bounds, ones);
    b.setInsertionPointToStart(loop.getBody());
    ValueRange row = ValueRange(loop.getInductionVars()).take_front(rank - 1);
    Value last = b.loop(b.idx(0), length, 1, b.load(op.getState(), row),
                        [&](Value step, ValueRange h) -> SmallVector<Value> {
                          SmallVector<Value> index = withTime(row, at(step));
                          Value next = b.fma(b.load(op.getA(), index), h[0],
                                             b.load(op.getB(), index));
                          b.store(next, op.getH(), index);
                          return {next};
                        })[0];
    b.store(last, op.getState(), row);
  }

  void emitStreams() {
    shape = RingShape{type.getElementType(), 2, warpsOfBlock, stages,
                      4 / (type.getElementTypeBitWidth() / 8)};
    int64_t blockChannels = warpsOfBlock * shape.channels();
    Value across = b.ceilDiv(channels, blockChannels);
    Value rows = b.idx(1);
    for (int64_t d = 0; d < rank - 1; ++d)
      if (d != time)
        rows = b.mul(rows, b.dim(op.getH(), d));
    Value warps = b.max(b.mul(b.mul(across, rows), warpsOfBlock), b.idx(1));
    Segments cut(b, length, b.div(b.idx(enoughWarps), warps), shortestSegment);
    Value segments = cut.count;
    b.when(
        b.less(b.idx(1), segments),
        [&] {
          // [segment, product or state, row, channel]
          auto kept =
              MemRefType::get({ShapedType::kDynamic, 2, ShapedType::kDynamic,
                               ShapedType::kDynamic},
                              b.getF32Type());
          Value sums = memref::AllocOp::create(
              b, kept, ValueRange{segments, rows, channels});
          launchWalk(across, rows, b.sub(segments, b.idx(1)), segments,
                     cut.steps, sums, /*isFirst=*/true);
          launchWalk(across, rows, segments, segments, cut.steps, sums, false);
        },
        [&] {
          launchWalk(across, rows, b.idx(1), b.idx(1), length, Value(), false);
        });
  }

  /// The indices of the other dimensions but the last, of a row's number.
  SmallVector<Value> rowOf(Value number) {
    SmallVector<Value> result(rank - 2);
    int64_t place = rank - 2;
    for (int64_t d = rank - 2; d >= 0; --d) {
      if (d == time)
        continue;
      --place;
      if (place == 0) {
        result[0] = number;
        break;
      }
      Value extent = b.dim(op.getH(), d);
      result[place] = b.rem(number, extent);
      number = b.div(number, extent);
    }
    return result;
  }

  /// A row's steps from `first` on, in the op's direction or the other one.
  Stream streamOf(Value memref, ValueRange row, Value first,
                  bool isBackward = false) {
    SmallVector<Value> index = withTime(row, at(first));
    Value stride = b.byteStride(memref, time);
    if (op.getReverse() != isBackward)
      stride = b.sub(b.idx(0), stride);
    return {b.addressOf(memref, index), stride};
  }

  void launchWalk(Value across, Value rows, Value launched, Value segments,
                  Value steps, Value sums, bool isFirst) {
    OpBuilder::InsertionGuard guard(b);
    // The number of rows is not bounded as that of blocks in y and z is.
    Value blocks = b.mul(b.mul(across, rows), launched);
    gpu::LaunchOp launch =
        b.launch(blocks, b.idx(1), b.idx(1), warpsOfBlock * warpLanes);
    Value block = launch.getBlockIds().x, thread = launch.getThreadIds().x;
    Value part = b.rem(block, across);
    Value rest = b.div(block, across);
    Value number = b.rem(rest, rows), segment = b.div(rest, rows);
    SmallVector<Value> row = rowOf(number);
    Ring ring(b, launch, shape, thread);
    Value warp = b.div(thread, warpLanes);
    Value warpChannel =
        b.mul(b.add(b.mul(part, warpsOfBlock), warp), shape.channels());
    b.when(b.less(warpChannel, channels), [&] {
      Value first = b.mul(segment, steps);
      Value count = b.min(steps, b.sub(length, first));
      Stream out = streamOf(op.getH(), row, first);
      // The first launch ends where the second one begins, so that this is in
      // the second cache still.
      Value begin = isFirst ? b.sub(b.add(first, count), b.idx(1)) : first;
      ring.begin({streamOf(op.getA(), row, begin, isFirst),
                  streamOf(op.getB(), row, begin, isFirst)},
                 warpChannel, channels, count);
      Value channel = b.add(warpChannel, b.mul(ring.getLane(), shape.perLane));
      Type lanes = VectorType::get({shape.perLane}, b.getF32Type());
      Value copied = b.sub(segments, b.idx(1));
      Value h = sums && !isFirst
                    ? loadLanes(sums, {copied, b.idx(0), number}, channel)
                    : loadLanes(op.getState(), row, channel);
      if (isFirst) {
        b.when(b.equal(segment, b.idx(0)),
               [&] { keep({h, h}, sums, copied, number, channel); });
        h = b.real(0.0, lanes);
      } else if (sums) {
        h = advance(h, sums, segment, number, channel);
      }
      SmallVector<Value> carried{h};
      if (isFirst)
        carried.push_back(b.real(1.0, lanes));
      Value outAt = b.add(out.address, b.mul(channel, shape.bytes()));
      SmallVector<Value> last = ring.walk(
          carried, [&](Value t, ArrayRef<Value> values, ValueRange carried) {
            Value a = b.widen(values[0]), own = b.widen(values[1]);
            if (isFirst) {
              Value behind = carried[1]; // the product of later steps
              return SmallVector<Value>{b.fma(behind, own, carried[0]),
                                        b.fmul(behind, a)};
            }
            Value next = b.fma(a, carried[0], own);
            b.storeAt(b.narrow(next, shape.element),
                      b.globalAt(b.add(outAt, b.mul(t, out.stride))), 4);
            return SmallVector<Value>{next};
          });
      if (isFirst)
        return keep(last, sums, segment, number, channel);
      b.when(b.equal(b.add(segment, 1), segments), [&] {
        forLanes(channel, [&](Value c, int64_t i) {
          SmallVector<Value> index(row);
          index.push_back(c);
          b.store(vector::ExtractOp::create(b, last[0], i), op.getState(),
                  index);
        });
      });
    });
  }

  void forLanes(Value channel, function_ref<void(Value, int64_t)> body) {
    for (int64_t i = 0; i < shape.perLane; ++i)
      body(b.add(channel, i), i);
  }

  /// A vector of a lane's values of `memref`, whose last index is the channel.
  Value loadLanes(Value memref, ArrayRef<Value> index, Value channel) {
    SmallVector<Value> values;
    forLanes(channel, [&](Value c, int64_t) {
      SmallVector<Value> place(index);
      place.push_back(c);
      values.push_back(b.load(memref, place));
    });
    return vector::FromElementsOp::create(
        b, VectorType::get({shape.perLane}, b.getF32Type()), values);
  }

  Value advance(Value h, Value sums, Value segment, Value number,
                Value channel) {
    return b.loop(b.idx(0), segment, 1, h,
                  [&](Value s, ValueRange h) -> SmallVector<Value> {
                    Value a = loadLanes(sums, {s, b.idx(0), number}, channel);
                    Value own = loadLanes(sums, {s, b.idx(1), number}, channel);
                    return {b.fma(a, h[0], own)};
                  })[0];
  }

  void keep(ArrayRef<Value> last, Value sums, Value segment, Value number,
            Value channel) {
    forLanes(channel, [&](Value c, int64_t i) {
      for (int64_t which : {0, 1})
        b.store(vector::ExtractOp::create(b, last[1 - which], i), sums,
                {segment, b.idx(which), number, c});
    });
  }

  LaunchBuilder &b;
  ssm::ScanOp op;
  MemRefType type;
  int64_t rank, time;
  RingShape shape;
  Value length, channels;
};

bool isSupported(ssm::ScanOp op) {
  return cast<MemRefType>(op.getState().getType()).getElementType().isF32() &&
         llvm::all_of(ValueRange{op.getA(), op.getB(), op.getH()},
                      isDeviceFloat);
}

struct LaunchScan : ssmc::impl::SsmLaunchScanBase<LaunchScan> {
  void runOnOperation() override {
    launchEach<ssm::ScanOp, Kernel>(getOperation(), isSupported);
  }
};

} // namespace
