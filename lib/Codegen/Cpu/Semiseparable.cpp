//===- Semiseparable.cpp - ssm-lower-semiseparable ------------------------===//
//
// One parallel iteration owns a head of a batch row and takes time in blocks.
// A block is prepared once: its decays are cut into segments
// (DecaySegments.h), so that within one the state is only added to; keys,
// queries and values, scaled accordingly, are laid in scratch. Then, for a
// panel of columns p of the state and a tile of its rows n, held in registers
// over the whole block:
//
//   for t:  Z[n][p] += k'[t][n] * v'[t][p]       n rows, p vectors
//           y'[t][p] += sum over n of q'[t][n] * Z[n][p]
//
// Two multiply-adds for an element of the state and token, which is what
// products over chunks would take without the products of queries and keys.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/StateBlocks.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSEMISEPARABLE
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Tokens of a block: the panels of values and outputs stay in the first-level
// cache, keys and queries in the second.
constexpr int64_t tokensOfBlock = 64;
// Vectors of a panel.
constexpr int64_t panelVectors = 2;
// Queries of one state whose code is unrolled, at most.
constexpr int64_t maxQueries = 8;
// Floats of keys and queries of a token, at most: a block of them is on the
// stack, a quarter of a megabyte.
constexpr int64_t maxRow = 1024;

class Kernel : StateBlocks {
public:
  Kernel(KernelBuilder &b, ssm::SemiseparableOp op)
      : StateBlocks(b, op, tokensOfBlock), op(op),
        tile(b.target.registers == 32 ? 8 : 4),
        queries(std::max<int64_t>(1, extentOf(op.getQ(), 2) / states)) {}

  void emit() {
    forEachBlock([&] { allocate(); },
                 [&](DecaySegments &segments) {
                   packKeys(segments);
                   b.loop(b.idx(0), columns, panelVectors * lanes,
                          [&](Value column) { emitPanel(segments, column); });
                 });
  }

private:
  ssm::SemiseparableOp op;
  int64_t tile, queries;
  // keyRows[t][n], queryRows[r * maxTokens + t][n], values[t][p], and
  // outputs[r * maxTokens + t][p].
  Value keyRows, queryRows, values, outputs;

  void allocate() {
    keyRows = b.scratch({maxTokens, keyColumns()});
    queryRows = b.scratch({queries * maxTokens, keyColumns()});
    values = b.scratch({maxTokens, panelVectors * lanes});
    outputs = b.scratch({queries * maxTokens, panelVectors * lanes});
  }

  Value queryRow(int64_t r, Value t) { return b.add(t, r * maxTokens); }

  void packKeys(DecaySegments &segments) {
    int64_t queryHeads = extentOf(op.getQ(), 2);
    Value keyHead = sharedHead(op.getK());
    b.loop(b.idx(0), tokens, 1, [&](Value t) {
      Value at = now(t);
      b.loop(b.idx(0), b.idx(keys), lanes, [&](Value n) {
        Lanes some = b.lanesOf(b.idx(keys), n, lanes);
        Value k = b.load(some, op.getK(), {batch, at, keyHead, n});
        if (decay.isPerKey())
          k = b.fmul(k, segments.inputScale(t, n, b.vec()));
        b.store(full, k, keyRows, {t, n});
        for (int64_t r = 0; r < queries; ++r) {
          Value queryHead = queryHeads < states
                                ? sharedHead(op.getQ())
                                : b.add(b.mul(head, queries), r);
          Value q = b.load(some, op.getQ(), {batch, at, queryHead, n});
          if (decay.isPerKey())
            q = b.fmul(q, segments.outputScale(t, n, b.vec()));
          b.store(full, q, queryRows, {queryRow(r, t), n});
        }
      });
    });
  }

  /// Whether v and y, rather than k and q, are scaled.
  bool scalesColumns() const { return !decay.isEmpty() && !decay.isPerKey(); }

  void emitPanel(DecaySegments &segments, Value column) {
    SmallVector<Value> starts;
    SmallVector<Lanes> access;
    for (int64_t v = 0; v < panelVectors; ++v) {
      starts.push_back(b.add(column, v * lanes));
      access.push_back(b.lanesOf(columns, starts[v], panelVectors * lanes));
    }
    auto scratchAt = [&](Value row, int64_t v) -> SmallVector<Value> {
      return {row, b.idx(v * lanes)};
    };
    Value zero = b.splat(b.vec(), 0.0);
    b.loop(b.idx(0), tokens, 1, [&](Value t) {
      Value at = now(t), scale;
      if (scalesColumns())
        scale =
            b.broadcast(b.vec(), segments.inputScale(t, {}, b.getF32Type()));
      for (int64_t v = 0; v < panelVectors; ++v) {
        Value x = b.load(access[v], op.getV(), {batch, at, head, starts[v]});
        b.store(full, scale ? b.fmul(x, scale) : x, values, scratchAt(t, v));
        for (int64_t r = 0; r < queries; ++r)
          b.store(full, zero, outputs, scratchAt(queryRow(r, t), v));
      }
    });
    int64_t whole = keys / tile * tile;
    b.loop(b.idx(0), b.idx(whole), tile,
           [&](Value row) { emitTile(segments, row, tile, starts, access); });
    if (keys > whole)
      emitTile(segments, b.idx(whole), keys - whole, starts, access);
    b.loop(b.idx(0), tokens, 1, [&](Value t) {
      Value at = now(t), scale;
      if (scalesColumns())
        scale =
            b.broadcast(b.vec(), segments.outputScale(t, {}, b.getF32Type()));
      for (int64_t r = 0; r < queries; ++r)
        for (int64_t v = 0; v < panelVectors; ++v) {
          Value y = b.load(full, outputs, scratchAt(queryRow(r, t), v));
          b.store(access[v], scale ? b.fmul(y, scale) : y, op.getY(),
                  {batch, at, b.add(b.mul(head, queries), r), starts[v]});
        }
    });
  }

  /// `count` rows of the state from `row`, over the tokens of the block.
  void emitTile(DecaySegments &segments, Value row, int64_t count,
                ArrayRef<Value> starts, ArrayRef<Lanes> access) {
    SmallVector<Value> state;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t v = 0; v < panelVectors; ++v)
        state.push_back(b.load(access[v], op.getState(),
                               {batch, head, b.add(row, i), starts[v]}));
    auto keyOf = [&](unsigned i) { return b.add(row, i / panelVectors); };
    state = segments.forEach(
        state, keyOf, [&](Value first, Value end, ValueRange state) {
          ValueRange last =
              b.loop(first, end, 1, state, [&](Value t, ValueRange carried) {
                SmallVector<Value> z(carried);
                SmallVector<Value> x;
                for (int64_t v = 0; v < panelVectors; ++v)
                  x.push_back(b.load(full, values, {t, b.idx(v * lanes)}));
                for (int64_t i = 0; i < count; ++i) {
                  Value k = b.broadcast(
                      b.vec(), b.loadScalar(keyRows, {t, b.add(row, i)}));
                  for (int64_t v = 0; v < panelVectors; ++v) {
                    Value &element = z[i * panelVectors + v];
                    element = b.fma(k, x[v], element);
                  }
                }
                for (int64_t r = 0; r < queries; ++r)
                  readOut(queryRow(r, t), row, count, z);
                return z;
              });
          return SmallVector<Value>(last);
        });
    for (int64_t i = 0; i < count; ++i)
      for (int64_t v = 0; v < panelVectors; ++v)
        b.store(access[v], state[i * panelVectors + v], op.getState(),
                {batch, head, b.add(row, i), starts[v]});
  }

  void readOut(Value queryRow, Value row, int64_t count, ArrayRef<Value> z) {
    SmallVector<Value> y;
    for (int64_t v = 0; v < panelVectors; ++v)
      y.push_back(b.load(full, outputs, {queryRow, b.idx(v * lanes)}));
    for (int64_t i = 0; i < count; ++i) {
      Value q = b.broadcast(b.vec(),
                            b.loadScalar(queryRows, {queryRow, b.add(row, i)}));
      for (int64_t v = 0; v < panelVectors; ++v)
        y[v] = b.fma(q, z[i * panelVectors + v], y[v]);
    }
    for (int64_t v = 0; v < panelVectors; ++v)
      b.store(full, y[v], outputs, {queryRow, b.idx(v * lanes)});
  }
};

bool isSupported(ssm::SemiseparableOp op, const CpuTarget &) {
  for (Value v : {op.getQ(), op.getK(), op.getV(), op.getY(), op.getState()})
    if (!isUnitStrideF32(v))
      return false;
  if (op.getDecay() && !isUnitStrideF32(op.getDecay()))
    return false;
  int64_t keys = extentOf(op.getState(), 2);
  int64_t queries =
      llvm::divideCeilSigned(extentOf(op.getQ(), 2), extentOf(op.getV(), 2));
  return !ShapedType::isDynamic(keys) && queries <= maxQueries &&
         keys <= maxRow / (1 + queries);
}

struct LowerSemiseparable
    : ssmc::impl::SsmLowerSemiseparableBase<LowerSemiseparable> {
  using SsmLowerSemiseparableBase::SsmLowerSemiseparableBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::SemiseparableOp, Kernel>(getOperation(), cpu,
                                                       isSupported)))
      signalPassFailure();
  }
};

} // namespace
