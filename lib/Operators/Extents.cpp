//===- Extents.cpp - arithmetic on symbolic extents -----------------------===//

#include "lib/Operators/Extents.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ssmc;

ModuleSymbols::ModuleSymbols(ModuleOp module)
    : module(module), context(module.getContext()) {
  if (auto table = module->getAttrOfType<ArrayAttr>(onnx::kSymbolsAttr))
    for (Attribute entry : table)
      if (auto name = dyn_cast<StringAttr>(entry)) {
        positions.try_emplace(name.getValue(), names.size());
        names.push_back(name.getValue().str());
      }
}

AffineExpr ModuleSymbols::get(StringRef name) {
  auto [it, inserted] = positions.try_emplace(name, names.size());
  if (inserted)
    names.push_back(name.str());
  return getAffineSymbolExpr(it->second, context);
}

AffineExpr ModuleSymbols::fresh(StringRef hint) {
  std::string name = hint.empty() ? "dim" : hint.str();
  for (unsigned i = 0; positions.count(name); ++i)
    name = (hint + "_" + Twine(i)).str();
  return get(name);
}

void ModuleSymbols::store() {
  SmallVector<Attribute> table;
  for (const std::string &name : names)
    table.push_back(StringAttr::get(context, name));
  if (!table.empty())
    module->setAttr(onnx::kSymbolsAttr, ArrayAttr::get(context, table));
}

std::optional<ValueShape> ModuleSymbols::shapeOf(Type type, StringRef hint) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return std::nullopt;
  ValueShape shape{tensor.getElementType(), {}};
  auto dims = dyn_cast_if_present<onnx::DimsAttr>(tensor.getEncoding());
  // An encoding may name symbols in an order of its own: they go by name.
  SmallVector<AffineExpr> symbols;
  if (dims)
    for (Attribute entry : dims.getSymbols())
      symbols.push_back(get(cast<StringAttr>(entry).getValue()));
  for (auto [i, extent] : llvm::enumerate(tensor.getShape())) {
    if (!ShapedType::isDynamic(extent))
      shape.dims.push_back(getAffineConstantExpr(extent, context));
    else if (dims && i < dims.getMap().getAffineMap().getNumResults())
      shape.dims.push_back(simplifyExtent(
          dims.getMap().getAffineMap().getResult(i).replaceDimsAndSymbols(
              {}, symbols)));
    else
      shape.dims.push_back(fresh(hint));
  }
  return shape;
}

RankedTensorType ModuleSymbols::typeOf(const ValueShape &shape) const {
  SmallVector<int64_t> extents;
  unsigned used = 0;
  for (AffineExpr dim : shape.dims) {
    extents.push_back(constantExtent(dim).value_or(ShapedType::kDynamic));
    dim.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        used = std::max(used, symbol.getPosition() + 1);
    });
  }
  if (llvm::none_of(extents, ShapedType::isDynamic))
    return RankedTensorType::get(extents, shape.elementType);
  SmallVector<Attribute> table;
  for (unsigned i = 0; i < used; ++i)
    table.push_back(StringAttr::get(context, names[i]));
  auto map = AffineMap::get(0, used, shape.dims, context);
  return RankedTensorType::get(
      extents, shape.elementType,
      onnx::DimsAttr::get(context, ArrayAttr::get(context, table),
                          AffineMapAttr::get(map)));
}

FailureOr<SmallVector<AffineExpr>> ssmc::typeExtents(RankedTensorType type) {
  SmallVector<AffineExpr> extents;
  auto dims = dyn_cast_if_present<onnx::DimsAttr>(type.getEncoding());
  for (auto [i, extent] : llvm::enumerate(type.getShape())) {
    if (!ShapedType::isDynamic(extent))
      extents.push_back(getAffineConstantExpr(extent, type.getContext()));
    else if (dims && i < dims.getMap().getAffineMap().getNumResults())
      extents.push_back(dims.getMap().getAffineMap().getResult(i));
    else
      return failure();
  }
  return extents;
}

std::optional<int64_t> ssmc::constantExtent(AffineExpr expr) {
  if (auto constant = dyn_cast_if_present<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

AffineExpr ssmc::simplifyExtent(AffineExpr expr) {
  if (isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  unsigned symbols = 0;
  expr.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      symbols = std::max(symbols, symbol.getPosition() + 1);
  });
  return simplifyAffineExpr(expr, 0, symbols);
}

// A product as a constant and its other factors in a fixed order.
static void collectFactors(AffineExpr expr, int64_t &constant,
                           SmallVectorImpl<AffineExpr> &factors) {
  if (auto value = dyn_cast<AffineConstantExpr>(expr)) {
    if (llvm::MulOverflow(constant, value.getValue(), constant))
      constant = 0;
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Mul) {
    collectFactors(binary.getLHS(), constant, factors);
    collectFactors(binary.getRHS(), constant, factors);
    return;
  }
  // c * p + c * q has the factor c.
  int64_t divisor = expr.getLargestKnownDivisor();
  if (divisor > 1 && expr.getKind() == AffineExprKind::Add) {
    collectFactors(getAffineConstantExpr(divisor, expr.getContext()), constant,
                   factors);
    expr = simplifyExtent(expr.floorDiv(divisor));
  }
  factors.push_back(expr);
}

static void collectFactors(ArrayRef<AffineExpr> exprs, int64_t &constant,
                           SmallVectorImpl<AffineExpr> &factors) {
  for (AffineExpr expr : exprs)
    collectFactors(expr, constant, factors);
}

static AffineExpr rebuildProduct(int64_t constant, ArrayRef<AffineExpr> factors,
                                 MLIRContext *context) {
  AffineExpr product = getAffineConstantExpr(1, context);
  for (AffineExpr factor : factors)
    product = product * factor;
  return simplifyExtent(product * constant);
}

AffineExpr ssmc::multiplyExtents(ArrayRef<AffineExpr> extents,
                                 MLIRContext *context) {
  int64_t constant = 1;
  SmallVector<AffineExpr> factors;
  collectFactors(extents, constant, factors);
  // Symbols in the order of the table: products that differ only in the order
  // of their factors are one expression.
  llvm::sort(factors, [](AffineExpr a, AffineExpr b) {
    auto sa = dyn_cast<AffineSymbolExpr>(a), sb = dyn_cast<AffineSymbolExpr>(b);
    return sa && (!sb || sa.getPosition() < sb.getPosition());
  });
  return rebuildProduct(constant, factors, context);
}

// Removes the factors that both lists have.
static void cancel(SmallVectorImpl<AffineExpr> &a,
                   SmallVectorImpl<AffineExpr> &b) {
  llvm::erase_if(a, [&](AffineExpr factor) {
    auto it = llvm::find(b, factor);
    if (it == b.end())
      return false;
    b.erase(it);
    return true;
  });
}

AffineExpr ssmc::divideExtents(ArrayRef<AffineExpr> numerator,
                               ArrayRef<AffineExpr> denominator,
                               MLIRContext *context) {
  int64_t above = 1, below = 1;
  SmallVector<AffineExpr> factorsAbove, factorsBelow;
  collectFactors(numerator, above, factorsAbove);
  collectFactors(denominator, below, factorsBelow);
  cancel(factorsAbove, factorsBelow);
  if (below <= 0)
    return nullptr;
  if (above % below == 0) {
    above /= below;
    below = 1;
  } else if (factorsAbove.empty()) {
    return nullptr;
  }
  AffineExpr quotient = rebuildProduct(above, factorsAbove, context);
  if (below == 1 && factorsBelow.empty())
    return quotient;
  AffineExpr divisor = rebuildProduct(below, factorsBelow, context);
  return simplifyExtent(quotient.floorDiv(divisor));
}

bool ssmc::equalProducts(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b) {
  int64_t constantA = 1, constantB = 1;
  SmallVector<AffineExpr> factorsA, factorsB;
  collectFactors(a, constantA, factorsA);
  collectFactors(b, constantB, factorsB);
  cancel(factorsA, factorsB);
  return constantA == constantB && factorsA.empty() && factorsB.empty();
}

static std::optional<int64_t> add(std::optional<int64_t> a,
                                  std::optional<int64_t> b) {
  int64_t sum;
  if (!a || !b || llvm::AddOverflow(*a, *b, sum))
    return std::nullopt;
  return sum;
}

static std::optional<int64_t> scale(std::optional<int64_t> a, int64_t factor) {
  int64_t product;
  if (!a || llvm::MulOverflow(*a, factor, product))
    return std::nullopt;
  return product;
}

ExtentRange ssmc::rangeOf(AffineExpr expr) {
  if (auto value = constantExtent(expr))
    return {*value, *value};
  if (isa<AffineSymbolExpr>(expr))
    return {0, std::nullopt};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return {};
  ExtentRange lhs = rangeOf(binary.getLHS()), rhs = rangeOf(binary.getRHS());
  auto factor = constantExtent(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {add(lhs.least, rhs.least), add(lhs.most, rhs.most)};
  case AffineExprKind::Mul:
    if (factor && *factor >= 0)
      return {scale(lhs.least, *factor), scale(lhs.most, *factor)};
    if (factor)
      return {scale(lhs.most, *factor), scale(lhs.least, *factor)};
    if (lhs.least && rhs.least && *lhs.least >= 0 && *rhs.least >= 0)
      return {0, std::nullopt};
    return {};
  case AffineExprKind::Mod:
    if (factor && *factor > 0)
      return {0, *factor - 1};
    return {0, std::nullopt};
  case AffineExprKind::FloorDiv:
  case AffineExprKind::CeilDiv:
    if (factor && *factor > 0 && lhs.least && *lhs.least >= 0)
      return {*lhs.least / *factor, std::nullopt};
    return {};
  default:
    return {};
  }
}

bool ssmc::provablyAtLeast(AffineExpr a, AffineExpr b) {
  std::optional<int64_t> least = rangeOf(simplifyExtent(a - b)).least;
  return least && *least >= 0;
}
