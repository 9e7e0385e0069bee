//===- LaunchDeltaRule.cpp - ssm-launch-delta-rule ------------------------===//
//
// Matrix states that are corrected: a block has the state of a head, or of some
// of its columns, in registers (StateTile.h) and walks over time. With beta
//
//   D = a[t] * S      d = beta[t] * (v[t] - sum_n k[t, n] * D[n])
//   S[n] = D[n] + k[t, n] * d                  y[t] = sum_n q[t, n] * S[n]
//
// and with vectors that erase
//
//   e = sum_n a[t, n] * S[n]
//   S[n] = decay * S[n] + b[t, n] * e + k[t, n] * v[t]
//
// Columns do not meet, so a block needs no other. Operands come through shared
// memory (StagedSteps.h).
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/StateTile.h"
#include "lib/Codegen/StateStart.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHDELTARULE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t mostSteps = 8; // of a tile
constexpr int64_t tileBytes = 24 << 10, mostTileBytes = 46 << 10;
constexpr int64_t mostQueries = 8; // of a state

MemRefType typeOf(Value memref) { return cast<MemRefType>(memref.getType()); }
int64_t extentOf(Value memref, int64_t dim) {
  return typeOf(memref).getDimSize(dim);
}

/// What of an op its kernel is made for.
struct Shape {
  StateTile tile;
  int64_t heads, keyHeads, queryHeads, queries; // queries of a state
  int64_t steps;                                // of a tile

  static std::optional<Shape> get(ssm::DeltaRuleOp op);
};

std::optional<Shape> Shape::get(ssm::DeltaRuleOp op) {
  for (Value memref : {op.getQ(), op.getK(), op.getV(), op.getBeta(), op.getA(),
                       op.getB(), op.getDecay(), op.getY(), op.getState()})
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
              mostSteps};
  bool isOfKey = op.getDecay() && isDecayOfKey(op.getDecay());
  int64_t vectors = 1 + shape.queries + isOfKey + (op.getA() ? 2 : 0);
  int64_t bytes = 4 * (tile->paddedKeys() * vectors + tile->blockColumns() + 3);
  if (shape.queries > mostQueries || 2 * bytes > mostTileBytes)
    return std::nullopt;
  if (int64_t length = extentOf(op.getV(), 1); length > 0)
    shape.steps = std::min(shape.steps, length);
  while (shape.steps > 1 && 2 * shape.steps * bytes > tileBytes)
    shape.steps = llvm::PowerOf2Ceil(shape.steps) / 2;
  return shape;
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::DeltaRuleOp op)
      : b(b), op(op), shape(*Shape::get(op)), tile(shape.tile),
        ofKeys(VectorType::get({StateTile::vectorKeys}, b.getF32Type())),
        start(findJoinedStart(op, op.getState())) {}
  void emit();

private:
  void emitWalk();

  using Values = SmallVector<Value>;
  using Sequence = StagedSteps::Sequence;
  /// A step that lies in shared memory.
  struct Step {
    Value buffer, now;
    int64_t inTile;
  };

  void stage(StagedSteps &staged, StateLane &lane);
  Sequence stageKeys(StagedSteps &staged, Value memref);
  Values step(StagedSteps &staged, StateLane &lane, Step at, Values state);
  /// Of the keys of a lane: a vector of columns, or none to multiply with.
  Value sumOver(StagedSteps &staged, StateLane &lane, Step at, Sequence keys,
                ArrayRef<Value> state, int64_t offset = 0);
  void addOuter(StagedSteps &staged, StateLane &lane, Step at, Sequence keys,
                Value columns, Values &state);
  void decay(StagedSteps &staged, StateLane &lane, Step at, Values &state);
  void write(StateLane &lane, int64_t query, Value now, ValueRange sums);
  Value splat(StateLane &lane, Value x) {
    return vector::BroadcastOp::create(b, lane.type(), x);
  }
  Value timeOf(Value step) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), step) : step;
  }
  Value headOf(int64_t heads) { return b.div(b.mul(head, heads), shape.heads); }

  LaunchBuilder &b;
  ssm::DeltaRuleOp op;
  Shape shape;
  const StateTile &tile;
  VectorType ofKeys;
  StateStart start;
  Value length, batch, head;
  // What is staged.
  Sequence keys = 0, values = 0, queries = 0, beta = 0, read = 0, erased = 0,
           decays = 0, resets = 0;
};

} // namespace

void Kernel::emit() {
  length = b.dim(op.getV(), 1);
  // Without a token, the state is what it begins with.
  b.when(
      b.less(b.idx(0), length), [&] { emitWalk(); },
      [&] {
        if (start.op)
          b.clone(*start.op);
      });
  if (start.op)
    start.op->erase();
}

void Kernel::emitWalk() {
  OpBuilder::InsertionGuard guard(b);
  Value units = b.mul(b.dim(op.getV(), 0), shape.heads * tile.blocks);
  gpu::LaunchOp launch = b.launch(units, b.idx(1), b.idx(1), tile.threads());
  Value thread = launch.getThreadIds().x;
  auto [rest, part] = b.divideSmall(launch.getBlockIds().x, b.idx(tile.blocks));
  std::tie(batch, head) = b.divideSmall(rest, b.idx(shape.heads));
  StateLane lane(b, tile, thread, part);
  StagedSteps staged(b, launch, thread, tile.threads(), shape.steps);
  stage(staged, lane);
  int64_t known = extentOf(op.getV(), 1);
  Values begin = start.isZero()
                     ? lane.zeros()
                     : lane.load(start.bufferOr(op.getState()), {batch, head});
  Values state = staged.walk(
      known, length, [&](Value step) { return timeOf(step); }, begin,
      [&](Value buffer, int64_t inTile, Value now, ValueRange before) {
        return step(staged, lane, {buffer, now, inTile}, Values(before));
      });
  lane.store(state, op.getState(), {batch, head});
}

StagedSteps::Sequence Kernel::stageKeys(StagedSteps &staged, Value memref) {
  Sequence sequence = staged.add(memref, tile.paddedKeys(), 0.0);
  staged.addElements(sequence, {batch, b.idx(0), headOf(shape.keyHeads)},
                     b.idx(0), tile.paddedKeys(), tile.keys);
  return sequence;
}

void Kernel::stage(StagedSteps &staged, StateLane &lane) {
  int64_t padded = tile.paddedKeys();
  keys = stageKeys(staged, op.getK());
  values = staged.add(op.getV(), tile.blockColumns(), 0.0);
  staged.addElements(values, {batch, b.idx(0), head}, lane.columnOfBlock(),
                     tile.blockColumns(), tile.columns);
  queries = staged.add(op.getQ(), shape.queries * padded, 0.0);
  Value first = b.mul(headOf(shape.queryHeads / shape.queries), shape.queries);
  for (int64_t i = 0; i < shape.queries; ++i)
    staged.addElements(queries, {batch, b.idx(0), b.add(first, i)}, b.idx(0),
                       padded, tile.keys, i * padded);
  if (op.getBeta()) {
    beta = staged.add(op.getBeta(), 1, 0.0);
    staged.addElements(beta, {batch, b.idx(0)}, head, 1, shape.heads);
  } else {
    read = stageKeys(staged, op.getA());
    erased = stageKeys(staged, op.getB());
  }
  if (op.getDecay())
    decays = stageDecay(b, staged, op.getDecay(), tile, batch, head);
  if (op.getResets())
    resets = staged.addFlags(op.getResets(), batch);
}

Value Kernel::sumOver(StagedSteps &staged, StateLane &lane, Step at,
                      Sequence sequence, ArrayRef<Value> state,
                      int64_t offset) {
  Value sum = b.real(0.0, lane.type());
  for (int64_t vector = 0; vector < tile.laneVectors(); ++vector) {
    Value place = b.add(lane.keyOf(vector), offset);
    Value all = staged.vector(sequence, at.buffer, at.inTile, place, ofKeys);
    for (int64_t e = 0; e < StateTile::vectorKeys; ++e)
      sum = b.fma(splat(lane, vector::ExtractOp::create(b, all, e)),
                  state[vector * StateTile::vectorKeys + e], sum);
  }
  return sum;
}

void Kernel::addOuter(StagedSteps &staged, StateLane &lane, Step at,
                      Sequence sequence, Value columns, Values &state) {
  for (int64_t vector = 0; vector < tile.laneVectors(); ++vector) {
    Value all = staged.vector(sequence, at.buffer, at.inTile,
                              lane.keyOf(vector), ofKeys);
    for (int64_t e = 0; e < StateTile::vectorKeys; ++e) {
      Value &S = state[vector * StateTile::vectorKeys + e];
      S = b.fma(splat(lane, vector::ExtractOp::create(b, all, e)), columns, S);
    }
  }
}

void Kernel::decay(StagedSteps &staged, StateLane &lane, Step at,
                   Values &state) {
  if (!op.getDecay())
    return;
  bool isOfKey = isDecayOfKey(op.getDecay());
  Value one = isOfKey
                  ? Value()
                  : splat(lane, staged.scalar(decays, at.buffer, at.inTile));
  for (int64_t vector = 0; vector < tile.laneVectors(); ++vector) {
    Value all = isOfKey ? staged.vector(decays, at.buffer, at.inTile,
                                        lane.keyOf(vector), ofKeys)
                        : Value();
    for (int64_t e = 0; e < StateTile::vectorKeys; ++e) {
      Value &S = state[vector * StateTile::vectorKeys + e];
      S = b.fmul(
          isOfKey ? splat(lane, vector::ExtractOp::create(b, all, e)) : one, S);
    }
  }
}

SmallVector<Value> Kernel::step(StagedSteps &staged, StateLane &lane, Step at,
                                Values state) {
  if (op.getResets()) {
    Value isNew = arith::CmpFOp::create(
        b, arith::CmpFPredicate::ONE,
        staged.scalar(resets, at.buffer, at.inTile), b.real(0.0));
    for (Value &S : state)
      S = b.select(isNew, b.real(0.0, lane.type()), S);
  }
  Value v = staged.vector(values, at.buffer, at.inTile, lane.columnInBlock(),
                          lane.type());
  if (op.getBeta()) {
    decay(staged, lane, at, state);
    Value held = lane.sumAll(sumOver(staged, lane, at, keys, state));
    Value size = splat(lane, staged.scalar(beta, at.buffer, at.inTile));
    Value error = b.fmul(size, b.fadd(v, b.neg(held)));
    addOuter(staged, lane, at, keys, error, state);
  } else {
    Value found = lane.sumAll(sumOver(staged, lane, at, read, state));
    decay(staged, lane, at, state);
    addOuter(staged, lane, at, erased, found, state);
    addOuter(staged, lane, at, keys, v, state);
  }
  for (int64_t i = 0; i < shape.queries; ++i)
    write(lane, i, at.now,
          lane.sum(sumOver(staged, lane, at, queries, state,
                           i * tile.paddedKeys())));
  return state;
}

void Kernel::write(StateLane &lane, int64_t query, Value now, ValueRange sums) {
  Value outputHead = b.add(b.mul(head, shape.queries), query);
  Value column = b.add(lane.columnOfBlock(), lane.sumColumn());
  for (size_t i = 0; i < sums.size(); ++i) {
    Value p = b.add(column, i);
    Value exists = b.less(now, length);
    if (!lane.isWhole())
      exists = b.both(exists, b.less(p, b.idx(tile.columns)));
    b.when(exists, [&] {
      b.store(sums[i], op.getY(), {batch, timeOf(now), outputHead, p});
    });
  }
}

namespace {
struct LaunchDeltaRule : ssmc::impl::SsmLaunchDeltaRuleBase<LaunchDeltaRule> {
  void runOnOperation() override {
    launchEach<ssm::DeltaRuleOp, Kernel>(
        getOperation(), [](ssm::DeltaRuleOp op) {
          return op->getNumResults() == 0 && Shape::get(op).has_value();
        });
  }
};
} // namespace
