//===- Ring.cpp - sequences on their way through shared memory ------------===//
//
// A tile of one stream is `steps` rows of 64 to 256 bytes: four to 16 lanes
// copy a row, 16 bytes each, and the warp several rows at a time. Rows beyond
// the end repeat the last one, and columns beyond the last channel the last 16
// bytes: what is copied exists.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/Ring.h"

#include "lib/Codegen/Gpu/Choice.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace ssmc;

Segments::Segments(LaunchBuilder &b, Value length, Value wanted,
                   int64_t shortest) {
  if (std::optional<int64_t> given = givenChoice(b, "segments"))
    wanted = b.idx(*given), shortest = 1;
  Value most = b.max(b.min(wanted, b.div(length, shortest)), b.idx(1));
  steps = b.max(b.ceilDiv(length, most), b.idx(1));
  count = b.max(b.ceilDiv(length, steps), b.idx(1));
}

Ring::Ring(LaunchBuilder &b, gpu::LaunchOp launch, RingShape shape,
           Value thread)
    : b(b), shape(shape) {
  int64_t warpBytes = shape.stages * shape.stageBytes();
  Value shared = b.shared(launch, shape.warps * warpBytes, b.getI8Type());
  lane = b.rem(thread, warpLanes);
  memory = memref::ExtractAlignedPointerAsIndexOp::create(b, shared);
  memory = b.add(memory, b.mul(b.div(thread, warpLanes), warpBytes));
}

void Ring::begin(ArrayRef<Stream> sequences, Value channel, Value total,
                 Value steps) {
  streams.assign(sequences.begin(), sequences.end());
  count = steps;
  int64_t lanesOfRow = shape.rowBytes() / copyBytes;
  row = b.div(lane, lanesOfRow);
  Value first = b.mul(channel, shape.bytes());
  column = b.add(first, b.mul(b.rem(lane, lanesOfRow), copyBytes));
  Value last = b.sub(b.mul(total, shape.bytes()), b.idx(copyBytes));
  column = b.min(column, last);
  Value lanes =
      b.div(b.max(b.sub(total, channel), b.idx(shape.perLane)), shape.perLane);
  reader = b.min(lane, b.sub(lanes, b.idx(1)));
}

void Ring::copy(Value tile, Value stage) {
  int64_t rowsAtOnce = warpLanes * copyBytes / shape.rowBytes();
  Value last = b.sub(count, b.idx(1));
  Value begin = b.mul(tile, shape.steps);
  Value place = b.add(memory, b.mul(stage, shape.stageBytes()));
  place = b.add(place, b.mul(lane, copyBytes));
  for (int64_t r = 0; r < shape.steps; r += rowsAtOnce) {
    Value t = b.min(b.add(begin, b.add(row, r)), last);
    for (auto [k, stream] : llvm::enumerate(streams)) {
      Value from =
          b.add(b.add(stream.address, column), b.mul(t, stream.stride));
      Value to = b.add(place, (k * shape.steps + r) * shape.rowBytes());
      NVVM::CpAsyncOp::create(b, b.sharedAt(to), b.globalAt(from), copyBytes,
                              NVVM::LoadCacheModifierKind::CG, Value());
    }
  }
}

void Ring::issue(Value tile, Value stage) {
  copy(tile, stage);
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void Ring::fill() {
  for (int64_t s = 0; s + 1 < shape.stages; ++s)
    issue(b.idx(s), b.idx(s));
}

void Ring::wait(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, pending);
  b.warpBarrier();
}

Value Ring::nextStage(Value stage) {
  Value next = b.add(stage, 1);
  return b.select(b.equal(next, b.idx(shape.stages)), b.idx(0), next);
}

Value Ring::load(unsigned stream, Value stage, Value step) {
  int64_t laneBytes = shape.perLane * shape.bytes();
  Value at = b.add(memory, b.mul(stage, shape.stageBytes()));
  at = b.add(at, b.mul(step, shape.rowBytes()));
  at = b.add(at, b.mul(reader, laneBytes));
  at = b.add(at, stream * shape.steps * shape.rowBytes());
  return b.loadAt(shape.lane(), b.sharedAt(at), laneBytes);
}

SmallVector<Value> Ring::walk(ValueRange carried, Step step) {
  Value whole = b.div(count, shape.steps);
  fill();
  // What is carried beside the caller's: the stage of the tile, and the one to
  // be filled, which was emptied in the tile before.
  SmallVector<Value> begin{b.idx(0), b.idx(shape.stages - 1)};
  llvm::append_range(begin, carried);
  auto values = [&](Value stage, Value s) {
    SmallVector<Value> result;
    for (unsigned k = 0; k < shape.streams; ++k)
      result.push_back(load(k, stage, s));
    return result;
  };
  ValueRange done =
      b.loop(b.idx(0), whole, 1, begin, [&](Value tile, ValueRange carried) {
        Value stage = carried[0], empty = carried[1];
        wait(shape.stages - 2);
        issue(b.add(tile, shape.stages - 1), empty);
        SmallVector<Value> state(carried.drop_front(2));
        Value first = b.mul(tile, shape.steps);
        for (int64_t s = 0; s < shape.steps; ++s)
          state = step(b.add(first, s), values(stage, b.idx(s)), state);
        state.insert(state.begin(), {nextStage(stage), nextStage(empty)});
        return state;
      });
  // The steps of a last tile that is not whole.
  wait(0);
  Value stage = done[0], first = b.mul(whole, shape.steps);
  SmallVector<Value> state(done.drop_front(2));
  return b.loop(b.idx(0), b.sub(count, first), 1, state,
                [&](Value s, ValueRange carried) {
                  return step(b.add(first, s), values(stage, s), carried);
                });
}

Value Ring::isAligned(LaunchBuilder &b, ArrayRef<Value> memrefs,
                      Value channels) {
  Value bits;
  auto join = [&](Value value) {
    bits = bits ? arith::OrIOp::create(b, bits, value).getResult() : value;
  };
  for (Value memref : memrefs) {
    auto type = cast<MemRefType>(memref.getType());
    join(b.addressOf(memref, {}));
    for (int64_t d = 0; d + 1 < type.getRank(); ++d)
      join(b.byteStride(memref, d));
    join(b.mul(channels, type.getElementType().getIntOrFloatBitWidth() / 8));
  }
  // Without channels there is nothing to copy twice.
  Value fits = b.equal(b.rem(bits, copyBytes), b.idx(0));
  return b.both(fits, b.less(b.idx(0), channels));
}
