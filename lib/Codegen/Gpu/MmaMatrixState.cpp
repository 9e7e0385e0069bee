//===- MmaMatrixState.cpp - ssm-mma-matrix-state --------------------------===//
//
// Matrix states on tensor cores (mma.sync): a block has some columns of a
// head's state and walks over chunks (MatrixChunk.h). In each round its makers
// compute what the next chunk's tokens do to each other, and the other warps
// copy one that comes later and consume this one:
//
//   round c:   makers  make c + 1
//              others  copy c + 2 or more;  consume c;  wait for c + 2
//              barrier
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/Choice.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixChunk.h"
#include "lib/Codegen/StateStart.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMMMAMATRIXSTATE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

using Values = SmallVector<Value>;

template <typename Op>
class Kernel {
public:
  Kernel(LaunchBuilder &b, Op op)
      : b(b), op(op), mixer(op), shape(*MatrixShape::get(mixer)),
        start(findJoinedStart(op, op.getState())) {}

  void emit() {
    length = b.dim(mixer.v, 1);
    Value isLong = b.less(b.idx(MatrixShape::tokens - 1), length);
    // The rest streams.
    b.when(
        b.both(isLong, isAligned()), [&] { emitWalk(); },
        [&] {
          if (start.op)
            b.clone(*start.op);
          b.clone(*op);
        });
    if (start.op)
      start.op->erase();
  }

private:
  Value isAligned();
  void emitWalk();
  void emitMakers(MatrixChunk &chunk, Value chunks);
  void emitOthers(MatrixChunk &chunk, Value chunks);

  LaunchBuilder &b;
  Op op;
  MatrixMixer mixer;
  MatrixShape shape;
  StateStart start;
  Value length;
};

} // namespace

/// Whether rows can be copied by pieces of 16 bytes. On the host.
template <typename Op>
Value Kernel<Op>::isAligned() {
  Values copied{mixer.q, mixer.k, mixer.v};
  if (shape.ofKey)
    copied.push_back(mixer.decay);
  Value bits;
  for (Value memref : copied) {
    Values parts{b.addressOf(memref, {})};
    int64_t rank = cast<MemRefType>(memref.getType()).getRank();
    for (int64_t d = 0; d + 1 < rank; ++d)
      parts.push_back(b.byteStride(memref, d));
    for (Value part : parts)
      bits = bits ? arith::OrIOp::create(b, bits, part).getResult() : part;
  }
  return b.equal(b.rem(bits, copyBytes), b.idx(0));
}

template <typename Op>
void Kernel<Op>::emitWalk() {
  OpBuilder::InsertionGuard guard(b);
  Value units = b.mul(b.dim(mixer.v, 0), shape.heads * shape.blocks);
  gpu::LaunchOp launch = b.launch(units, b.idx(1), b.idx(1), shape.threads());
  MatrixChunk chunk(b, mixer, shape, launch, length);
  Value chunks = b.ceilDiv(length, MatrixShape::tokens);
  Value isMaker = chunk.isMaker();
  b.when(
      isMaker, [] {},
      [&] {
        for (int64_t c = 0; c < shape.ahead(); ++c)
          chunk.copy(b.idx(c));
        chunk.wait();
      });
  b.barrier();
  b.when(
      isMaker, [&] { emitMakers(chunk, chunks); },
      [&] { emitOthers(chunk, chunks); });
}

template <typename Op>
void Kernel<Op>::emitMakers(MatrixChunk &chunk, Value chunks) {
  Values first = chunk.fetch(b.idx(0)), second = chunk.fetch(b.idx(1));
  chunk.make(b.idx(0), first);
  b.barrier();
  b.keepRolled(
      b.loop(b.idx(0), chunks, 1, second, [&](Value c, ValueRange ahead) {
        Values later = chunk.fetch(b.add(c, 2));
        chunk.make(b.add(c, 1), ahead);
        b.barrier();
        return later;
      }));
}

template <typename Op>
void Kernel<Op>::emitOthers(MatrixChunk &chunk, Value chunks) {
  Values begin =
      chunk.loadState(start.isZero() ? Value() : start.bufferOr(mixer.state));
  b.barrier();
  ValueRange end = b.keepRolled(
      b.loop(b.idx(0), chunks, 1, begin, [&](Value c, ValueRange state) {
        chunk.copy(b.add(c, shape.ahead()));
        Values next = chunk.consume(c, state);
        chunk.wait();
        b.barrier();
        return next;
      }));
  chunk.storeState(end);
}

namespace {
struct MmaMatrixState : ssmc::impl::SsmMmaMatrixStateBase<MmaMatrixState> {
  using SsmMmaMatrixStateBase::SsmMmaMatrixStateBase;
  void runOnOperation() override {
    if (givenChoice(getOperation(), "chunks") == 0)
      return;
    launchEach<ssm::DeltaRuleOp, Kernel<ssm::DeltaRuleOp>>(
        getOperation(), [](ssm::DeltaRuleOp op) {
          return op->getNumResults() == 0 && op.getBeta() &&
                 MatrixShape::get(MatrixMixer(op));
        });
    launchEach<ssm::SemiseparableOp, Kernel<ssm::SemiseparableOp>>(
        getOperation(), [&](ssm::SemiseparableOp op) {
          std::optional<MatrixShape> shape;
          if (op->getNumResults() == 0 && !op.getScale() && !op.getSkip())
            shape = MatrixShape::get(MatrixMixer(op));
          return shape && (shape->ofKey || !onlyKeys);
        });
  }
};
} // namespace
