//===- ExprRange.cpp - what an affine expression reaches ------------------===//

#include "lib/Codegen/ExprRange.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace ssmc;

namespace {
class Ranges {
public:
  Ranges(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> trips)
      : b(b), loc(loc), trips(trips) {}
  std::optional<ExprRange> of(AffineExpr expr);

private:
  OpFoldResult apply(AffineExpr expr, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, operands);
  }
  std::optional<ExprRange> ofBinary(AffineBinaryOpExpr expr);
  ExprRange ofRemainder(AffineExpr value, int64_t divisor);

  OpBuilder &b;
  Location loc;
  ArrayRef<OpFoldResult> trips;
};
} // namespace

ExprRange Ranges::ofRemainder(AffineExpr value, int64_t divisor) {
  OpFoldResult zero = b.getIndexAttr(0);
  auto loop = dyn_cast<AffineDimExpr>(value);
  if (!loop)
    return {zero, b.getIndexAttr(divisor - 1), false};
  AffineExpr count = b.getAffineSymbolExpr(0);
  AffineMap both = AffineMap::get(
      0, 1, {count - 1, b.getAffineConstantExpr(divisor - 1)}, b.getContext());
  return {zero,
          affine::makeComposedFoldedAffineMin(b, loc, both,
                                              {trips[loop.getPosition()]}),
          true};
}

std::optional<ExprRange> Ranges::ofBinary(AffineBinaryOpExpr expr) {
  AffineExpr first = b.getAffineSymbolExpr(0),
             second = b.getAffineSymbolExpr(1);
  if (expr.getKind() == AffineExprKind::Add) {
    std::optional<ExprRange> lhs = of(expr.getLHS()), rhs = of(expr.getRHS());
    if (!lhs || !rhs)
      return std::nullopt;
    return ExprRange{apply(first + second, {lhs->least, rhs->least}),
                     apply(first + second, {lhs->most, rhs->most}),
                     lhs->isReached && rhs->isReached};
  }
  auto constant = dyn_cast<AffineConstantExpr>(expr.getRHS());
  if (!constant)
    return std::nullopt;
  int64_t factor = constant.getValue();
  if (expr.getKind() != AffineExprKind::Mul && factor <= 0)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Mod)
    return ofRemainder(expr.getLHS(), factor);
  std::optional<ExprRange> range = of(expr.getLHS());
  if (!range)
    return std::nullopt;
  AffineExpr scaled = getAffineBinaryOpExpr(expr.getKind(), first, constant);
  range->least = apply(scaled, range->least);
  range->most = apply(scaled, range->most);
  if (factor < 0)
    std::swap(range->least, range->most);
  return range;
}

std::optional<ExprRange> Ranges::of(AffineExpr expr) {
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr))
    return ofBinary(binary);
  if (auto loop = dyn_cast<AffineDimExpr>(expr))
    return ExprRange{
        b.getIndexAttr(0),
        apply(b.getAffineSymbolExpr(0) - 1, trips[loop.getPosition()]), true};
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    OpFoldResult value = b.getIndexAttr(constant.getValue());
    return ExprRange{value, value, true};
  }
  return std::nullopt;
}

std::optional<ExprRange> ssmc::rangeOver(OpBuilder &b, Location loc,
                                         AffineExpr expr,
                                         ArrayRef<OpFoldResult> trips) {
  std::optional<ExprRange> range = Ranges(b, loc, trips).of(expr);
  if (!range)
    return std::nullopt;
  SmallVector<unsigned> occurs(trips.size());
  expr.walk([&](AffineExpr part) {
    if (auto loop = dyn_cast<AffineDimExpr>(part))
      range->isReached &= ++occurs[loop.getPosition()] == 1;
  });
  return range;
}
