//===- QuasiseparableStrategies.cpp - ssm.quasiseparable in chunks --------===//
//
// Within a piece of time every step sees all others, by one matrix: below the
// diagonal early(t, s) of SsmChunk.h for the first direction, above it that of
// the second. What the second reads of the states behind the pieces comes
// first, from the last piece to the first,
//
//     y = (Qb * early of R) R
//
// and then, with the states F before the pieces, from the first to the last,
//
//     y = y + (Qf Kf^T * early + Qb Kb^T * early') V + d V + (Qf * early of F)
//     F
//
// so that values are mixed once for both. A sequence that begins at t drops F
// before t, and R behind t in the order in which that goes. The dense form is
// one piece, which no state comes to.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmChunk.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
using Args = ValueRange;
using Yield = SmallVector<Value>;

class BothDirections {
public:
  BothDirections(OpBuilder &b, QuasiseparableOp op, int64_t size)
      : b(b), loc(op.getLoc()), op(op), d(b, loc), type(widestFloat(op)),
        length(d.dim(op.getY(), 1)), size(size),
        outputs(cast<ShapedType>(op.getY().getType()).getDimSize(2)) {}

  Value build();

private:
  Chunk chunk(const Piece &piece, Value state, bool reverse) {
    return {b,
            loc,
            piece,
            reverse ? op.getGb() : op.getGf(),
            op.getResets(),
            op.getV(),
            state,
            reverse,
            reverse ? Chunk::Drop::Behind : Chunk::Drop::Before};
  }
  Chunk forward(const Piece &piece, Value state) {
    return chunk(piece, state, /*reverse=*/false);
  }
  Chunk backward(const Piece &piece, Value state) {
    return chunk(piece, state, /*reverse=*/true);
  }
  /// The matrix of both directions.
  Value weigh(Chunk &before, Chunk &behind);
  Value addDiagonal(Chunk &chunk, Value sum);

  OpBuilder &b;
  Location loc;
  QuasiseparableOp op;
  Decomposition d;
  Type type;
  Value length;
  int64_t size, outputs;
};
} // namespace

Value BothDirections::weigh(Chunk &before, Chunk &behind) {
  Value below = before.weigh({{before.part(op.getQf()), before.part(op.getKf()),
                               Chunk::Early, outputs}})[0];
  Value above = behind.weigh({{behind.part(op.getQb()), behind.part(op.getKb()),
                               Chunk::Early, outputs}})[0];
  AffineMap all = b.getMultiDimIdentityMap(4);
  return d.map({{above, all}, {below, all}}, /*numOuts=*/1, /*numLoops=*/4,
               /*reductions=*/{},
               [](OpBuilder &b, Location loc, Args args) -> Yield {
                 return {arith::AddFOp::create(b, loc, args[0], args[1])};
               })[0];
}

Value BothDirections::addDiagonal(Chunk &chunk, Value sum) {
  if (!op.getDiagonal())
    return sum;
  int64_t heads = cast<ShapedType>(op.getV().getType()).getDimSize(2);
  AffineExpr batch, step, output, column;
  bindDims(b.getContext(), batch, step, output, column);
  AffineExpr head = output.floorDiv(outputs / heads);
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(4, 0, exprs, b.getContext());
  };
  return d.addProducts(
      {{chunk.part(op.getDiagonal()), map({batch, step, head})},
       {chunk.getValues(), map({batch, step, head, column})},
       {sum, map({batch, step, output, column})}},
      /*numLoops=*/4, /*reductions=*/{});
}

Value BothDirections::build() {
  auto extent = [&](Value tensor, int64_t axis) {
    return tensor::getMixedSize(b, loc, tensor, axis);
  };
  Value none = d.fillZero(
      tensor::EmptyOp::create(b, loc,
                              {extent(op.getV(), 0), extent(op.getV(), 2),
                               extent(op.getKf(), 3), extent(op.getV(), 3)},
                              type));
  Value y = op.getY();
  bool sumInY = cast<ShapedType>(y.getType()).getElementType() == type;
  Value sum = d.fillZero(sumInY ? y : d.emptyLike(y, type));
  if (d.isOnePiece(length, size)) {
    Piece all{b.getIndexAttr(0), getAsOpFoldResult(length)};
    Chunk before = forward(all, none), behind = backward(all, none);
    Value matrix = weigh(before, behind);
    return d.convert(
        before.mix(matrix, before.getValues(), addDiagonal(before, sum)), y);
  }
  auto readBehind = [&](const Piece &piece, Args carried) -> Yield {
    Chunk behind = backward(piece, carried[1]);
    behind.weigh({});
    Value part = behind.readState(behind.part(op.getQb()), Chunk::Early,
                                  behind.part(carried[0]));
    return {d.insertPart(part, carried[0], 1, piece),
            behind.finalState({{behind.part(op.getKb()), behind.getValues()}})};
  };
  auto mixBoth = [&](const Piece &piece, Args carried) -> Yield {
    Chunk before = forward(piece, carried[1]), behind = backward(piece, none);
    Value matrix = weigh(before, behind);
    Value part = addDiagonal(before, before.part(carried[0]));
    part = before.readState(before.part(op.getQf()), Chunk::Early, part);
    part = before.mix(matrix, before.getValues(), part);
    return {d.insertPart(part, carried[0], 1, piece),
            before.finalState({{before.part(op.getKf()), before.getValues()}})};
  };
  // The same pieces both ways: the last one is the shorter.
  sum = d.chunks(length, size, /*reversed=*/true, {sum, none}, readBehind,
                 /*restFirst=*/true)[0];
  sum = d.chunks(length, size, /*reversed=*/false, {sum, none}, mixBoth)[0];
  return d.convert(sum, y);
}

SmallVector<Value> mlir::ssm::lowerInChunks(OpBuilder &b, QuasiseparableOp op,
                                            int64_t chunk) {
  return {BothDirections(b, op, chunk).build()};
}
