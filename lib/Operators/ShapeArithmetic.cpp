//===- ShapeArithmetic.cpp - integers known as expressions ----------------===//

#include "lib/Operators/ShapeArithmetic.h"

#include "lib/Operators/Extents.h"

using namespace mlir;
using namespace ssmc;

std::optional<int64_t> ssmc::asConstant(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

bool ssmc::isNonNegative(AffineExpr expr) {
  return provablyAtLeast(expr, getAffineConstantExpr(0, expr.getContext()));
}

void ssmc::propagateElements(
    InferContext &ctx, unsigned count,
    function_ref<AffineExpr(ArrayRef<AffineExpr>)> rule) {
  SmallVector<SmallVector<AffineExpr>> known;
  size_t size = 1;
  for (unsigned i = 0; i < count; ++i) {
    if (ctx.input(i).dims.size() > 1)
      return;
    auto elements = ctx.knownElements(i);
    if (!elements)
      return;
    if (elements->size() != 1)
      size = elements->size();
    known.push_back(std::move(*elements));
  }
  SmallVector<AffineExpr> results;
  for (size_t k = 0; k < size; ++k) {
    SmallVector<AffineExpr> operands;
    for (const auto &elements : known) {
      if (elements.size() != 1 && elements.size() != size)
        return;
      operands.push_back(elements[elements.size() == 1 ? 0 : k]);
    }
    AffineExpr result = rule(operands);
    if (!result)
      return;
    results.push_back(result);
  }
  ctx.setElements(0, results);
}

/// Null unless `a` is a product of `b`, no constant, and what is returned.
static AffineExpr findFactor(AffineExpr a, AffineExpr b) {
  auto product = dyn_cast<AffineBinaryOpExpr>(a);
  if (!product || product.getKind() != AffineExprKind::Mul || asConstant(b))
    return {};
  return product.getLHS() == b   ? product.getRHS()
         : product.getRHS() == b ? product.getLHS()
                                 : AffineExpr();
}

AffineExpr ssmc::divideExprs(AffineExpr a, AffineExpr b) {
  auto divisor = asConstant(b), dividend = asConstant(a);
  if (dividend && divisor) {
    if (*divisor == 0 || *divisor == -1)
      return *divisor == 0 ? b : a * -1;
    return getAffineConstantExpr(*dividend / *divisor, a.getContext());
  }
  if (a == b)
    return getAffineConstantExpr(1, a.getContext());
  if (divisor && *divisor == 1)
    return a;
  if (AffineExpr factor = findFactor(a, b))
    return factor;
  if (!divisor || *divisor <= 0 || !isNonNegative(a))
    return {};
  return a.floorDiv(*divisor);
}

AffineExpr ssmc::remainderExprs(AffineExpr a, AffineExpr b) {
  auto divisor = asConstant(b), dividend = asConstant(a);
  if (a == b || findFactor(a, b))
    return getAffineConstantExpr(0, a.getContext());
  if (!divisor || *divisor <= 0)
    return {};
  if (dividend) {
    int64_t rest = *dividend % *divisor;
    return getAffineConstantExpr(rest < 0 ? rest + *divisor : rest,
                                 a.getContext());
  }
  return isNonNegative(a) ? a % *divisor : AffineExpr();
}

AffineExpr ssmc::truncatedRemainderExprs(AffineExpr a, AffineExpr b) {
  auto divisor = asConstant(b), dividend = asConstant(a);
  if (a == b || findFactor(a, b))
    return getAffineConstantExpr(0, a.getContext());
  if (!divisor || *divisor == 0 || *divisor == -1)
    return {};
  if (dividend)
    return getAffineConstantExpr(*dividend % *divisor, a.getContext());
  return *divisor > 0 && isNonNegative(a) ? a % *divisor : AffineExpr();
}

std::optional<bool> ssmc::isLess(AffineExpr a, AffineExpr b) {
  if (isNonNegative(a - b))
    return false;
  if (isNonNegative(b - a - 1))
    return true;
  return std::nullopt;
}

std::optional<bool> ssmc::isEqual(AffineExpr a, AffineExpr b) {
  if (a == b || asConstant(a - b) == 0)
    return true;
  if (isLess(a, b) == true || isLess(b, a) == true)
    return false;
  return std::nullopt;
}

AffineExpr ssmc::maxExprs(AffineExpr a, AffineExpr b) {
  return isNonNegative(a - b) ? a : isNonNegative(b - a) ? b : AffineExpr();
}

AffineExpr ssmc::minExprs(AffineExpr a, AffineExpr b) {
  return isNonNegative(b - a) ? a : isNonNegative(a - b) ? b : AffineExpr();
}
