//===- LaunchSemiseparable.cpp - ssm-launch-semiseparable -----------------===//
//
// Matrix states without tensor cores: a block has the state of a head, or of
// some of its columns, in registers (StateTile.h) and walks over time:
//
//   S[n] = a[t, n] * S[n] + k[t, n] * c[t] * v[t]
//   y[t] = sum_n q[t, n] * S[n] + d * v[t]
//
// Keys, queries, values and powers of the decays come through shared memory
// (StagedSteps.h).
//
// Where few blocks would walk, time is cut into segments: a first launch finds
// the states at their ends, from zero but for the first segment, and the
// product of their decays.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/Ring.h"
#include "lib/Codegen/Gpu/StagedSteps.h"
#include "lib/Codegen/Gpu/StateTile.h"
#include "lib/Codegen/StateStart.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHSEMISEPARABLE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t mostSteps = 8; // of a tile
constexpr int64_t tileBytes = 24 << 10, mostTileBytes = 46 << 10;
constexpr int64_t mostQueries = 8; // of a state
constexpr int64_t enoughBlocks = 528, shortestSegment = 64;

MemRefType typeOf(Value memref) { return cast<MemRefType>(memref.getType()); }
int64_t extentOf(Value memref, int64_t dim) {
  return typeOf(memref).getDimSize(dim);
}

/// What of an op its kernel is made for.
struct Shape {
  StateTile tile;
  int64_t heads, keyHeads, queryHeads, queries; // queries of a state
  bool hasDecay, isOfKey;                       // the decay: of each key
  int64_t steps;                                // of a tile

  static std::optional<Shape> get(ssm::SemiseparableOp op);
  int64_t rowBytes() const {
    return 4 * (tile.paddedKeys() * (1 + queries + isOfKey) +
                tile.blockColumns() + 3);
  }
};

std::optional<Shape> Shape::get(ssm::SemiseparableOp op) {
  for (Value memref : {op.getQ(), op.getK(), op.getV(), op.getDecay(),
                       op.getScale(), op.getSkip(), op.getY(), op.getState()})
    if (memref && !isDeviceFloat(memref))
      return std::nullopt;
  int64_t keys = extentOf(op.getState(), 2),
          columns = extentOf(op.getState(), 3);
  if (!typeOf(op.getState()).getElementType().isF32() ||
      ShapedType::isDynamic(keys) || ShapedType::isDynamic(columns))
    return std::nullopt;
  std::optional<StateTile> tile =
      StateTile::get(keys, columns, extentOf(op.getV(), 1) == 1);
  if (!tile)
    return std::nullopt;
  int64_t heads = extentOf(op.getV(), 2), queryHeads = extentOf(op.getQ(), 2);
  Shape shape{*tile,
              heads,
              extentOf(op.getK(), 2),
              queryHeads,
              std::max<int64_t>(queryHeads / heads, 1),
              op.getDecay() != nullptr,
              op.getDecay() && isDecayOfKey(op.getDecay()),
              mostSteps};
  if (shape.queries > mostQueries || 2 * shape.rowBytes() > mostTileBytes)
    return std::nullopt;
  if (int64_t length = extentOf(op.getV(), 1); length > 0)
    shape.steps = std::min(shape.steps, length);
  while (shape.steps > 1 && 2 * shape.steps * shape.rowBytes() > tileBytes)
    shape.steps = llvm::PowerOf2Ceil(shape.steps) / 2;
  return shape;
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::SemiseparableOp op)
      : b(b), op(op), shape(*Shape::get(op)), tile(shape.tile),
        start(findJoinedStart(op, op.getState())) {}

  void emit() {
    batches = b.dim(op.getV(), 0);
    length = b.dim(op.getV(), 1);
    // Without a token, the state is what it begins with.
    b.when(
        b.less(b.idx(0), length), [&] { emitWalks(); },
        [&] {
          if (start.op)
            b.clone(*start.op);
        });
    if (start.op)
      start.op->erase();
  }

private:
  /// What goes through shared memory, by its number there.
  struct Sequences {
    StagedSteps::Sequence keys, values, queries, decay, scale, resets;
  };
  struct Place {
    Value batch, head, segment, segments, first, count;
  };

  /// Whether what a segment leaves of the state before it is not all of it.
  bool tracksDecay() { return shape.hasDecay || op.getResets(); }

  void emitWhole(Value units) {
    ends = decays = Value();
    launchWalk(units, b.idx(1), {b.idx(1), length}, /*isFirst=*/false);
  }

  void emitWalks() {
    OpBuilder::InsertionGuard guard(b);
    Value units = b.mul(batches, shape.heads * tile.blocks);
    if (int64_t known = extentOf(op.getV(), 1);
        known > 0 && known < 2 * shortestSegment)
      return emitWhole(units);
    Segments cut(b, length, b.div(b.idx(enoughBlocks), b.max(units, b.idx(1))),
                 shortestSegment);
    b.when(
        b.less(b.idx(1), cut.count),
        [&] {
          int64_t any = ShapedType::kDynamic;
          auto alloc = [&](SmallVector<int64_t> extents) -> Value {
            return memref::AllocOp::create(
                b, MemRefType::get(extents, b.getF32Type()),
                ValueRange{cut.count, batches});
          };
          ends = alloc({any, any, shape.heads, tile.keys, tile.columns});
          if (tracksDecay())
            decays =
                alloc({any, any, shape.heads, shape.isOfKey ? tile.keys : 1});
          std::pair<Value, Value> segments(cut.count, cut.steps);
          launchWalk(units, b.sub(cut.count, b.idx(1)), segments, true);
          launchWalk(units, cut.count, segments, /*isFirst=*/false);
        },
        [&] { emitWhole(units); });
  }

  /// Time is cut into so many segments of so many steps.
  void launchWalk(Value units, Value launched, std::pair<Value, Value> cut,
                  bool isFirst) {
    OpBuilder::InsertionGuard guard(b);
    auto [segments, steps] = cut;
    gpu::LaunchOp launch =
        b.launch(b.mul(units, launched), b.idx(1), b.idx(1), tile.threads());
    thread = launch.getThreadIds().x;
    auto [rest, part] =
        b.divideSmall(launch.getBlockIds().x, b.idx(tile.blocks));
    Place at;
    std::tie(rest, at.head) = b.divideSmall(rest, b.idx(shape.heads));
    std::tie(at.segment, at.batch) = b.divideSmall(rest, batches);
    at.segments = segments;
    at.first = b.mul(at.segment, steps);
    at.count = b.min(steps, b.sub(length, at.first));
    StateLane lane(b, tile, thread, part);
    StagedSteps staged(b, launch, thread, tile.threads(), shape.steps);
    walk(lane, staged, stage(staged, at, lane, isFirst), at, isFirst);
  }

  /// The index of a step.
  Value at(Value step) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), step) : step;
  }

  // --- The walk ------------------------------------------------------------

  Sequences stage(StagedSteps &staged, const Place &place, StateLane &lane,
                  bool isFirst) {
    Sequences all{};
    int64_t padded = tile.paddedKeys();
    auto headOf = [&](int64_t heads) {
      return b.div(b.mul(place.head, heads), shape.heads);
    };
    auto ofHead = [&](Value head) {
      return SmallVector<Value>{place.batch, b.idx(0), head};
    };
    all.keys = staged.add(op.getK(), padded, 0.0);
    staged.addElements(all.keys, ofHead(headOf(shape.keyHeads)), b.idx(0),
                       padded, tile.keys);
    all.values = staged.add(op.getV(), tile.blockColumns(), 0.0);
    staged.addElements(all.values, ofHead(place.head), lane.columnOfBlock(),
                       tile.blockColumns(), tile.columns);
    if (!isFirst) {
      all.queries = staged.add(op.getQ(), shape.queries * padded, 0.0);
      Value first =
          b.mul(headOf(shape.queryHeads / shape.queries), shape.queries);
      for (int64_t i = 0; i < shape.queries; ++i)
        staged.addElements(all.queries, ofHead(b.add(first, i)), b.idx(0),
                           padded, tile.keys, i * padded);
    }
    if (shape.hasDecay)
      all.decay =
          stageDecay(b, staged, op.getDecay(), tile, place.batch, place.head);
    if (op.getScale()) {
      all.scale = staged.add(op.getScale(), 1, 1.0);
      staged.addElements(all.scale, {place.batch, b.idx(0)}, place.head, 1,
                         shape.heads);
    }
    if (op.getResets())
      all.resets = staged.addFlags(op.getResets(), place.batch);
    return all;
  }

  void walk(StateLane &lane, StagedSteps &staged, const Sequences &sequences,
            const Place &place, bool isFirst) {
    // Of the lanes that share a column, one adds what skips the state.
    if (op.getSkip())
      skip = b.select(lane.hasFirstKey(), b.load(op.getSkip(), place.head),
                      b.real(0.0));
    SmallVector<Value> carried = beginState(lane, place, isFirst);
    size_t keys = carried.size();
    if (isFirst && tracksDecay()) {
      Type ofKeys = VectorType::get({StateTile::vectorKeys}, b.getF32Type());
      carried.append(shape.isOfKey ? tile.laneVectors() : 1,
                     b.real(1.0, shape.isOfKey ? ofKeys : Type()));
    }
    carried = staged.walk(
        extentOf(op.getV(), 1), place.count,
        [&](Value step) { return at(b.add(place.first, step)); }, carried,
        [&](Value buffer, int64_t s, Value now, ValueRange before) {
          return step(lane, staged, sequences, place, buffer, s, now, before,
                      isFirst);
        });
    ValueRange all(carried);
    endState(lane, place, all.take_front(keys), all.drop_front(keys), isFirst);
  }

  /// A step, which lies as the `s`-th in a buffer and is step `now` of the
  /// segment. Carried: the state, and of a first launch the decays' product.
  SmallVector<Value> step(StateLane &lane, StagedSteps &staged,
                          const Sequences &sequences, const Place &place,
                          Value buffer, int64_t s, Value now, ValueRange before,
                          bool isFirst) {
    auto ofKeys = VectorType::get({StateTile::vectorKeys}, b.getF32Type());
    auto splat = [&](Value x) -> Value {
      return vector::BroadcastOp::create(b, lane.type(), x);
    };
    SmallVector<Value> state(before.take_front(tile.laneKeys()));
    SmallVector<Value> product(before.drop_front(tile.laneKeys()));
    Value resets;
    if (op.getResets())
      resets = arith::CmpFOp::create(b, arith::CmpFPredicate::ONE,
                                     staged.scalar(sequences.resets, buffer, s),
                                     b.real(0.0));
    Value v = staged.vector(sequences.values, buffer, s, lane.columnInBlock(),
                            lane.type());
    bool decay = shape.hasDecay;
    Value shrink = decay && !shape.isOfKey
                       ? staged.scalar(sequences.decay, buffer, s)
                       : Value();
    Value skipped =
        op.getSkip() ? b.fmul(splat(skip), v) : b.real(0.0, lane.type());
    SmallVector<Value> sums(isFirst ? 0 : shape.queries, skipped);
    if (op.getScale())
      v = b.fmul(splat(staged.scalar(sequences.scale, buffer, s)), v);
    for (int64_t vector = 0; vector < tile.laneVectors(); ++vector) {
      Value place = lane.keyOf(vector);
      Value k = staged.vector(sequences.keys, buffer, s, place, ofKeys), ofEach;
      if (decay && shape.isOfKey) {
        ofEach = staged.vector(sequences.decay, buffer, s, place, ofKeys);
        if (isFirst)
          product[vector] = reset(resets, b.fmul(product[vector], ofEach));
      }
      SmallVector<Value> q;
      for (size_t i = 0; i < sums.size(); ++i)
        q.push_back(staged.vector(sequences.queries, buffer, s,
                                  b.add(place, i * tile.paddedKeys()), ofKeys));
      for (int64_t e = 0; e < StateTile::vectorKeys; ++e) {
        auto element = [&](Value of) -> Value {
          return vector::ExtractOp::create(b, of, e);
        };
        Value &S = state[vector * StateTile::vectorKeys + e];
        Value input = b.fmul(splat(element(k)), v);
        S = reset(resets, S);
        S = decay ? b.fma(splat(ofEach ? element(ofEach) : shrink), S, input)
                  : b.fadd(S, input);
        for (auto [sum, each] : llvm::zip(sums, q))
          sum = b.fma(splat(element(each)), S, sum);
      }
    }
    if (isFirst && tracksDecay() && !shape.isOfKey)
      product[0] =
          reset(resets, shrink ? b.fmul(product[0], shrink) : product[0]);
    for (auto [i, sum] : llvm::enumerate(sums))
      writeOutput(lane, place, i, now, lane.sum(sum));
    llvm::append_range(state, product);
    return state;
  }

  /// Zero where a new sequence begins, whatever has been there.
  Value reset(Value resets, Value value) {
    if (!resets)
      return value;
    return b.select(resets, b.real(0.0, value.getType()), value);
  }

  void writeOutput(StateLane &lane, const Place &place, int64_t query,
                   Value now, ValueRange sums) {
    Value head = b.add(b.mul(place.head, shape.queries), query);
    Value t = at(b.add(place.first, now));
    Value column = b.add(lane.columnOfBlock(), lane.sumColumn());
    for (size_t i = 0; i < sums.size(); ++i) {
      Value p = b.add(column, i);
      Value exists = b.less(now, place.count);
      if (!lane.isWhole())
        exists = b.both(exists, b.less(p, b.idx(tile.columns)));
      b.when(exists, [&] {
        b.store(sums[i], op.getY(), {place.batch, t, head, p});
      });
    }
  }

  // --- States --------------------------------------------------------------

  SmallVector<Value> loadBegin(StateLane &lane, const Place &place) {
    if (start.isZero())
      return lane.zeros();
    return lane.load(start.bufferOr(op.getState()), {place.batch, place.head});
  }

  /// The op's state, which the last segment writes, is kept by the first launch
  /// in the place of the last segment's end.
  SmallVector<Value> beginState(StateLane &lane, const Place &place,
                                bool isFirst) {
    if (!ends)
      return loadBegin(lane, place);
    Value isBegin = b.equal(place.segment, b.idx(0));
    Value copied = b.sub(place.segments, b.idx(1));
    if (isFirst) {
      b.when(isBegin, [&] {
        lane.store(loadBegin(lane, place), ends,
                   {copied, place.batch, place.head});
      });
      return lane.zeros();
    }
    return llvm::to_vector(
        b.loop(b.idx(0), place.segment, 1,
               lane.load(ends, {copied, place.batch, place.head}),
               [&](Value s, ValueRange before) {
                 SmallVector<Value> index{s, place.batch, place.head};
                 SmallVector<Value> state = lane.load(ends, index);
                 if (tracksDecay())
                   return joinDecayed(lane, index, before, state);
                 for (auto [end, earlier] : llvm::zip(state, before))
                   end = b.fadd(end, earlier);
                 return state;
               }));
  }

  /// What has decayed to zero leaves nothing behind, a NaN neither.
  SmallVector<Value> joinDecayed(StateLane &lane, ArrayRef<Value> index,
                                 ValueRange before, ArrayRef<Value> ends) {
    SmallVector<Value> all, result;
    Value one;
    if (shape.isOfKey) {
      all = lane.loadKeys(decays, index);
    } else {
      SmallVector<Value> at(index);
      at.push_back(b.idx(0));
      one = b.load(decays, at);
    }
    for (int64_t key = 0; key < tile.laneKeys(); ++key) {
      Value decay = one;
      if (shape.isOfKey)
        decay = vector::ExtractOp::create(b, all[key / StateTile::vectorKeys],
                                          key % StateTile::vectorKeys);
      Value isGone = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, decay,
                                           b.real(0.0));
      Value splat = vector::BroadcastOp::create(b, lane.type(), decay);
      result.push_back(
          b.select(isGone, ends[key], b.fma(splat, before[key], ends[key])));
    }
    return result;
  }

  void endState(StateLane &lane, const Place &place, ValueRange state,
                ValueRange product, bool isFirst) {
    if (!isFirst) {
      b.when(b.equal(b.add(place.segment, 1), place.segments), [&] {
        lane.store(state, op.getState(), {place.batch, place.head});
      });
      return;
    }
    SmallVector<Value> index{place.segment, place.batch, place.head};
    lane.store(state, ends, index);
    if (!tracksDecay())
      return;
    if (shape.isOfKey)
      return lane.storeKeys(product, decays, index);
    index.push_back(b.idx(0));
    b.store(product[0], decays, index);
  }

  LaunchBuilder &b;
  ssm::SemiseparableOp op;
  Shape shape;
  const StateTile &tile;
  StateStart start;
  Value batches, length, thread, skip;
  Value ends, decays; // of segments
};

bool isSupported(ssm::SemiseparableOp op) {
  return op->getNumResults() == 0 && Shape::get(op).has_value();
}

struct LaunchSemiseparable
    : ssmc::impl::SsmLaunchSemiseparableBase<LaunchSemiseparable> {
  void runOnOperation() override {
    launchEach<ssm::SemiseparableOp, Kernel>(getOperation(), isSupported);
  }
};

} // namespace
