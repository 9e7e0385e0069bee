//===- SsmKernelDecompose.cpp - ssm.ssm_kernel as plain linalg ------------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

/// Re(c exp(l a)), of the parts of a, then those of c.
static Value evaluate(OpBuilder &b, Location loc, Value l, ValueRange parts) {
  auto mul = [&](Value x, Value y) -> Value {
    return arith::MulFOp::create(b, loc, x, y);
  };
  Value radius = math::ExpOp::create(b, loc, mul(l, parts[0]));
  if (parts.size() == 2)
    return mul(parts[1], radius);
  Value angle = mul(l, parts[1]);
  Value turned = arith::SubFOp::create(
      b, loc, mul(parts[2], math::CosOp::create(b, loc, angle)),
      mul(parts[3], math::SinOp::create(b, loc, angle)));
  return mul(turned, radius);
}

/// D x N of a real number, or of both parts of a complex one.
static SmallVector<Value> partsOf(Decomposition &d, Value parameter) {
  if (cast<ShapedType>(parameter.getType()).getRank() == 2)
    return {parameter};
  return {d.slice(parameter, 0, d.constant(0)),
          d.slice(parameter, 0, d.constant(1))};
}

FailureOr<SmallVector<Value>> SsmKernelOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  enum { L, D, N };
  Type type = cast<ShapedType>(getA().getType()).getElementType();
  bool isNarrow = cast<ShapedType>(getK().getType()).getElementType() != type;
  Value sum = d.fillZero(isNarrow ? d.emptyLike(getK(), type) : getK());
  SmallVector<Decomposition::Operand> operands;
  for (Value parameter : {getA(), getC()})
    for (Value part : partsOf(d, parameter))
      operands.push_back({part, d.dims(3, {D, N})});
  operands.push_back({sum, d.dims(3, {L, D})});
  sum = d.map(
      operands, /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{N},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value index = arith::IndexCastOp::create(
            b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, L));
        Value l = arith::SIToFPOp::create(b, loc, type, index);
        Value term = evaluate(b, loc, l, args.drop_back());
        return {arith::AddFOp::create(b, loc, args.back(), term)};
      })[0];
  return SmallVector<Value>{d.convert(sum, getK())};
}
