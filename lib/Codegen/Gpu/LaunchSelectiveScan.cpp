//===- LaunchSelectiveScan.cpp - ssm-launch-selective-scan --------------===//
//
// A lane has a channel, its states and its row of A in registers, and walks
// over time:
//
//   h[n] = 2^(dt * A'[n]) * h[n] + (dt * u) * B[t, n]        A' = log2(e) A
//   y[t] = (sum_n C[t, n] * h[n] + D * u) * silu(z[t])
//
// u, dt and z come through the warp's ring; B and C, the same for all channels,
// through a tile of some steps that the block extends to f32 once. What of a
// tile does not depend on the states is computed one tile ahead, to fill the
// gaps of the chain over time. The exponentials are what binds: 16 and 2 of a
// step.
//
// Where few warps would walk, time is cut into segments as for ssm.scan. The
// decay of a whole segment is 2^(A' * sum dt), so a first launch keeps the sum
// of dt, and the states of each segment from zero.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/Ring.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHSELECTIVESCAN
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t warpsOfBlock = 4;
constexpr int64_t blockThreads = warpsOfBlock * warpLanes;
constexpr int64_t stages = 4;
constexpr int64_t tileBytes = 16;   // of a channel in a tile of a sequence
constexpr int64_t sharedSteps = 32; // of a tile of B and C
constexpr int64_t mostStates = 32;
constexpr int64_t enoughWarps = 1024;
constexpr int64_t shortestSegment = 64;

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::SelectiveScanOp op)
      : b(b), op(op),
        states(cast<MemRefType>(op.getA().getType()).getDimSize(1)),
        type(cast<MemRefType>(op.getU().getType()).getElementType()) {}

  void emit() {
    batches = b.dim(op.getU(), 0);
    length = b.dim(op.getU(), 1);
    channels = b.dim(op.getU(), 2);
    for (Value memref : {op.getU(), op.getDelta(), op.getZ()})
      if (memref)
        sequences.push_back(memref);
    if (!isStreamable())
      return emitRows();
    SmallVector<Value> copied(sequences);
    copied.push_back(op.getY());
    b.when(
        b.both(Ring::isAligned(b, copied, channels), b.less(b.idx(0), length)),
        [&] { emitStreams(); }, [&] { emitRows(); });
  }

private:
  bool isStreamable() {
    auto isSame = [&](Value memref) {
      return isUnitStrideDeviceFloat(memref) &&
             cast<MemRefType>(memref.getType()).getElementType() == type;
    };
    return llvm::all_of(sequences, isSame) && isSame(op.getY()) &&
           states % 4 == 0 && states <= mostStates && !op.getResets();
  }

  /// The index of a step.
  Value at(Value step) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), step) : step;
  }

  /// A thread to a channel, with its states in memory of its own.
  void emitRows() {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Value> zeros(2, b.idx(0)), ones(2, b.idx(1));
    auto loop =
        scf::ParallelOp::create(b, zeros, ValueRange{batches, channels}, ones);
    b.setInsertionPointToStart(loop.getBody());
    Value batch = loop.getInductionVars()[0], d = loop.getInductionVars()[1];
    Value h =
        memref::AllocaOp::create(b, MemRefType::get({states}, b.getF32Type()));
    auto forStates = [&](function_ref<void(Value)> body) {
      b.loop(b.idx(0), b.idx(states), 1, {},
             [&](Value n, ValueRange) -> SmallVector<Value> {
               body(n);
               return {};
             });
    };
    forStates(
        [&](Value n) { b.store(b.load(op.getState(), {batch, d, n}), h, n); });
    b.loop(
        b.idx(0), length, 1, {},
        [&](Value step, ValueRange) -> SmallVector<Value> {
          Value t = at(step);
          if (op.getResets())
            b.when(
                memref::LoadOp::create(b, op.getResets(), ValueRange{batch, t}),
                [&] {
                  forStates([&](Value n) { b.store(b.real(0.0), h, n); });
                });
          Value u = b.load(op.getU(), {batch, t, d});
          Value dt = b.load(op.getDelta(), {batch, t, d});
          Value input = b.fmul(dt, u), scaled = b.fmul(dt, b.real(log2e));
          Value acc = b.loop(
              b.idx(0), b.idx(states), 1, b.real(0.0),
              [&](Value n, ValueRange acc) -> SmallVector<Value> {
                Value decay = b.exp2(b.fmul(scaled, b.load(op.getA(), {d, n})));
                Value next =
                    b.fma(decay, b.load(h, n),
                          b.fmul(input, b.load(op.getB(), {batch, t, n})));
                b.store(next, h, n);
                return {b.fma(next, b.load(op.getC(), {batch, t, n}), acc[0])};
              })[0];
          if (op.getD())
            acc = b.fma(b.load(op.getD(), d), u, acc);
          if (op.getZ())
            acc = b.fmul(acc, b.silu(b.load(op.getZ(), {batch, t, d})));
          b.store(acc, op.getY(), {batch, t, d});
          return {};
        });
    forStates(
        [&](Value n) { b.store(b.load(h, n), op.getState(), {batch, d, n}); });
  }

  void emitStreams() {
    shape = RingShape{type, (int64_t)sequences.size(), warpsOfBlock, stages, 1};
    shape.steps = tileBytes / shape.bytes();
    vec = VectorType::get({states}, b.getF32Type());
    Value across = b.ceilDiv(channels, blockThreads);
    Value warps = b.max(b.mul(b.mul(across, batches), warpsOfBlock), b.idx(1));
    Segments cut(b, length, b.div(b.idx(enoughWarps), warps), shortestSegment);
    Value segments = cut.count;
    b.when(
        b.less(b.idx(1), segments),
        [&] {
          // [segment, states and the sum of dt, row, channel]
          auto kept =
              MemRefType::get({ShapedType::kDynamic, states + 1,
                               ShapedType::kDynamic, ShapedType::kDynamic},
                              b.getF32Type());
          Value sums = memref::AllocOp::create(
              b, kept, ValueRange{segments, batches, channels});
          launchWalk(across, b.sub(segments, b.idx(1)), segments, cut.steps,
                     sums, /*isFirst=*/true);
          launchWalk(across, segments, segments, cut.steps, sums, false);
        },
        [&] {
          launchWalk(across, b.idx(1), b.idx(1), length, Value(), false);
        });
  }

  struct Place {
    Value batch, channel, walks, segment, segments, first, count;
  };

  void launchWalk(Value across, Value launched, Value segments, Value steps,
                  Value sums, bool isFirst) {
    OpBuilder::InsertionGuard guard(b);
    Value blocks = b.mul(b.mul(across, batches), launched);
    gpu::LaunchOp launch = b.launch(blocks, b.idx(1), b.idx(1), blockThreads);
    Value thread = launch.getThreadIds().x, block = launch.getBlockIds().x;
    Value part = b.rem(block, across), rest = b.div(block, across);
    Place at;
    at.batch = b.rem(rest, batches);
    at.segment = b.div(rest, batches);
    at.segments = segments;
    at.first = b.mul(at.segment, steps);
    at.count = b.min(steps, b.sub(length, at.first));
    Value warpChannel = b.mul(
        b.add(b.mul(part, warpsOfBlock), b.div(thread, warpLanes)), warpLanes);
    // A warp without a channel only meets the others.
    at.walks = b.less(warpChannel, channels);
    Ring ring(b, launch, shape, thread);
    auto space = gpu::AddressSpaceAttr::get(b.getContext(),
                                            gpu::AddressSpace::Workgroup);
    shared = launch.addWorkgroupAttribution(
        MemRefType::get({2, sharedSteps, 2, states}, b.getF32Type(),
                        MemRefLayoutAttrInterface(), space),
        b.getLoc());
    SmallVector<Stream> streams;
    for (Value memref : sequences)
      streams.push_back(streamOf(memref, at, b.idx(0)));
    ring.begin(streams, warpChannel, channels, at.count);
    at.channel =
        b.min(b.add(warpChannel, ring.getLane()), b.sub(channels, b.idx(1)));
    walk(ring, thread, at, sums, isFirst);
  }

  Stream streamOf(Value memref, const Place &place, Value channel) {
    Value stride = b.byteStride(memref, 1);
    if (op.getReverse())
      stride = b.sub(b.idx(0), stride);
    return {b.addressOf(memref, {place.batch, at(place.first), channel}),
            stride};
  }

  Value loadRow(Value memref, ValueRange index) {
    SmallVector<Value> values;
    for (int64_t n = 0; n < states; ++n) {
      SmallVector<Value> at(index);
      at.push_back(b.idx(n));
      values.push_back(b.load(memref, at));
    }
    return vector::FromElementsOp::create(b, vec, values);
  }

  Value element(Value vector, int64_t n) {
    return vector::ExtractOp::create(b, vector, n);
  }
  Value splat(Value scalar) {
    return vector::BroadcastOp::create(b, vec, scalar);
  }
  Value powers(Value exponents) {
    SmallVector<Value> values;
    for (int64_t n = 0; n < states; ++n)
      values.push_back(b.exp2(element(exponents, n)));
    return vector::FromElementsOp::create(b, vec, values);
  }

  /// The elements of a tile of B and C that a thread brings along.
  SmallVector<Value> loadShared(Value thread, const Place &place, Value first) {
    SmallVector<Value> values;
    forShared(thread, [&](int64_t which, Value step, Value n) {
      Value t = b.min(b.add(first, step), b.sub(place.count, b.idx(1)));
      Value memref = which ? op.getC() : op.getB();
      values.push_back(
          b.load(memref, {place.batch, at(b.add(place.first, t)), n}));
    });
    return values;
  }
  void storeShared(Value thread, ValueRange values, Value buffer) {
    unsigned next = 0;
    forShared(thread, [&](int64_t which, Value step, Value n) {
      memref::StoreOp::create(b, values[next++], shared,
                              ValueRange{buffer, step, b.idx(which), n});
    });
  }
  void forShared(Value thread, function_ref<void(int64_t, Value, Value)> body) {
    for (int64_t which : {0, 1})
      for (int64_t e = 0; e < sharedSteps * states; e += blockThreads) {
        Value at = b.add(thread, e);
        body(which, b.div(at, states), b.rem(at, states));
      }
  }

  /// For each step of a tile dt, dt * u, D * u and silu(z).
  SmallVector<Value> prepare(Ring &ring, Value stage, Value skip,
                             bool isFirst) {
    SmallVector<Value> dts, inputs, skips, gates;
    for (int64_t s = 0; s < shape.steps; ++s) {
      auto value = [&](unsigned k) -> Value {
        return b.widen(
            vector::ExtractOp::create(b, ring.load(k, stage, b.idx(s)), 0));
      };
      Value u = value(0), dt = value(1);
      dts.push_back(dt);
      inputs.push_back(b.fmul(dt, u));
      if (isFirst)
        continue;
      if (op.getD())
        skips.push_back(b.fmul(skip, u));
      if (op.getZ())
        gates.push_back(b.silu(value(2)));
    }
    for (auto *more : {&inputs, &skips, &gates})
      llvm::append_range(dts, *more);
    return dts;
  }

  void walk(Ring &ring, Value thread, const Place &place, Value sums,
            bool isFirst) {
    ring.fill();
    Value A = b.fmul(loadRow(op.getA(), place.channel), b.real(log2e, vec));
    Value skip = op.getD() ? b.load(op.getD(), place.channel) : Value();
    Value h = beginState(place, sums, A, isFirst);
    storeShared(thread, loadShared(thread, place, b.idx(0)), b.idx(0));
    ring.wait(stages - 2);
    b.barrier();
    // Carried: the stages to prepare and to fill, the states, the sum of dt,
    // and what is prepared.
    SmallVector<Value> carried{b.idx(1), b.idx(stages - 1), h, b.real(0.0)};
    llvm::append_range(carried, prepare(ring, b.idx(0), skip, isFirst));
    int64_t tilesOfShared = sharedSteps / shape.steps;
    Value whole = b.div(place.count, shape.steps);
    Value outer = b.ceilDiv(place.count, sharedSteps);
    ValueRange done =
        b.loop(b.idx(0), outer, 1, carried, [&](Value o, ValueRange carried) {
          Value buffer = b.rem(o, 2), other = b.sub(b.idx(1), buffer);
          Value following = b.mul(b.add(o, 1), sharedSteps);
          SmallVector<Value> next = loadShared(thread, place, following);
          Value firstTile = b.mul(o, tilesOfShared);
          Value count = b.min(b.sub(whole, firstTile), b.idx(tilesOfShared));
          count = b.select(place.walks, count, b.idx(0));
          ValueRange after = b.loop(
              b.idx(0), count, 1, carried, [&](Value i, ValueRange carried) {
                Value tile = b.add(firstTile, i);
                Value row = b.mul(i, shape.steps);
                return walkTile(ring, place, tile, row, buffer, A, skip,
                                carried, isFirst);
              });
          storeShared(thread, next, other);
          b.barrier();
          return SmallVector<Value>(after);
        });
    // The steps of a last tile that is not whole: its B and C are there still.
    Value rest = b.sub(place.count, b.mul(whole, shape.steps));
    Value some = b.select(b.both(place.walks, b.less(b.idx(0), rest)), b.idx(1),
                          b.idx(0));
    Value last = b.sub(outer, b.idx(1));
    Value row = b.mul(b.sub(whole, b.mul(last, tilesOfShared)), shape.steps);
    SmallVector<Value> state(done.drop_front(2));
    state = b.loop(b.idx(0), some, 1, state, [&](Value, ValueRange carried) {
      return walkSteps(place, whole, row, b.rem(last, 2), A, carried, rest,
                       isFirst);
    });
    b.when(place.walks,
           [&] { endState(place, sums, state[0], state[1], isFirst); });
  }

  SmallVector<Value> walkTile(Ring &ring, const Place &place, Value tile,
                              Value row, Value buffer, Value A, Value skip,
                              ValueRange carried, bool isFirst) {
    Value stage = carried[0], empty = carried[1];
    ring.wait(stages - 3);
    ring.issue(b.add(tile, stages - 1), empty);
    SmallVector<Value> next = prepare(ring, stage, skip, isFirst);
    SmallVector<Value> state = walkSteps(
        place, tile, row, buffer, A, carried.drop_front(2), Value(), isFirst);
    SmallVector<Value> result{ring.nextStage(stage), ring.nextStage(empty),
                              state[0], state[1]};
    llvm::append_range(result, next);
    return result;
  }

  /// The steps of a tile, of which `carried` has the states, the sum of dt and
  /// what is prepared. Where there are but `count` of them, the others have
  /// steps of no length, which leave the states alone, and the inputs of the
  /// last one: they store what that stores.
  SmallVector<Value> walkSteps(const Place &place, Value tile, Value row,
                               Value buffer, Value A, ValueRange carried,
                               Value count, bool isFirst) {
    Value h = carried[0], total = carried[1];
    ValueRange ready = carried.drop_front(2);
    int64_t steps = shape.steps;
    Stream out = streamOf(op.getY(), place, place.channel);
    Value tileAt = b.add(out.address, b.mul(b.mul(tile, steps), out.stride));
    for (int64_t s = 0; s < steps; ++s) {
      Value dt = ready[s], input = ready[steps + s], place = b.idx(s);
      if (count) {
        Value exists = b.less(place, count);
        dt = b.select(exists, dt, b.real(0.0));
        input = b.select(exists, input, b.real(0.0));
        place = b.min(place, b.sub(count, b.idx(1)));
      }
      Value step = b.add(row, s);
      auto rowOf = [&](int64_t which) -> Value {
        return vector::LoadOp::create(
            b, vec, shared, ValueRange{buffer, step, b.idx(which), b.idx(0)},
            /*nontemporal=*/false, llvm::MaybeAlign(16));
      };
      Value decays = powers(b.fmul(splat(dt), A));
      h = b.fma(decays, h, b.fmul(splat(input), rowOf(0)));
      if (isFirst) {
        total = b.fadd(total, dt);
        continue;
      }
      Value y = sumOf(b.fmul(h, rowOf(1)));
      int64_t at = 2 * steps + s;
      if (op.getD()) {
        y = b.fadd(y, ready[at]);
        at += steps;
      }
      if (op.getZ())
        y = b.fmul(y, ready[at]);
      b.storeAt(b.narrow(y, type),
                b.globalAt(b.add(tileAt, b.mul(place, out.stride))),
                shape.bytes());
    }
    SmallVector<Value> result{h, total};
    llvm::append_range(result, ready);
    return result;
  }

  /// Four sums at a time, then a tree.
  Value sumOf(Value products) {
    SmallVector<Value> sums;
    for (int64_t n = 0; n < states; ++n) {
      Value one = element(products, n);
      if (n < 4)
        sums.push_back(one);
      else
        sums[n % 4] = b.fadd(sums[n % 4], one);
    }
    return b.fadd(b.fadd(sums[0], sums[1]), b.fadd(sums[2], sums[3]));
  }

  Value kept(Value sums, Value segment, const Place &place, int64_t n) {
    return b.load(sums, {segment, b.idx(n), place.batch, place.channel});
  }
  Value keptStates(Value sums, Value segment, const Place &place) {
    SmallVector<Value> values;
    for (int64_t n = 0; n < states; ++n)
      values.push_back(kept(sums, segment, place, n));
    return vector::FromElementsOp::create(b, vec, values);
  }
  void keep(Value sums, Value segment, const Place &place, Value h,
            Value total) {
    for (int64_t n = 0; n <= states; ++n)
      b.store(n < states ? element(h, n) : total, sums,
              {segment, b.idx(n), place.batch, place.channel});
  }

  /// The states before a segment. The op's state, which the last segment
  /// writes, is kept by the first launch in the place of the last segment.
  Value beginState(const Place &place, Value sums, Value A, bool isFirst) {
    if (!sums)
      return loadRow(op.getState(), {place.batch, place.channel});
    Value copied = b.sub(place.segments, b.idx(1));
    if (isFirst) {
      b.when(b.both(place.walks, b.equal(place.segment, b.idx(0))), [&] {
        keep(sums, copied, place,
             loadRow(op.getState(), {place.batch, place.channel}), b.real(0.0));
      });
      return b.real(0.0, vec);
    }
    return b.loop(b.idx(0), place.segment, 1, keptStates(sums, copied, place),
                  [&](Value s, ValueRange h) -> SmallVector<Value> {
                    Value total = kept(sums, s, place, states);
                    Value decays = powers(b.fmul(splat(total), A));
                    return {b.fma(decays, h[0], keptStates(sums, s, place))};
                  })[0];
  }

  void endState(const Place &place, Value sums, Value h, Value total,
                bool isFirst) {
    if (isFirst)
      return keep(sums, place.segment, place, h, total);
    b.when(b.equal(b.add(place.segment, 1), place.segments), [&] {
      for (int64_t n = 0; n < states; ++n)
        b.store(element(h, n), op.getState(),
                {place.batch, place.channel, b.idx(n)});
    });
  }

  LaunchBuilder &b;
  ssm::SelectiveScanOp op;
  int64_t states;
  Type type;
  RingShape shape;
  VectorType vec;               // of states
  SmallVector<Value> sequences; // u, delta and z
  Value batches, length, channels, shared;
};

bool isSupported(ssm::SelectiveScanOp op) {
  for (Value memref : {op.getU(), op.getDelta(), op.getA(), op.getB(),
                       op.getC(), op.getD(), op.getZ(), op.getY()})
    if (memref && !isDeviceFloat(memref))
      return false;
  return cast<MemRefType>(op.getState().getType()).getElementType().isF32() &&
         !cast<MemRefType>(op.getA().getType()).isDynamicDim(1);
}

struct LaunchSelectiveScan
    : ssmc::impl::SsmLaunchSelectiveScanBase<LaunchSelectiveScan> {
  void runOnOperation() override {
    launchEach<ssm::SelectiveScanOp, Kernel>(getOperation(), isSupported);
  }
};

} // namespace
