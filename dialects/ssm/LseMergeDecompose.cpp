//===- LseMergeDecompose.cpp - ssm.lse_merge elementwise ------------------===//
//
// With m the larger of la and lb, or 0 where both are -infinity, the weights
// are exp(la - m) and exp(lb - m), and none of them overflows.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
struct Weights {
  Value most, a, b, sum;
};
} // namespace

static Weights weigh(OpBuilder &b, Location loc, Value la, Value lb) {
  auto type = cast<FloatType>(la.getType());
  Value none = arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics(),
                                           /*Negative=*/true)));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value most = arith::MaximumFOp::create(b, loc, la, lb);
  Value isNone =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, most, none);
  most = arith::SelectOp::create(b, loc, isNone, zero, most);
  auto weight = [&](Value l) -> Value {
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, l, most));
  };
  Value ofA = weight(la), ofB = weight(lb);
  return {most, ofA, ofB, arith::AddFOp::create(b, loc, ofA, ofB)};
}

FailureOr<SmallVector<Value>> LseMergeOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  Type type = cast<ShapedType>(getLse().getType()).getElementType();
  Type yType = cast<ShapedType>(getY().getType()).getElementType();
  AffineMap all = d.dims(4, {0, 1, 2, 3}), head = d.dims(4, {0, 1, 2});
  Value y = d.map(
      {{getYa(), all},
       {getLa(), head},
       {getYb(), all},
       {getLb(), head},
       {getY(), all}},
      /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
        Weights w = weigh(b, loc, convertFloat(b, loc, args[1], type),
                          convertFloat(b, loc, args[3], type));
        // What has no weight gives nothing, whatever it is.
        auto part = [&](Value weight, Value value) -> Value {
          Value isNone = arith::CmpFOp::create(
              b, loc, arith::CmpFPredicate::OEQ, weight, zero);
          Value product = arith::MulFOp::create(
              b, loc, weight, convertFloat(b, loc, value, type));
          return arith::SelectOp::create(b, loc, isNone, zero, product);
        };
        Value total = arith::AddFOp::create(b, loc, part(w.a, args[0]),
                                            part(w.b, args[2]));
        Value mean = arith::DivFOp::create(b, loc, total, w.sum);
        Value isNone = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                             w.sum, zero);
        mean = arith::SelectOp::create(b, loc, isNone, zero, mean);
        return {convertFloat(b, loc, mean, yType)};
      })[0];
  AffineMap whole = b.getMultiDimIdentityMap(3);
  Value lse = d.map(
      {{getLa(), whole}, {getLb(), whole}, {getLse(), whole}},
      /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Weights w = weigh(b, loc, convertFloat(b, loc, args[0], type),
                          convertFloat(b, loc, args[1], type));
        Value log = math::LogOp::create(b, loc, w.sum);
        return {arith::AddFOp::create(b, loc, w.most, log)};
      })[0];
  return SmallVector<Value>{y, lse};
}
