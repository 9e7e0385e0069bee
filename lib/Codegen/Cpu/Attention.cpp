//===- Attention.cpp - ssm-lower-attention --------------------------------===//
//
// Flash attention (Dao et al., arXiv:2205.14135): no matrix of scores is
// stored, since a running maximum and sum put tiles of keys together. One
// parallel iteration owns a block of queries of one batch row, with all heads
// that share a key head (AttentionBlock.cpp). One query alone, as in
// generation, is limited by reading keys and values: AttentionOne.cpp.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/Attention.h"
#include "lib/Codegen/Cpu/CpuPasses.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERATTENTION
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

void ssmc::forEachVector(KernelBuilder &b, int64_t total,
                         function_ref<void(Value, Lanes, int64_t)> body) {
  int64_t lanes = b.target.lanes, whole = total / lanes * lanes;
  b.loop(b.idx(0), b.idx(whole), lanes, [&](Value at) {
    body(at, {b.vec(), {}}, lanes);
  });
  if (whole < total)
    body(b.idx(whole), b.lanes(b.vec(), b.idx(total - whole)), total - whole);
}

Value ssmc::sumVectors(KernelBuilder &b, int64_t total, Value sum,
                       function_ref<Value(Value, Lanes, Value)> body) {
  int64_t lanes = b.target.lanes, whole = total / lanes * lanes;
  sum =
      b.loop(b.idx(0), b.idx(whole), lanes, sum, [&](Value at, ValueRange sum) {
        return SmallVector<Value>{body(at, {b.vec(), {}}, sum[0])};
      })[0];
  if (whole < total)
    sum = body(b.idx(whole), b.lanes(b.vec(), b.idx(total - whole)), sum);
  return sum;
}

namespace {

// Floats of a block's rows and a tile's keys and values, at most: they are on
// the stack, half a megabyte.
constexpr int64_t maxScratch = 128 * 1024;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::AttentionOp op) : b(b), op(op) {}

  void emit() {
    AttentionScores scores(b, op);
    if (!hasAttentionOfOne(op))
      return emitBlocks(scores);
    b.branch(
        b.isOne(scores.numQueries), [&] { emitAttentionOfOne(b, op, scores); },
        [&] { emitBlocks(scores); });
  }

private:
  void emitBlocks(AttentionScores &scores) {
    int64_t most = attentionBlockQueries(op);
    Value blocks = b.ceilDiv(scores.numQueries, most);
    Value groups = b.idx(extentOf(op.getK(), 2));
    b.parallel({b.dim(op.getQ(), 0), groups, blocks}, [&](ValueRange index) {
      // The last queries see most keys: theirs is the longest work.
      Value block = b.sub(b.sub(blocks, b.idx(1)), index[2]);
      emitAttentionBlock(b, op, scores, index[0], index[1], b.mul(block, most));
    });
  }

  KernelBuilder &b;
  ssm::AttentionOp op;
};

bool isSupported(ssm::AttentionOp op, const CpuTarget &) {
  for (Value v : {op.getQ(), op.getK(), op.getV(), op.getY()})
    if (!isUnitStrideFloat(v) || ShapedType::isDynamic(extentOf(v, 3)) ||
        extentOf(v, 3) == 0)
      return false;
  for (Value v : {op.getSlopes(), op.getSinks(), op.getBias()})
    if (v && !isFloatMemRef(v))
      return false;
  if (!isF32MemRef(op.getLse()))
    return false;
  // One bias for all queries and heads, as of keys that only fill up a batch.
  if (op.getBias() &&
      (extentOf(op.getBias(), 1) != 1 || extentOf(op.getBias(), 2) != 1 ||
       extentOf(op.getBias(), 3) == 1))
    return false;
  return attentionBlockScratch(op) <= maxScratch;
}

struct LowerAttention : ssmc::impl::SsmLowerAttentionBase<LowerAttention> {
  using SsmLowerAttentionBase::SsmLowerAttentionBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::AttentionOp, Kernel>(getOperation(), cpu,
                                                   isSupported)))
      signalPassFailure();
  }
};

} // namespace
