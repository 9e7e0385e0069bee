//===- SemiseparableStrategies.cpp - ssm.semiseparable in chunks ----------===//
//
// Over a piece of time, with late(t, s) as in SsmChunk.h and the state S before
// the piece:
//
//     y = (Q K^T * late) C V + (Q * late of S) S + d V
//     S = late to the end * S + (K * late to the end)^T C V
//
// with C = diag(scale) and d the skip. The dense form is one piece.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmChunk.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
enum { B, T, H, P };
} // namespace

/// scale(t, h) * v(t, h) in the type of arithmetic.
static Value scaled(Decomposition &d, Value v, Value scale, Type type) {
  AffineMap all = d.dims(4, {B, T, H, P});
  return d.multiply(
      {{scale, d.dims(4, {B, T, H})}, {v, all}, {d.emptyLike(v, type), all}},
      4);
}

/// skip(h) * v(t, h) added to `sum`, whose heads share those of v.
static Value addSkipped(OpBuilder &b, Decomposition &d, Value v, Value skip,
                        Value sum) {
  auto numHeads = [](Value of) {
    return cast<ShapedType>(of.getType()).getDimSize(H);
  };
  AffineExpr head = b.getAffineDimExpr(H).floorDiv(numHeads(sum) / numHeads(v));
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(4, 0, exprs, b.getContext());
  };
  auto dim = [&](unsigned i) { return b.getAffineDimExpr(i); };
  return d.addProducts({{skip, map({head})},
                        {v, map({dim(B), dim(T), head, dim(P)})},
                        {sum, d.dims(4, {B, T, H, P})}},
                       /*numLoops=*/4, /*reductions=*/{});
}

SmallVector<Value> mlir::ssm::lowerInChunks(OpBuilder &b, SemiseparableOp op,
                                            int64_t chunk) {
  Decomposition d(b, op.getLoc());
  bool reverse = op.getReverse();
  Type type = cast<ShapedType>(op.getState().getType()).getElementType();
  return d.chunks(
      d.dim(op.getY(), 1), chunk, reverse, {op.getY(), op.getState()},
      [&](const Piece &piece, ValueRange carried) -> SmallVector<Value> {
        Chunk c(b, op.getLoc(), piece, op.getDecay(), op.getResets(), op.getV(),
                carried[1], reverse);
        Value q = c.part(op.getQ()), k = c.part(op.getK());
        int64_t outputs = cast<ShapedType>(op.getY().getType()).getDimSize(2);
        Value matrix = c.weigh({{q, k, Chunk::Late, outputs}})[0];
        Value written = c.getValues(), sum = c.nothing(outputs);
        if (op.getSkip())
          sum = addSkipped(b, d, written, op.getSkip(), sum);
        if (op.getScale())
          written = scaled(d, written, c.part(op.getScale()), type);
        Value y = c.mix(matrix, written, c.readState(q, Chunk::Late, sum));
        y = d.convert(y, c.part(carried[0]));
        return {d.insertPart(y, carried[0], 1, piece),
                c.finalState({{k, written}})};
      });
}
