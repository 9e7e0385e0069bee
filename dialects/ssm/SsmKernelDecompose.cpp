//===- SsmKernelDecompose.cpp - ssm.ssm_kernel as plain linalg ------------===//

#include "dialects/ssm/SsmDecomposition.h"

#include "mlir/Dialect/Complex/IR/Complex.h"

using namespace mlir;
using namespace mlir::ssm;

/// Re(c exp(l a)).
static Value evaluate(OpBuilder &b, Location loc, Value l, Value a, Value c) {
  auto mul = [&](Value x, Value y) -> Value {
    return arith::MulFOp::create(b, loc, x, y);
  };
  if (!isa<ComplexType>(a.getType()))
    return mul(c, math::ExpOp::create(b, loc, mul(l, a)));
  auto re = [&](Value z) -> Value { return complex::ReOp::create(b, loc, z); };
  auto im = [&](Value z) -> Value { return complex::ImOp::create(b, loc, z); };
  Value angle = mul(l, im(a));
  Value turned = arith::SubFOp::create(
      b, loc, mul(re(c), math::CosOp::create(b, loc, angle)),
      mul(im(c), math::SinOp::create(b, loc, angle)));
  return mul(turned, math::ExpOp::create(b, loc, mul(l, re(a))));
}

FailureOr<SmallVector<Value>> SsmKernelOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  enum { L, D, N };
  Type type = cast<ShapedType>(getA().getType()).getElementType();
  if (auto complexType = dyn_cast<ComplexType>(type))
    type = complexType.getElementType();
  bool isNarrow = cast<ShapedType>(getK().getType()).getElementType() != type;
  Value sum = d.fillZero(isNarrow ? d.emptyLike(getK(), type) : getK());
  sum = d.map(
      {{getA(), d.dims(3, {D, N})},
       {getC(), d.dims(3, {D, N})},
       {sum, d.dims(3, {L, D})}},
      /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{N},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value index = arith::IndexCastOp::create(
            b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, L));
        Value l = arith::SIToFPOp::create(b, loc, type, index);
        Value term = evaluate(b, loc, l, args[0], args[1]);
        return {arith::AddFOp::create(b, loc, args[2], term)};
      })[0];
  return SmallVector<Value>{d.convert(sum, getK())};
}
