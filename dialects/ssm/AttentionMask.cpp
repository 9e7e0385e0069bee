//===- AttentionMask.cpp - which keys a query sees ------------------------===//

#include "dialects/ssm/AttentionMask.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::ssm;

Value mlir::ssm::buildIsSeen(OpBuilder &b, Location loc, AttentionOp op,
                             Value queryAt, Value keyAt, Value prefix) {
  using P = arith::CmpIPredicate;
  auto number = [&](int64_t value) -> Value {
    Type type = keyAt.getType();
    auto element = cast<IntegerType>(getElementTypeOrSelf(type));
    // Positions of fewer bits reach no further than this.
    value = std::min(
        value, APInt::getSignedMaxValue(element.getWidth()).getSExtValue());
    TypedAttr attr = b.getIntegerAttr(element, value);
    if (auto shaped = dyn_cast<ShapedType>(type))
      attr = DenseElementsAttr::get(shaped, attr);
    return arith::ConstantOp::create(b, loc, attr);
  };
  auto compare = [&](P predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  Value seen;
  auto both = [&](Value x) {
    seen = seen ? Value(arith::AndIOp::create(b, loc, seen, x)) : x;
  };
  if (op.getRight())
    both(compare(P::sle, arith::SubIOp::create(b, loc, keyAt, queryAt),
                 number(*op.getRight())));
  if (op.getLeft()) {
    Value isNear =
        compare(P::sle, arith::SubIOp::create(b, loc, queryAt, keyAt),
                number(*op.getLeft()));
    if (op.getGlobal() > 0)
      isNear = arith::OrIOp::create(
          b, loc, isNear, compare(P::slt, keyAt, number(op.getGlobal())));
    both(isNear);
  }
  if (seen && prefix)
    seen = arith::OrIOp::create(b, loc, seen, compare(P::slt, keyAt, prefix));
  if (op.getKeyPositions())
    both(compare(P::sge, keyAt, number(0)));
  return seen;
}
