//===- StateToken.cpp - one token on a matrix state -----------------------===//

#include "lib/Codegen/Cpu/StateToken.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

StateToken::StateToken(KernelBuilder &b, const Decay &decay, Value batch,
                       Value head)
    : b(b), decay(decay), batch(batch) {
  int64_t lanes = b.target.lanes;
  Value zero = b.idx(0);
  if (decay.isPerKey()) {
    factors = b.scratch({int64_t(llvm::alignTo(decay.keys, lanes))});
    b.loop(zero, b.idx(decay.keys), lanes, [&](Value n) {
      b.store({b.vec(), {}}, decayFactor(b, decay, batch, zero, head, n),
              factors, n);
    });
  } else if (decay.decay) {
    factor =
        b.broadcast(b.vec(), decayFactor(b, decay, batch, zero, head, Value()));
  }
  if (decay.resets)
    reset = b.loadScalar(decay.resets, {batch, zero});
}

void StateToken::forEachPanel(Value columns, int64_t held,
                              function_ref<void(const Panel &)> body) {
  int64_t lanes = b.target.lanes, vectors = 1;
  // They take half of the registers, and the columns are whole panels.
  APInt known;
  if (matchPattern(columns, m_ConstantInt(&known)))
    while (2 * vectors * held <= b.target.registers / 2 &&
           known.getSExtValue() % (2 * vectors * lanes) == 0)
      vectors *= 2;
  b.loop(b.idx(0), columns, vectors * lanes, [&](Value column) {
    Panel panel;
    for (int64_t v = 0; v < vectors; ++v) {
      panel.starts.push_back(b.add(column, v * lanes));
      panel.access.push_back(
          b.lanesOf(columns, panel.starts[v], vectors * lanes));
    }
    body(panel);
  });
}

Value StateToken::kept(Value z) {
  return reset ? b.select(reset, b.splat(z.getType(), 0.0), z) : z;
}

Value StateToken::decayed(Value x, Value n) {
  if (factors)
    return b.fmul(x, b.broadcast(b.vec(), b.loadScalar(factors, n)));
  return factor ? b.fmul(x, factor) : x;
}

Value StateToken::keyOf(Value memref, Value ofHead, Value n) {
  return b.broadcast(b.vec(),
                     b.loadScalar(memref, {batch, b.idx(0), ofHead, n}));
}
