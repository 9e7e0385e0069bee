//===- RoutingDecompose.cpp - the routing ops step by step ----------------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

//===----------------------------------------------------------------------===//
// Route
//===----------------------------------------------------------------------===//

/// sum_d x[b,d] * y[b,d] in the element type of `like`, B.
static Value dot(Decomposition &d, Value x, Value y, Value like) {
  Type type = cast<ShapedType>(like.getType()).getElementType();
  return d.map(
      {{x, d.dims(2, {0, 1})}, {y, d.dims(2, {0, 1})}, {like, d.dims(2, {0})}},
      /*numOuts=*/1, /*numLoops=*/2, /*reductions=*/{1},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value product =
            arith::MulFOp::create(b, loc, convertFloat(b, loc, args[0], type),
                                  convertFloat(b, loc, args[1], type));
        return {arith::AddFOp::create(b, loc, args[2], product)};
      })[0];
}

/// The probability of one token from its products, by what came before.
static Value getProbability(OpBuilder &b, Location loc, Value qk, Value qq,
                            Value kk, Value isFirst) {
  Type type = qk.getType();
  auto number = [&](double value) {
    Value wide = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
    return convertFloat(b, loc, wide, type);
  };
  auto norm = [&](Value square) -> Value {
    return arith::MaximumFOp::create(
        b, loc, math::SqrtOp::create(b, loc, square), number(1e-12));
  };
  Value cosine = arith::DivFOp::create(
      b, loc, arith::DivFOp::create(b, loc, qk, norm(qq)), norm(kk));
  Value p = arith::MulFOp::create(
      b, loc, arith::SubFOp::create(b, loc, number(1), cosine), number(0.5));
  p = arith::MaximumFOp::create(b, loc, p, number(0));
  p = arith::MinimumFOp::create(b, loc, p, number(1));
  return arith::SelectOp::create(b, loc, isFirst, number(1), p);
}

FailureOr<SmallVector<Value>> RouteOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  Type type = cast<ShapedType>(getLast().getType()).getElementType();
  Type pType = cast<ShapedType>(getP().getType()).getElementType();
  AffineMap row = b.getMultiDimIdentityMap(1);
  return d.loop(
      d.dim(getP(), 1), {getP(), getLast(), getSeen()},
      [&](Value t, ValueRange carried) -> SmallVector<Value> {
        Value p = d.slice(carried[0], 1, t), last = carried[1];
        Value k = d.slice(getK(), 1, t);
        Value zero = d.fillZero(d.emptyLike(p, type));
        SmallVector<std::pair<Value, AffineMap>> operands;
        for (auto [x, y] :
             {std::pair(last, k), std::pair(last, last), std::pair(k, k)})
          operands.push_back({dot(d, x, y, zero), row});
        operands.push_back({carried[2], row});
        if (getResets())
          operands.push_back({d.slice(getResets(), 1, t), row});
        operands.push_back({p, row});
        p = d.map(
            operands, /*numOuts=*/1, /*numLoops=*/1, /*reductions=*/{},
            [&](OpBuilder &b, Location loc,
                ValueRange args) -> SmallVector<Value> {
              Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
              Value isFirst = arith::XOrIOp::create(b, loc, args[3], yes);
              if (getResets())
                isFirst = arith::OrIOp::create(b, loc, isFirst, args[4]);
              return {convertFloat(
                  b, loc,
                  getProbability(b, loc, args[0], args[1], args[2], isFirst),
                  pType)};
            })[0];
        // A copy: the state stays where it is.
        last = linalg::CopyOp::create(b, loc, d.slice(getQ(), 1, t), last)
                   .getResult(0);
        Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
        Value seen =
            linalg::FillOp::create(b, loc, yes, carried[2]).getResult(0);
        return {d.insert(p, carried[0], 1, t), last, seen};
      });
}

//===----------------------------------------------------------------------===//
// Compact and expand
//===----------------------------------------------------------------------===//

namespace {
/// Rows of B x length x D tensors, or of B x D ones, whose length is then null.
class Rows {
public:
  Rows(OpBuilder &b, Location loc) : b(b), loc(loc) {}
  Value get(Value tensor, Value batch, Value at) {
    Place place = locate(tensor, batch, at);
    auto type = cast<RankedTensorType>(tensor.getType());
    auto row =
        RankedTensorType::get({type.getShape().back()}, type.getElementType());
    return tensor::ExtractSliceOp::create(b, loc, row, tensor, place.offsets,
                                          place.sizes, place.strides);
  }
  Value set(Value row, Value tensor, Value batch, Value at) {
    Place place = locate(tensor, batch, at);
    return tensor::InsertSliceOp::create(b, loc, row, tensor, place.offsets,
                                         place.sizes, place.strides);
  }

private:
  struct Place {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Place locate(Value tensor, Value batch, Value at) {
    SmallVector<OpFoldResult> offsets = {batch}, sizes = {b.getIndexAttr(1)};
    if (at) {
      offsets.push_back(at);
      sizes.push_back(b.getIndexAttr(1));
    }
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(tensor::getMixedSize(
        b, loc, tensor, cast<ShapedType>(tensor.getType()).getRank() - 1));
    SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
    return {offsets, sizes, strides};
  }

  OpBuilder &b;
  Location loc;
};
} // namespace

/// `yes` where `condition`, else `no`.
static Value branch(OpBuilder &b, Location loc, Value condition,
                    function_ref<Value()> yes, Value no) {
  return scf::IfOp::create(
             b, loc, condition,
             [&](OpBuilder &, Location) {
               scf::YieldOp::create(b, loc, yes());
             },
             [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc, no); })
      .getResult(0);
}

/// For every row i of the batch of B x L `mask`, walks its tokens t: `step`
/// gets i, t, how many marked tokens of the row came before, whether this one
/// is marked and among the first `capacity`, and what is carried. `finish` gets
/// i, the number of the row's marked tokens, and what is carried.
static SmallVector<Value> walkMarked(
    Decomposition &d, OpBuilder &b, Location loc, Value mask, Value capacity,
    ValueRange inits,
    function_ref<SmallVector<Value>(Value, Value, Value, Value, ValueRange)>
        step,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> finish) {
  Value batch = d.dim(mask, 0), length = d.dim(mask, 1), one = d.constant(1);
  return d.loop(
      batch, inits, [&](Value i, ValueRange carried) -> SmallVector<Value> {
        SmallVector<Value> counted(carried);
        counted.push_back(d.constant(0));
        SmallVector<Value> row = d.loop(
            length, counted,
            [&](Value t, ValueRange carried) -> SmallVector<Value> {
              Value n = carried.back();
              Value marked =
                  tensor::ExtractOp::create(b, loc, mask, ValueRange{i, t});
              Value fits = arith::CmpIOp::create(
                  b, loc, arith::CmpIPredicate::slt, n, capacity);
              Value moves = arith::AndIOp::create(b, loc, marked, fits);
              SmallVector<Value> next =
                  step(i, t, n, moves, carried.drop_back());
              Value more = arith::AddIOp::create(b, loc, n, one);
              next.push_back(arith::SelectOp::create(b, loc, marked, more, n));
              return next;
            });
        return finish(i, row.back(), ValueRange(row).drop_back());
      });
}

FailureOr<SmallVector<Value>> CompactOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  Rows rows(b, loc);
  Type countType = cast<ShapedType>(getCount().getType()).getElementType();
  return walkMarked(
      d, b, loc, getMask(), d.dim(getZ(), 1), {d.fillZero(getZ()), getCount()},
      [&](Value i, Value t, Value n, Value moves,
          ValueRange carried) -> SmallVector<Value> {
        Value z = branch(
            b, loc, moves,
            [&] { return rows.set(rows.get(getX(), i, t), carried[0], i, n); },
            carried[0]);
        return {z, carried[1]};
      },
      [&](Value i, Value n, ValueRange carried) -> SmallVector<Value> {
        Value count = arith::IndexCastOp::create(b, loc, countType, n);
        return {carried[0], tensor::InsertOp::create(b, loc, count, carried[1],
                                                     ValueRange{i})};
      });
}

FailureOr<SmallVector<Value>> ExpandOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  Rows rows(b, loc);
  return walkMarked(
      d, b, loc, getMask(), d.dim(getZ(), 1), {getX(), getLast()},
      [&](Value i, Value t, Value n, Value moves,
          ValueRange carried) -> SmallVector<Value> {
        Value last = branch(
            b, loc, moves,
            [&] {
              return rows.set(rows.get(getZ(), i, n), carried[1], i, Value());
            },
            carried[1]);
        return {rows.set(rows.get(last, i, Value()), carried[0], i, t), last};
      },
      [](Value, Value, ValueRange carried) {
        return SmallVector<Value>(carried);
      });
}
