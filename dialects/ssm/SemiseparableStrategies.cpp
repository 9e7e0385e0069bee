//===- SemiseparableStrategies.cpp - ssm.semiseparable in chunks ----------===//
//
// Over a piece of time, with late(t, s) as in SsmChunk.h and the state S before
// the piece:
//
//     y = (Q K^T * late) V + (Q * late of S) S
//     S = late to the end * S + (K * late to the end)^T V
//
// The dense form is one piece.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmChunk.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

SmallVector<Value> mlir::ssm::lowerInChunks(OpBuilder &b, SemiseparableOp op,
                                            int64_t chunk) {
  Decomposition d(b, op.getLoc());
  bool reverse = op.getReverse();
  return d.chunks(
      d.dim(op.getY(), 1), chunk, reverse, {op.getY(), op.getState()},
      [&](const Piece &piece, ValueRange carried) -> SmallVector<Value> {
        Chunk c(b, op.getLoc(), piece, op.getDecay(), op.getResets(), op.getV(),
                carried[1], reverse);
        Value q = c.part(op.getQ()), k = c.part(op.getK());
        int64_t outputs = cast<ShapedType>(op.getY().getType()).getDimSize(2);
        Value matrix = c.weigh({{q, k, Chunk::Late, outputs}})[0];
        Value y = c.mix(matrix, c.getValues(),
                        c.readState(q, Chunk::Late, c.nothing(outputs)));
        y = d.convert(y, c.part(carried[0]));
        return {d.insertPart(y, carried[0], 1, piece),
                c.finalState({{k, c.getValues()}})};
      });
}
