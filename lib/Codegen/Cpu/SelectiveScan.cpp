//===- SelectiveScan.cpp - ssm-lower-selective-scan -----------------------===//
//
// One parallel iteration owns a few vectors of neighbouring channels of one
// batch row and walks over time:
//
//   dt, u = delta[t], u[t];  acc = D * u
//   for n:  h[n] = 2^(dt * A'[n]) * h[n] + (dt * u) * B[t, n]   A' = log2(e) A
//           acc += C[t, n] * h[n]
//   y[t] = acc * silu(z[t])
//
// where everything but B and C is a vector of channels. On AVX2 sixteen states
// do not fit the sixteen registers next to the constants of the exponential:
// there h stays in a scratch in the first-level cache, which measures faster
// than letting registers spill, and two vectors of channels are processed per
// step so that their dependency chains overlap.
//
// A single token has code of its own, in which the lanes are states: the
// factors dt and dt * u of a vector of channels are computed together, and what
// the channels read out is summed in a tree that leaves a channel in each lane.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Transpose.h"
#include "lib/Codegen/StateStart.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSELECTIVESCAN
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Registers beside the states: six coefficients, two constants of the rounding
// (or none) and the values in flight.
constexpr int64_t reservedRegisters = 12;
// States of which the code of one step is unrolled, at most.
constexpr int64_t maxUnroll = 32;
// States whose operations are interleaved.
constexpr int64_t statesInFlight = 2;

// Channels for whose states a step of one token asks before it comes to them:
// exponentials would leave the memory idle.
constexpr int64_t channelsAhead = 128;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::SelectiveScanOp op)
      : b(b), op(op), begin(takeBegin(op, op.getState())),
        lanes(b.target.lanes), states(extentOf(op.getA(), 1)),
        inRegisters(states + reservedRegisters <= b.target.registers),
        vectors(inRegisters ? 1 : 2) {}

  void emit() {
    batches = b.dim(op.getU(), 0);
    length = b.dim(op.getU(), 1);
    channels = b.dim(op.getU(), 2);
    int64_t block = lanes * vectors;
    b.parallel({batches, b.ceilDiv(channels, block)}, [&](ValueRange index) {
      Value first = b.mul(index[1], block);
      b.branch(
          hasTokenCode() ? b.isOne(length)
                         : arith::ConstantIntOp::create(b, 0, 1).getResult(),
          [&] { emitOnlyToken(index[0], first, block); },
          [&] { emitTokens(index[0], first, block); });
    });
  }

private:
  void emitTokens(Value batch, Value first, int64_t block) {
    for (int64_t i = 0; i < vectors; ++i) {
      decays.push_back(b.scratch({states, lanes}));
      hidden.push_back(b.scratch({states, lanes}));
    }
    b.branch(
        b.lessEqual(b.add(first, block), channels),
        [&] { emitBlock(batch, first, vectors, Value()); },
        [&] {
          b.loop(first, channels, lanes, [&](Value channel) {
            emitBlock(batch, channel, 1,
                      b.min(b.sub(channels, channel), b.idx(lanes)));
          });
        });
  }

  // A block of one token would be transposed, with its decays, for nothing:
  // here the lanes are states. `acc` of a channel is summed over them; the skip
  // and the gate follow for vectors of channels.
  static constexpr int64_t maxStateVectors = 4;
  bool hasTokenCode() {
    return states <= maxStateVectors * lanes &&
           llvm::all_of(
               ValueRange{op.getA(), op.getB(), op.getC(), op.getState()},
               isUnitStrideFloat);
  }

  void emitOnlyToken(Value batch, Value first, int64_t block) {
    Value zero = b.idx(0);
    Value end = b.min(b.add(first, block), channels);
    TokenOfBatch token{batch, {}, {}, {}, {}};
    if (op.getResets())
      token.reset = b.loadScalar(op.getResets(), {batch, zero});
    for (int64_t n = 0; n < states; n += lanes) {
      Lanes some = b.lanesOf(b.idx(states), b.idx(n), lanes);
      token.access.push_back(some);
      token.B.push_back(b.load(some, op.getB(), {batch, zero, b.idx(n)}));
      token.C.push_back(b.load(some, op.getC(), {batch, zero, b.idx(n)}));
    }
    Value factors = b.scratch({2, lanes}), sums = b.scratch({lanes});
    b.loop(first, end, lanes, [&](Value channel) {
      Lanes some = b.lanesOf(channels, channel, lanes);
      Value at[] = {batch, zero, channel};
      Value dt = b.load(some, op.getDelta(), at);
      Value u = b.load(some, op.getU(), at);
      b.store({b.vec(), {}}, b.fmul(dt, b.splat(b.vec(), log2e)), factors,
              {zero, zero});
      b.store({b.vec(), {}}, b.fmul(dt, u), factors, {b.idx(1), zero});
      auto sumAt = [&](Value i) {
        return readOut(token, b.add(channel, i), factors, i);
      };
      b.branch(
          b.lessEqual(b.add(channel, lanes), channels),
          [&] {
            b.store({b.vec(), {}}, sumRows(0, lanes, sumAt), sums, zero);
          },
          [&] {
            b.loop(zero, b.sub(channels, channel), 1, [&](Value i) {
              b.storeScalar(vector::ReductionOp::create(
                                b, vector::CombiningKind::ADD, sumAt(i),
                                arith::FastMathFlags::reassoc), // in any order
                            sums, i);
            });
          });
      Value acc = b.load({b.vec(), {}}, sums, zero);
      if (op.getD())
        acc = b.fma(b.load(some, op.getD(), {channel}), u, acc);
      if (op.getZ())
        acc = b.fmul(acc, b.silu(b.load(some, op.getZ(), at)));
      b.store(some, acc, op.getY(), at);
    });
  }

  /// What all channels of a batch row share, in vectors of states.
  struct TokenOfBatch {
    Value batch, reset;
    SmallVector<Lanes> access;
    SmallVector<Value> B, C;
  };

  /// A step of one channel, whose factors are in column i; the products of
  /// C and h, in lanes.
  Value readOut(const TokenOfBatch &token, Value channel, Value factors,
                Value i) {
    Value acc;
    auto factor = [&](int64_t row) {
      return b.broadcast(b.vec(), b.loadScalar(factors, {b.idx(row), i}));
    };
    Value exponent = factor(0), input = factor(1);
    Value ahead =
        b.min(b.add(channel, channelsAhead), b.sub(channels, b.idx(1)));
    for (int64_t n = 0; n < states; n += cacheLineFloats)
      b.prefetch(begin, {token.batch, ahead, b.idx(n)});
    for (auto [v, some] : llvm::enumerate(token.access)) {
      Value n = b.idx(v * lanes);
      Value a = b.exp2(b.fmul(exponent, b.load(some, op.getA(), {channel, n})));
      Value at[] = {token.batch, channel, n};
      Value h = b.load(some, begin, at);
      if (token.reset)
        h = b.select(token.reset, b.splat(b.vec(), 0.0), h);
      h = b.fma(a, h, b.fmul(input, token.B[v]));
      b.store(some, h, op.getState(), at);
      acc = acc ? b.fma(token.C[v], h, acc) : b.fmul(token.C[v], h);
    }
    return acc;
  }

  /// Lane i has the sum of the lanes of row i, each computed where it is needed
  /// first.
  Value sumRows(int64_t first, int64_t count,
                function_ref<Value(Value i)> row) {
    if (count == 1)
      return row(b.idx(first));
    Value low = sumRows(first, count / 2, row);
    Value high = sumRows(first + count / 2, count / 2, row);
    return addPairs(b, low, high, count / 2);
  }

  KernelBuilder &b;
  ssm::SelectiveScanOp op;
  Value begin; // where the state is read
  int64_t lanes, states;
  bool inRegisters;
  int64_t vectors;
  Value batches, length, channels;
  SmallVector<Value> decays, hidden; // scratch[n][lane] for each vector

  // `count` channels from `channel`, or all the lanes of `vectors` vectors.
  void emitBlock(Value batch, Value channel, int64_t vectors, Value count) {
    SmallVector<Value> starts;
    Lanes access{b.vec(), {}};
    if (count)
      access = b.lanes(b.vec(), count);
    for (int64_t v = 0; v < vectors; ++v) {
      starts.push_back(b.add(channel, v * lanes));
      loadTransposed(b, {op.getA(), {}, starts[v], count, states}, decays[v],
                     log2e);
      loadTransposed(b, stateRows(begin, batch, starts[v], count), hidden[v],
                     1.0);
    }
    SmallVector<Value> carried;
    if (inRegisters)
      for (int64_t n = 0; n < states; ++n)
        carried.push_back(
            b.load({b.vec(), {}}, hidden[0], {b.idx(n), b.idx(0)}));
    ValueRange last = b.loop(
        b.idx(0), length, 1, carried, [&](Value step, ValueRange carried) {
          Value t = step;
          if (op.getReverse())
            t = b.sub(b.sub(length, b.idx(1)), step);
          SmallVector<Value> h =
              b.unlessReset(op.getResets(), {batch, t}, carried);
          if (op.getResets() && !inRegisters)
            forgetWhereReset(batch, t, vectors);
          for (int64_t v = 0; v < vectors; ++v)
            emitStep(batch, t, starts[v], v, access, h);
          return h;
        });
    for (auto [n, value] : llvm::enumerate(last))
      b.store({b.vec(), {}}, value, hidden[0], {b.idx(n), b.idx(0)});
    for (int64_t v = 0; v < vectors; ++v)
      storeTransposed(b, stateRows(op.getState(), batch, starts[v], count),
                      hidden[v]);
  }

  void forgetWhereReset(Value batch, Value t, int64_t vectors) {
    b.branch(
        b.loadScalar(op.getResets(), {batch, t}),
        [&] {
          b.loop(b.idx(0), b.idx(states), 1, [&](Value n) {
            for (int64_t v = 0; v < vectors; ++v)
              b.store({b.vec(), {}}, b.splat(b.vec(), 0.0), hidden[v],
                      {n, b.idx(0)});
          });
        },
        [] {});
  }

  RowBlock stateRows(Value state, Value batch, Value channel, Value count) {
    return {state, {batch}, channel, count, states};
  }

  void emitStep(Value batch, Value t, Value channel, int64_t v, Lanes access,
                SmallVectorImpl<Value> &h) {
    Value at[] = {batch, t, channel};
    Value dt = b.load(access, op.getDelta(), at);
    Value u = b.load(access, op.getU(), at);
    Value input = b.fmul(dt, u);
    Value acc = b.splat(b.vec(), 0.0);
    if (op.getD())
      acc = b.fmul(b.load(access, op.getD(), {channel}), u);
    if (states <= maxUnroll) {
      for (int64_t n = 0; n < states; n += statesInFlight)
        acc = emitStates(batch, t, v, b.idx(n),
                         std::min(statesInFlight, states - n), dt, input, acc,
                         h, n);
    } else {
      // Many states: a loop over them, unrolled by a few, and a rest.
      constexpr int64_t unroll = 8;
      int64_t whole = states / unroll * unroll;
      auto group = [&](Value first, int64_t count, Value acc) {
        for (int64_t n = 0; n < count; n += statesInFlight)
          acc = emitStates(batch, t, v, b.add(first, n),
                           std::min(statesInFlight, count - n), dt, input, acc,
                           h, 0);
        return acc;
      };
      acc = b.loop(b.idx(0), b.idx(whole), unroll, acc,
                   [&](Value n, ValueRange acc) {
                     return SmallVector<Value>{group(n, unroll, acc[0])};
                   })[0];
      acc = group(b.idx(whole), states - whole, acc);
    }
    if (op.getZ())
      acc = b.fmul(acc, b.silu(b.load(access, op.getZ(), at)));
    b.store(access, acc, op.getY(), at);
  }

  // `count` neighbouring states, each stage for all of them before the next.
  Value emitStates(Value batch, Value t, int64_t v, Value first, int64_t count,
                   Value dt, Value input, Value acc, SmallVectorImpl<Value> &h,
                   int64_t position) {
    Lanes full{b.vec(), {}};
    SmallVector<Value> index, value;
    for (int64_t i = 0; i < count; ++i) {
      index.push_back(b.add(first, i));
      Value decay = b.load(full, decays[v], {index[i], b.idx(0)});
      value.push_back(b.exp2(b.fmul(dt, decay)));
    }
    for (int64_t i = 0; i < count; ++i) {
      Value scalar = b.loadScalar(op.getB(), {batch, t, index[i]});
      Value added = b.fmul(input, b.broadcast(b.vec(), scalar));
      Value old = inRegisters ? h[position + i]
                              : b.load(full, hidden[v], {index[i], b.idx(0)});
      value[i] = b.fma(value[i], old, added);
      if (inRegisters)
        h[position + i] = value[i];
      else
        b.store(full, value[i], hidden[v], {index[i], b.idx(0)});
    }
    for (int64_t i = 0; i < count; ++i) {
      Value scalar = b.loadScalar(op.getC(), {batch, t, index[i]});
      acc = b.fma(value[i], b.broadcast(b.vec(), scalar), acc);
    }
    return acc;
  }
};

bool isSupported(ssm::SelectiveScanOp op, const CpuTarget &) {
  for (Value v : {op.getU(), op.getDelta(), op.getD(), op.getZ(), op.getY()})
    if (v && !isUnitStrideFloat(v))
      return false;
  for (Value v : {op.getA(), op.getB(), op.getC()})
    if (!isFloatMemRef(v))
      return false;
  return isF32MemRef(op.getState()) &&
         !cast<MemRefType>(op.getA().getType()).isDynamicDim(1);
}

struct LowerSelectiveScan
    : ssmc::impl::SsmLowerSelectiveScanBase<LowerSelectiveScan> {
  using SsmLowerSelectiveScanBase::SsmLowerSelectiveScanBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::SelectiveScanOp, Kernel>(getOperation(), cpu,
                                                       isSupported)))
      signalPassFailure();
  }
};

} // namespace
