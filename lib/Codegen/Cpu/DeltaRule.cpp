//===- DeltaRule.cpp - ssm-lower-delta-rule -------------------------------===//
//
// Both forms of the op read the state before they change it. With the state
// S[t] = D[t] * Z[t] and D the product of the decays (DecaySegments.h), a token
// reads r and o from Z as it is before the token, gives y, and changes Z by
// what it read. With `beta`:
//
//   r = Z^T (D[t] k)      o = Z^T (D[t] q)      e = beta (v - r)
//   y = o + (k.q) e       Z += (k / D[t]) e^T
//
// With `erase`:
//
//   r = Z^T (D[t-1] a)    o = Z^T (D[t] q)
//   y = o + (b.q) r + (k.q) v
//   Z += (b / D[t]) r^T + (k / D[t]) v^T
//
// So y needs no third look at the state. The change by token t and the readings
// of token t + 1 are one walk over Z: three multiply-adds (erase: four) for an
// element and token, one load and one store of the first-level cache, in which
// a panel of columns of Z lies. Where a segment of the decay begins, the walk
// also multiplies.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/StateBlocks.h"
#include "lib/Codegen/Cpu/StateToken.h"
#include "lib/Codegen/StateStart.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERDELTARULE
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Tokens of a block: the scaled keys and queries stay in the second-level
// cache.
constexpr int64_t tokensOfBlock = 32;
// Columns of a panel: with 128 keys half of a first-level cache.
constexpr int64_t panelColumns = 32;
// Rows of the state whose code is unrolled in a walk.
constexpr int64_t unroll = 2;
// Keys of which scratch is allocated, at most.
constexpr int64_t maxKeys = 512;

StateWalk walkOf(ssm::DeltaRuleOp op) {
  StateWalk walk;
  walk.y = op.getY();
  walk.heads = extentOf(op.getState(), 1);
  walk.decay = {op.getDecay(), op.getResets(), extentOf(op.getState(), 2)};
  walk.reverse = op.getReverse();
  walk.state = op.getState();
  walk.begin = takeBegin(op, op.getState());
  return walk;
}

class Kernel : StateBlocks {
public:
  Kernel(KernelBuilder &b, ssm::DeltaRuleOp op)
      : StateBlocks(b, walkOf(op), tokensOfBlock), op(op),
        vectors(panelColumns / lanes), erases(op.getA() != nullptr) {}

  void emit() {
    b.parallel({b.dim(op.getY(), 0), b.idx(states)}, [&](ValueRange index) {
      batch = index[0];
      head = index[1];
      b.branch(
          b.isOne(b.dim(op.getY(), 1)), [&] { emitOnlyToken(); },
          [&] { emitBlocks(); });
    });
  }

private:
  void emitBlocks() {
    allocate();
    forEachBlock([&](DecaySegments &segments) {
      b.loop(b.idx(0), tokens, 1, [&](Value t) { packToken(segments, t); });
      b.loop(b.idx(0), columns, panelColumns,
             [&](Value column) { emitPanel(segments, column); });
    });
  }

  /// As there is no other token, the state need not be kept as a product: it is
  /// read, and then decayed and changed by the same formulas with D = 1.
  void emitOnlyToken() {
    StateToken token(b, decay, batch, head);
    Value zero = b.idx(0);
    Value keyHead = sharedHead(op.getK()), queryHead = sharedHead(op.getQ());
    auto at = [&](Value inner) -> SmallVector<Value> {
      return {batch, zero, head, inner};
    };
    auto dot = [&](Value memref) {
      Value sums = b.loop(
          zero, b.idx(keys), lanes, b.splat(b.vec(), 0.0),
          [&](Value n, ValueRange sums) -> SmallVector<Value> {
            Lanes some = b.lanesOf(b.idx(keys), n, lanes);
            return {b.fma(b.load(some, memref, {batch, zero, keyHead, n}),
                          b.load(some, op.getQ(), {batch, zero, queryHead, n}),
                          sums[0])};
          })[0];
      return b.broadcast(b.vec(), vector::ReductionOp::create(
                                      b, vector::CombiningKind::ADD, sums));
    };
    Value writeDot = dot(op.getK()), eraseDot, beta;
    if (erases)
      eraseDot = dot(op.getB());
    else
      beta =
          b.broadcast(b.vec(), b.loadScalar(op.getBeta(), {batch, zero, head}));
    token.forEachPanel(b.dim(op.getY(), 3), 2, [&](const StateToken::Panel &p) {
      int64_t vectors = p.starts.size();
      auto stateAt = [&](Value n, int64_t v) -> SmallVector<Value> {
        return {batch, head, n, p.starts[v]};
      };
      // What the token reads: r, and behind it o.
      SmallVector<Value> zeros(2 * vectors, b.splat(b.vec(), 0.0));
      SmallVector<Value> read =
          b.loop(zero, b.idx(keys), 1, zeros, [&](Value n, ValueRange sums) {
            SmallVector<Value> next(sums);
            Value k = token.keyOf(erases ? op.getA() : op.getK(), keyHead, n);
            if (!erases)
              k = token.decayed(k, n);
            Value q = token.decayed(token.keyOf(op.getQ(), queryHead, n), n);
            for (int64_t v = 0; v < vectors; ++v) {
              Value z = token.kept(b.load(p.access[v], begin, stateAt(n, v)));
              next[v] = b.fma(k, z, next[v]);
              next[vectors + v] = b.fma(q, z, next[vectors + v]);
            }
            return next;
          });
      SmallVector<Value> written;
      for (int64_t v = 0; v < vectors; ++v) {
        Value value = b.load(p.access[v], op.getV(), at(p.starts[v]));
        Value y = read[vectors + v];
        if (erases)
          y = b.fma(eraseDot, read[v], y);
        else
          value = b.fmul(beta, b.fsub(value, read[v]));
        written.push_back(value);
        b.store(p.access[v], b.fma(writeDot, value, y), op.getY(),
                at(p.starts[v]));
      }
      b.loop(zero, b.idx(keys), 1, [&](Value n) {
        Value k = token.keyOf(op.getK(), keyHead, n), erase;
        if (erases)
          erase = token.keyOf(op.getB(), keyHead, n);
        for (int64_t v = 0; v < vectors; ++v) {
          Value z = b.load(p.access[v], begin, stateAt(n, v));
          z = b.fma(k, written[v], token.decayed(token.kept(z), n));
          if (erases)
            z = b.fma(erase, read[v], z);
          b.store(p.access[v], z, op.getState(), stateAt(n, v));
        }
      });
    });
  }

  ssm::DeltaRuleOp op;
  int64_t vectors;
  bool erases;
  // Rows [t][n] of a block: what reads r and o, what writes v and, if it
  // erases, r; the dots k.q and b.q.
  Value readRows, queryRows, writeRows, eraseRows, writeDots, eraseDots;
  // The panel: Z[n][p], then r, o and the vectors that are written.
  Value panel, readings, writings;

  void allocate() {
    // The walk over the last token reads the rows of one that is not there.
    readRows = b.scratch({maxTokens + 1, keyColumns()});
    queryRows = b.scratch({maxTokens + 1, keyColumns()});
    writeRows = b.scratch({maxTokens, keyColumns()});
    writeDots = b.scratch({maxTokens});
    if (erases) {
      eraseRows = b.scratch({maxTokens, keyColumns()});
      eraseDots = b.scratch({maxTokens});
    }
    panel = b.scratch({keys, panelColumns});
    readings = b.scratch({2, panelColumns});
    writings = b.scratch({2, panelColumns});
  }

  void packToken(DecaySegments &segments, Value t) {
    Value at = now(t);
    Value keyHead = sharedHead(op.getK()), queryHead = sharedHead(op.getQ());
    VectorType type = b.vec();
    Value zero = b.splat(type, 0.0);
    bool scales = !decay.isEmpty();
    ValueRange dots = b.loop(
        b.idx(0), b.idx(keys), lanes, {zero, zero},
        [&](Value n, ValueRange dots) -> SmallVector<Value> {
          Lanes some = b.lanesOf(b.idx(keys), n, lanes);
          auto loadRow = [&](Value memref, Value ofHead) {
            return b.load(some, memref, {batch, at, ofHead, n});
          };
          Value q = loadRow(op.getQ(), queryHead),
                k = loadRow(op.getK(), keyHead);
          Value reading, writing;
          if (scales) {
            reading = segments.readScale(t, n, type);
            writing = segments.inputScale(t, n, type);
          }
          auto times = [&](Value x, Value scale) {
            return scale ? b.fmul(x, scale) : x;
          };
          b.store(full, times(q, reading), queryRows, {t, n});
          b.store(full, times(k, writing), writeRows, {t, n});
          if (!erases) {
            b.store(full, times(k, reading), readRows, {t, n});
            return {b.fma(k, q, dots[0]), dots[1]};
          }
          Value a = loadRow(op.getA(), keyHead),
                e = loadRow(op.getB(), keyHead);
          b.store(full,
                  times(a, scales ? scaleBefore(segments, t, n) : Value()),
                  readRows, {t, n});
          b.store(full, times(e, writing), eraseRows, {t, n});
          return {b.fma(k, q, dots[0]), b.fma(e, q, dots[1])};
        });
    auto storeDot = [&](Value vector, Value memref) {
      Value sum =
          vector::ReductionOp::create(b, vector::CombiningKind::ADD, vector);
      b.storeScalar(sum, memref, t);
    };
    storeDot(dots[0], writeDots);
    if (erases)
      storeDot(dots[1], eraseDots);
  }

  /// D[t-1]: 1 at the first token of a block, whose state is the true one.
  Value scaleBefore(DecaySegments &segments, Value t, Value n) {
    Value isFirst = b.less(t, b.idx(1));
    Value before =
        arith::SelectOp::create(b, isFirst, b.idx(0), b.sub(t, b.idx(1)));
    Value scale = segments.outputScale(before, n, b.vec());
    return arith::SelectOp::create(b, isFirst, b.splat(b.vec(), 1.0), scale);
  }

  Value at(int64_t v) { return b.idx(v * lanes); }

  void emitPanel(DecaySegments &segments, Value column) {
    SmallVector<Value> starts;
    SmallVector<Lanes> access;
    for (int64_t v = 0; v < vectors; ++v) {
      starts.push_back(b.add(column, v * lanes));
      access.push_back(b.lanesOf(columns, starts[v], panelColumns));
    }
    auto stateAt = [&](Value n, int64_t v) -> SmallVector<Value> {
      return {batch, head, n, starts[v]};
    };
    b.loop(b.idx(0), b.idx(keys), 1, [&](Value n) {
      for (int64_t v = 0; v < vectors; ++v)
        b.store(full, b.load(access[v], op.getState(), stateAt(n, v)), panel,
                {n, at(v)});
    });
    b.branch(
        beginsSequence(b.idx(0)), [&] { forget(); },
        [&] { walk({}, {}, b.idx(0)); });
    b.loop(b.idx(0), tokens, 1, [&](Value t) {
      emitToken(t, starts, access);
      Value next = b.add(t, 1);
      Value starts = decay.isEmpty() ? falseValue() : segments.startsAt(t);
      b.branch(
          starts, [&] { walk(&segments, t, next); },
          [&] { walk({}, t, next); });
      b.branch(
          beginsSequence(next), [&] { forget(); }, [] {});
    });
    b.loop(b.idx(0), b.idx(keys), 1, [&](Value n) {
      Value scale;
      if (!decay.isEmpty())
        scale = b.broadcast(b.vec(), segments.endScale(n, b.getF32Type()));
      for (int64_t v = 0; v < vectors; ++v) {
        Value z = b.load(full, panel, {n, at(v)});
        b.store(access[v], scale ? b.fmul(z, scale) : z, op.getState(),
                stateAt(n, v));
      }
    });
  }

  Value falseValue() { return arith::ConstantIntOp::create(b, 0, 1); }

  /// Whether the state before token t, which may be the one after the last of
  /// the block, is to be dropped.
  Value beginsSequence(Value t) {
    if (!op.getResets())
      return falseValue();
    Value last = b.sub(tokens, b.idx(1));
    Value reset = b.loadScalar(op.getResets(), {batch, now(b.min(t, last))});
    return arith::AndIOp::create(b, reset, b.less(t, tokens));
  }

  void forget() {
    Value zero = b.splat(b.vec(), 0.0);
    b.loop(b.idx(0), b.idx(keys), 1, [&](Value n) {
      for (int64_t v = 0; v < vectors; ++v)
        b.store(full, zero, panel, {n, at(v)});
    });
    for (int64_t v = 0; v < vectors; ++v) {
      b.store(full, zero, readings, {b.idx(0), at(v)});
      b.store(full, zero, readings, {b.idx(1), at(v)});
    }
  }

  /// From what token t read to its output and to what it writes.
  void emitToken(Value t, ArrayRef<Value> starts, ArrayRef<Lanes> access) {
    Value time = now(t);
    Value dot = b.broadcast(b.vec(), b.loadScalar(writeDots, {t})), other;
    if (erases)
      other = b.broadcast(b.vec(), b.loadScalar(eraseDots, {t}));
    else
      other =
          b.broadcast(b.vec(), b.loadScalar(op.getBeta(), {batch, time, head}));
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<Value> here{batch, time, head, starts[v]};
      Value value = b.load(access[v], op.getV(), here);
      Value read = b.load(full, readings, {b.idx(0), at(v)});
      Value y = b.load(full, readings, {b.idx(1), at(v)});
      if (erases) {
        y = b.fma(other, read, y);
        b.store(full, read, writings, {b.idx(1), at(v)});
      } else {
        value = b.fmul(other, b.fsub(value, read));
      }
      b.store(full, value, writings, {b.idx(0), at(v)});
      b.store(access[v], b.fma(dot, value, y), op.getY(), here);
    }
  }

  /// Changes the panel by what token t writes, if there is one, scaling it
  /// before if `scaling`, and takes the readings of token `next`.
  void walk(DecaySegments *scaling, Value t, Value next) {
    SmallVector<Value> written, erased;
    if (t)
      for (int64_t v = 0; v < vectors; ++v) {
        written.push_back(b.load(full, writings, {b.idx(0), at(v)}));
        if (erases)
          erased.push_back(b.load(full, writings, {b.idx(1), at(v)}));
      }
    auto row = [&](Value rows, Value token, Value n) {
      return b.broadcast(b.vec(), b.loadScalar(rows, {token, n}));
    };
    auto step = [&](Value n, ValueRange sums) {
      SmallVector<Value> updated(sums);
      Value write, erase, scale;
      if (t) {
        write = row(writeRows, t, n);
        if (erases)
          erase = row(eraseRows, t, n);
        if (scaling)
          scale =
              b.broadcast(b.vec(), scaling->startScale(t, n, b.getF32Type()));
      }
      Value read = row(readRows, next, n), query = row(queryRows, next, n);
      for (int64_t v = 0; v < vectors; ++v) {
        Value z = b.load(full, panel, {n, at(v)});
        if (t) {
          if (scaling)
            z = b.fmul(z, scale);
          z = b.fma(write, written[v], z);
          if (erases)
            z = b.fma(erase, erased[v], z);
          b.store(full, z, panel, {n, at(v)});
        }
        updated[v] = b.fma(read, z, updated[v]);
        updated[vectors + v] = b.fma(query, z, updated[vectors + v]);
      }
      return updated;
    };
    SmallVector<Value> zeros(2 * vectors, b.splat(b.vec(), 0.0));
    int64_t whole = keys / unroll * unroll;
    SmallVector<Value> sums = b.loop(b.idx(0), b.idx(whole), unroll, zeros,
                                     [&](Value n, ValueRange sums) {
                                       SmallVector<Value> now(sums);
                                       for (int64_t i = 0; i < unroll; ++i)
                                         now = step(b.add(n, i), now);
                                       return now;
                                     });
    for (int64_t n = whole; n < keys; ++n)
      sums = step(b.idx(n), sums);
    for (int64_t v = 0; v < vectors; ++v) {
      b.store(full, sums[v], readings, {b.idx(0), at(v)});
      b.store(full, sums[vectors + v], readings, {b.idx(1), at(v)});
    }
  }
};

bool isSupported(ssm::DeltaRuleOp op, const CpuTarget &) {
  for (Value v : {op.getQ(), op.getK(), op.getV(), op.getA(), op.getB(),
                  op.getDecay(), op.getY(), op.getState()})
    if (v && !isUnitStrideFloat(v))
      return false;
  if (!isF32MemRef(op.getState()) ||
      (op.getBeta() && !isFloatMemRef(op.getBeta())))
    return false;
  auto heads = [](Value v) {
    return cast<MemRefType>(v.getType()).getDimSize(2);
  };
  int64_t keys = heads(op.getState());
  return !ShapedType::isDynamic(keys) && keys >= 1 && keys <= maxKeys &&
         heads(op.getQ()) <= heads(op.getV());
}

struct LowerDeltaRule : ssmc::impl::SsmLowerDeltaRuleBase<LowerDeltaRule> {
  using SsmLowerDeltaRuleBase::SsmLowerDeltaRuleBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::DeltaRuleOp, Kernel>(getOperation(), cpu,
                                                   isSupported)))
      signalPassFailure();
  }
};

} // namespace
