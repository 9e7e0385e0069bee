//===- SemiseparableBlocks.cpp - one direction of a matrix state ----------===//

#include "lib/Codegen/Cpu/SemiseparableBlocks.h"

#include "lib/Codegen/Cpu/StateToken.h"

using namespace mlir;
using namespace ssmc;

// Tokens of a block: the panels of values and outputs stay in the first-level
// cache, keys and queries in the second.
static constexpr int64_t tokensOfBlock = 64;
// Vectors of a panel.
static constexpr int64_t panelVectors = 2;
// Queries of one state whose code is unrolled, at most.
static constexpr int64_t maxQueries = 8;
// Floats of keys and queries of a token, at most: a block of them is on the
// stack, a quarter of a megabyte.
static constexpr int64_t maxRow = 1024;

bool SemiseparableWalk::isSupported() const {
  for (Value x : {q, k, v, y})
    if (!isUnitStrideFloat(x))
      return false;
  for (Value x : {decay.decay, diagonal, state})
    if (x && !isUnitStrideFloat(x))
      return false;
  if (state && !isF32MemRef(state))
    return false;
  int64_t keys = decay.keys;
  return !ShapedType::isDynamic(keys) && queries() <= maxQueries &&
         keys <= maxRow / (1 + queries());
}

SemiseparableBlocks::SemiseparableBlocks(KernelBuilder &b,
                                         const SemiseparableWalk &walk)
    : StateBlocks(b, walk, tokensOfBlock), walk(walk),
      tile(b.target.registers == 32 ? 8 : 4), queries(walk.queries()) {}

SemiseparableBlocks::Scratch SemiseparableBlocks::allocate() {
  return {b.scratch({maxTokens, keyColumns()}),
          b.scratch({queries * maxTokens, keyColumns()}),
          b.scratch({maxTokens, panelVectors * lanes}),
          b.scratch({queries * maxTokens, panelVectors * lanes})};
}

void SemiseparableBlocks::emitHead(Value batch, Value head,
                                   const Scratch &scratch) {
  this->batch = batch;
  this->head = head;
  this->scratch = scratch;
  forEachBlock([&](DecaySegments &segments) {
    packKeys(segments);
    b.loop(b.idx(0), columns, panelVectors * lanes,
           [&](Value column) { emitPanel(segments, column); });
  });
}

Value SemiseparableBlocks::queryHead(int64_t r) {
  return extentOf(walk.q, 2) < states ? sharedHead(walk.q)
                                      : b.add(b.mul(head, queries), r);
}

SmallVector<Value> SemiseparableBlocks::stateAt(Value row, Value column) {
  if (cast<MemRefType>(walk.state.getType()).getRank() == 2)
    return {row, column};
  return {batch, head, row, column};
}

void SemiseparableBlocks::packKeys(DecaySegments &segments) {
  Value keyHead = sharedHead(walk.k);
  b.loop(b.idx(0), tokens, 1, [&](Value t) {
    Value at = now(t), from = taken(t), takes = takesIn(t);
    b.loop(b.idx(0), b.idx(keys), lanes, [&](Value n) {
      Lanes some = b.lanesOf(b.idx(keys), n, lanes);
      Value k = b.load(some, walk.k, {batch, from, keyHead, n});
      if (takes)
        k = b.select(takes, k, b.splat(b.vec(), 0.0));
      if (decay.isPerKey())
        k = b.fmul(k, segments.inputScale(t, n, b.vec()));
      b.store(full, k, scratch.keys, {t, n});
      for (int64_t r = 0; r < queries; ++r) {
        Value q = b.load(some, walk.q, {batch, at, queryHead(r), n});
        if (decay.isPerKey())
          q = b.fmul(q, segments.outputScale(t, n, b.vec()));
        b.store(full, q, scratch.queries, {queryRow(r, t), n});
      }
    });
  });
}

static SmallVector<Value> inPanel(KernelBuilder &b, Value row, int64_t v) {
  return {row, b.idx(v * b.target.lanes)};
}

void SemiseparableBlocks::emitPanel(DecaySegments &segments, Value column) {
  Panel panel;
  for (int64_t v = 0; v < panelVectors; ++v) {
    panel.starts.push_back(b.add(column, v * lanes));
    panel.access.push_back(
        b.lanesOf(columns, panel.starts[v], panelVectors * lanes));
  }
  packValues(segments, panel);
  int64_t whole = keys / tile * tile;
  b.loop(b.idx(0), b.idx(whole), tile,
         [&](Value row) { emitTile(segments, row, tile, panel); });
  if (keys > whole)
    emitTile(segments, b.idx(whole), keys - whole, panel);
  storeOutputs(segments, panel);
}

void SemiseparableBlocks::packValues(DecaySegments &segments,
                                     const Panel &panel) {
  Value zero = b.splat(b.vec(), 0.0);
  b.loop(b.idx(0), tokens, 1, [&](Value t) {
    Value from = taken(t), takes = takesIn(t), scale;
    if (scalesColumns())
      scale = b.broadcast(b.vec(), segments.inputScale(t, {}, b.getF32Type()));
    for (int64_t v = 0; v < panelVectors; ++v) {
      Value x =
          b.load(panel.access[v], walk.v, {batch, from, head, panel.starts[v]});
      if (takes)
        x = b.select(takes, x, zero);
      b.store(full, scale ? b.fmul(x, scale) : x, scratch.values,
              inPanel(b, t, v));
      for (int64_t r = 0; r < queries; ++r)
        b.store(full, zero, scratch.outputs, inPanel(b, queryRow(r, t), v));
    }
  });
}

void SemiseparableBlocks::storeOutputs(DecaySegments &segments,
                                       const Panel &panel) {
  b.loop(b.idx(0), tokens, 1, [&](Value t) {
    Value at = now(t), scale, diagonal;
    if (scalesColumns())
      scale = b.broadcast(b.vec(), segments.outputScale(t, {}, b.getF32Type()));
    if (walk.diagonal)
      diagonal =
          b.broadcast(b.vec(), b.loadScalar(walk.diagonal, {batch, at, head}));
    for (int64_t v = 0; v < panelVectors; ++v) {
      Lanes access = panel.access[v];
      Value x;
      if (diagonal)
        x = b.load(access, walk.v, {batch, at, head, panel.starts[v]});
      for (int64_t r = 0; r < queries; ++r) {
        Value y = b.load(full, scratch.outputs, inPanel(b, queryRow(r, t), v));
        if (scale)
          y = b.fmul(y, scale);
        if (diagonal)
          y = b.fma(diagonal, x, y);
        Value to[] = {batch, at, b.add(b.mul(head, queries), r),
                      panel.starts[v]};
        if (walk.adds)
          y = b.fadd(y, b.load(access, walk.y, to));
        b.store(access, y, walk.y, to);
      }
    }
  });
}

/// `count` rows of the state from `row`, over the tokens of the block.
void SemiseparableBlocks::emitTile(DecaySegments &segments, Value row,
                                   int64_t count, const Panel &panel) {
  SmallVector<Value> state;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t v = 0; v < panelVectors; ++v)
      state.push_back(b.load(panel.access[v], walk.state,
                             stateAt(b.add(row, i), panel.starts[v])));
  auto step = [&](Value t, ValueRange carried) {
    SmallVector<Value> z(carried), x;
    for (int64_t v = 0; v < panelVectors; ++v)
      x.push_back(b.load(full, scratch.values, inPanel(b, t, v)));
    for (int64_t i = 0; i < count; ++i) {
      Value k =
          b.broadcast(b.vec(), b.loadScalar(scratch.keys, {t, b.add(row, i)}));
      for (int64_t v = 0; v < panelVectors; ++v) {
        Value &element = z[i * panelVectors + v];
        element = b.fma(k, x[v], element);
      }
    }
    for (int64_t r = 0; r < queries; ++r)
      readOut(queryRow(r, t), row, count, z);
    return z;
  };
  auto keyOf = [&](unsigned i) { return b.add(row, i / panelVectors); };
  state = segments.forEach(
      state, keyOf, [&](Value first, Value end, ValueRange state) {
        return SmallVector<Value>(b.loop(first, end, 1, state, step));
      });
  for (int64_t i = 0; i < count; ++i)
    for (int64_t v = 0; v < panelVectors; ++v)
      b.store(panel.access[v], state[i * panelVectors + v], walk.state,
              stateAt(b.add(row, i), panel.starts[v]));
}

void SemiseparableBlocks::readOut(Value queryRow, Value row, int64_t count,
                                  ArrayRef<Value> z) {
  SmallVector<Value> y;
  for (int64_t v = 0; v < panelVectors; ++v)
    y.push_back(b.load(full, scratch.outputs, inPanel(b, queryRow, v)));
  for (int64_t i = 0; i < count; ++i) {
    Value q = b.broadcast(
        b.vec(), b.loadScalar(scratch.queries, {queryRow, b.add(row, i)}));
    for (int64_t v = 0; v < panelVectors; ++v)
      y[v] = b.fma(q, z[i * panelVectors + v], y[v]);
  }
  for (int64_t v = 0; v < panelVectors; ++v)
    b.store(full, y[v], scratch.outputs, inPanel(b, queryRow, v));
}

void SemiseparableBlocks::emitToken(Value batch, Value head) {
  this->batch = batch;
  this->head = head;
  StateToken token(b, decay, batch, head);
  Value zero = b.idx(0), keyHead = sharedHead(walk.k);
  auto outputHead = [&](int64_t r) { return b.add(b.mul(head, queries), r); };
  token.forEachPanel(
      b.dim(walk.y, 3), queries + 1, [&](const StateToken::Panel &panel) {
        SmallVector<Value> x,
            sums(panel.starts.size() * queries, b.splat(b.vec(), 0.0));
        for (auto [start, access] : llvm::zip(panel.starts, panel.access))
          x.push_back(b.load(access, walk.v, {batch, zero, head, start}));
        int64_t vectors = x.size();
        sums = b.loop(zero, b.idx(keys), 1, sums, [&](Value n, ValueRange y) {
          SmallVector<Value> next(y), q;
          Value k = token.keyOf(walk.k, keyHead, n);
          for (int64_t r = 0; r < queries; ++r)
            q.push_back(token.keyOf(walk.q, queryHead(r), n));
          for (int64_t v = 0; v < vectors; ++v) {
            SmallVector<Value> at = stateAt(n, panel.starts[v]);
            Value z = b.load(panel.access[v], begin, at);
            z = b.fma(k, x[v], token.decayed(token.kept(z), n));
            b.store(panel.access[v], z, walk.state, at);
            for (int64_t r = 0; r < queries; ++r) {
              Value &sum = next[r * vectors + v];
              sum = b.fma(q[r], z, sum);
            }
          }
          return next;
        });
        for (int64_t r = 0; r < queries; ++r)
          for (int64_t v = 0; v < vectors; ++v)
            b.store(panel.access[v], sums[r * vectors + v], walk.y,
                    {batch, zero, outputHead(r), panel.starts[v]});
      });
}
