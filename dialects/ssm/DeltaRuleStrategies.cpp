//===- DeltaRuleStrategies.cpp - ssm.delta_rule in chunks -----------------===//
//
// What a step writes depends on what it reads of the steps before it, linearly.
// With late and early as in SsmChunk.h, S the state before the piece, and A(t,
// s) what step t reads of the key that step s writes with:
//
//   beta:   u[t] = beta[t] (v[t] - sum over s < t of A(t, s) u[s] - k[t] of S)
//           with A of k and k after t forgets, before it writes
//   erase:  z[t] = sum over s < t of (A(t, s) z[s] + B(t, s) v[s]) + a[t] of S
//           with A of a and b, B of a and k, before t forgets
//
// both unit lower triangular systems (the UT form), solved row by row. With
// their solutions as values, outputs and state are those of ssm.semiseparable:
// keys k with values u, or keys b with z and k with v. The dense form is one
// piece.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmChunk.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

using Args = ValueRange;
using Yield = SmallVector<Value>;

namespace {
class DeltaChunks {
public:
  DeltaChunks(OpBuilder &b, DeltaRuleOp op)
      : b(b), loc(op.getLoc()), op(op), d(b, loc),
        type(cast<ShapedType>(op.getState().getType()).getElementType()),
        heads(cast<ShapedType>(op.getV().getType()).getDimSize(2)),
        outputs(cast<ShapedType>(op.getY().getType()).getDimSize(2)) {}

  SmallVector<Value> build(int64_t chunk);

private:
  /// X with x[t] = known[t] + sum over s of matrix(t, s) x[s], B x C x H x P,
  /// where the matrix, B x H x C x C, is strictly lower in the order of time.
  Value solve(Value matrix, Value known);
  /// beta (v - read), and -beta for each row of the matrix.
  Value errors(Value values, Value beta, Value read);
  Value scaleRows(Value matrix, Value beta);

  OpBuilder &b;
  Location loc;
  DeltaRuleOp op;
  Decomposition d;
  Type type;
  int64_t heads, outputs;
};
} // namespace

Value DeltaChunks::solve(Value matrix, Value known) {
  enum { B, H, S, P };
  Value length = d.dim(known, 1);
  // Rows that are not solved yet are zero, and so is what multiplies them.
  Value none = d.fillZero(d.emptyLike(known, type));
  return d.loop(length, {none}, [&](Value t, Args carried) -> Yield {
    Value now = d.at(t, length, op.getReverse());
    Value row = d.addProducts({{d.slice(matrix, 2, now), d.dims(4, {B, H, S})},
                               {carried[0], d.dims(4, {B, S, H, P})},
                               {d.slice(known, 1, now), d.dims(4, {B, H, P})}},
                              /*numLoops=*/4, /*reductions=*/{S});
    return {d.insert(row, carried[0], 1, now)};
  })[0];
}

Value DeltaChunks::errors(Value values, Value beta, Value read) {
  AffineMap all = b.getMultiDimIdentityMap(4);
  return d.map({{values, all}, {beta, all.dropResult(3)}, {read, all}},
               /*numOuts=*/1,
               /*numLoops=*/4, /*reductions=*/{},
               [&](OpBuilder &b, Location loc, Args args) -> Yield {
                 Value error = arith::SubFOp::create(
                     b, loc, convertFloat(b, loc, args[0], type), args[2]);
                 return {arith::MulFOp::create(
                     b, loc, convertFloat(b, loc, args[1], type), error)};
               })[0];
}

Value DeltaChunks::scaleRows(Value matrix, Value beta) {
  enum { B, H, T, S };
  return d.map(
      {{beta, d.dims(4, {B, T, H})}, {matrix, d.dims(4, {B, H, T, S})}},
      /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, Args args) -> Yield {
        Value rate =
            arith::NegFOp::create(b, loc, convertFloat(b, loc, args[0], type));
        return {arith::MulFOp::create(b, loc, rate, args[1])};
      })[0];
}

SmallVector<Value> DeltaChunks::build(int64_t chunk) {
  bool reverse = op.getReverse();
  auto step = [&](const Piece &piece, Args carried) -> Yield {
    Chunk c(b, loc, piece, op.getDecay(), op.getResets(), op.getV(), carried[1],
            reverse);
    Value q = c.part(op.getQ()), k = c.part(op.getK()), v = c.getValues();
    SmallVector<Chunk::Written> written;
    SmallVector<Value> mixed;
    if (op.getBeta()) {
      Value beta = c.part(op.getBeta());
      SmallVector<Value> weighed =
          c.weigh({{q, k, Chunk::Late, outputs}, {k, k, Chunk::After, heads}});
      Value read = c.readState(k, Chunk::Late, c.nothing(heads));
      written = {
          {k, solve(scaleRows(weighed[1], beta), errors(v, beta, read))}};
      mixed = {weighed[0]};
    } else {
      Value a = c.part(op.getA()), e = c.part(op.getB());
      SmallVector<Value> weighed = c.weigh({{q, e, Chunk::Late, outputs},
                                            {q, k, Chunk::Late, outputs},
                                            {a, e, Chunk::Early, heads},
                                            {a, k, Chunk::Early, heads}});
      Value known =
          c.mix(weighed[3], v, c.readState(a, Chunk::Early, c.nothing(heads)));
      written = {{e, solve(weighed[2], known)}, {k, v}};
      mixed = {weighed[0], weighed[1]};
    }
    Value y = c.readState(q, Chunk::Late, c.nothing(outputs));
    for (auto [matrix, pair] : llvm::zip_equal(mixed, written))
      y = c.mix(matrix, pair.second, y);
    y = d.convert(y, c.part(carried[0]));
    return {d.insertPart(y, carried[0], 1, piece), c.finalState(written)};
  };
  return d.chunks(d.dim(op.getY(), 1), chunk, reverse,
                  {op.getY(), op.getState()}, step);
}

SmallVector<Value> mlir::ssm::lowerInChunks(OpBuilder &b, DeltaRuleOp op,
                                            int64_t chunk) {
  return DeltaChunks(b, op).build(chunk);
}
