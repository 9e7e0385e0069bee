//===- MmaDeltaRule.cpp - ssm-mma-delta-rule ------------------------------===//
//
// Matrix states that are corrected, on tensor cores (mma.sync): a block has
// some columns of a head's state and walks over chunks (DeltaChunk.h). In each
// round its makers compute what the next chunk's tokens do to each other, copy
// one that comes later, and the other warps consume this one:
//
//   round c:   makers  copy c + 3;  wait for c + 2;  make c + 1
//              others  consume c
//              barrier
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/DeltaChunk.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/StateStart.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMMMADELTARULE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

static constexpr int64_t mostWarps = 4;

static MemRefType typeOf(Value memref) {
  return cast<MemRefType>(memref.getType());
}
static int64_t extentOf(Value memref, int64_t dim) {
  return typeOf(memref).getDimSize(dim);
}

std::optional<DeltaShape> DeltaShape::get(ssm::DeltaRuleOp op) {
  if (op->getNumResults() != 0 || !op.getBeta() ||
      !isDeviceFloat(op.getBeta()) ||
      !typeOf(op.getState()).getElementType().isF32())
    return std::nullopt;
  if (Value decay = op.getDecay())
    if (!isDeviceFloat(decay) || typeOf(decay).getRank() % 2 == 0)
      return std::nullopt; // of each key
  Type element = typeOf(op.getQ()).getElementType();
  if (!element.isF16() && !element.isBF16())
    return std::nullopt;
  for (Value memref : {op.getQ(), op.getK(), op.getV(), op.getY()})
    if (typeOf(memref).getElementType() != element ||
        !typeOf(memref).isLastDimUnitStride())
      return std::nullopt;
  DeltaShape shape{element,
                   extentOf(op.getState(), 2),
                   extentOf(op.getState(), 3),
                   extentOf(op.getV(), 2),
                   extentOf(op.getK(), 2),
                   extentOf(op.getQ(), 2),
                   0,
                   0};
  int64_t length = extentOf(op.getV(), 1);
  if ((shape.keys != 64 && shape.keys != 128) || shape.columns <= 0 ||
      shape.columns % tokens != 0 || shape.queryHeads > shape.heads ||
      (length >= 0 && length < tokens))
    return std::nullopt;
  int64_t warps = shape.columns / tokens;
  shape.blocks = llvm::divideCeil(warps, mostWarps);
  while (warps % shape.blocks != 0)
    ++shape.blocks;
  shape.warps = warps / shape.blocks;
  return shape;
}

namespace {

using Values = SmallVector<Value>;

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::DeltaRuleOp op)
      : b(b), op(op), shape(*DeltaShape::get(op)),
        start(findJoinedStart(op, op.getState())) {}

  void emit() {
    length = b.dim(op.getV(), 1);
    Value isLong = b.less(b.idx(DeltaShape::tokens - 1), length);
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
  void emitMakers(DeltaChunk &chunk, Value chunks);
  void emitOthers(DeltaChunk &chunk, Value chunks);

  LaunchBuilder &b;
  ssm::DeltaRuleOp op;
  DeltaShape shape;
  StateStart start;
  Value length;
};

} // namespace

/// Whether rows can be copied by pieces of 16 bytes. On the host.
Value Kernel::isAligned() {
  Value bits;
  for (Value memref : {op.getQ(), op.getK(), op.getV()}) {
    Values parts{b.addressOf(memref, {})};
    for (int64_t d = 0; d + 1 < typeOf(memref).getRank(); ++d)
      parts.push_back(b.byteStride(memref, d));
    for (Value part : parts)
      bits = bits ? arith::OrIOp::create(b, bits, part).getResult() : part;
  }
  return b.equal(b.rem(bits, copyBytes), b.idx(0));
}

void Kernel::emitWalk() {
  OpBuilder::InsertionGuard guard(b);
  Value units = b.mul(b.dim(op.getV(), 0), shape.heads * shape.blocks);
  gpu::LaunchOp launch = b.launch(units, b.idx(1), b.idx(1), shape.threads());
  DeltaChunk chunk(b, op, shape, launch, length);
  Value chunks = b.ceilDiv(length, DeltaShape::tokens);
  Value isMaker = chunk.isMaker();
  b.when(isMaker, [&] {
    for (int64_t c = 0; c + 1 < DeltaShape::stages; ++c)
      chunk.copy(b.idx(c));
    chunk.wait(1);
  });
  b.barrier();
  b.when(
      isMaker, [&] { emitMakers(chunk, chunks); },
      [&] { emitOthers(chunk, chunks); });
}

void Kernel::emitMakers(DeltaChunk &chunk, Value chunks) {
  Values first = chunk.fetch(b.idx(0)), second = chunk.fetch(b.idx(1));
  chunk.make(b.idx(0), first);
  b.barrier();
  b.keepRolled(
      b.loop(b.idx(0), chunks, 1, second, [&](Value c, ValueRange ahead) {
        chunk.copy(b.add(c, DeltaShape::stages - 1));
        Values later = chunk.fetch(b.add(c, 2));
        chunk.wait(1);
        chunk.make(b.add(c, 1), ahead);
        b.barrier();
        return later;
      }));
}

void Kernel::emitOthers(DeltaChunk &chunk, Value chunks) {
  Values begin =
      chunk.loadState(start.isZero() ? Value() : start.bufferOr(op.getState()));
  b.barrier();
  ValueRange end = b.keepRolled(
      b.loop(b.idx(0), chunks, 1, begin, [&](Value c, ValueRange state) {
        Values next = chunk.consume(c, state);
        b.barrier();
        return next;
      }));
  chunk.storeState(end);
}

static bool isSupported(ssm::DeltaRuleOp op) {
  return DeltaShape::get(op).has_value();
}

namespace {
struct MmaDeltaRule : ssmc::impl::SsmMmaDeltaRuleBase<MmaDeltaRule> {
  void runOnOperation() override {
    launchEach<ssm::DeltaRuleOp, Kernel>(getOperation(), isSupported);
  }
};
} // namespace
