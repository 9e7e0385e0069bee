//===- Extents.cpp - arithmetic on symbolic extents -----------------------===//

#include "lib/Operators/Extents.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

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
  if (hint.empty())
    hint = "dim";
  std::string name = hint.str();
  // Numbers go on where they ended: a scan from 0 is quadratic.
  for (unsigned &next = numbers[hint]; positions.count(name); ++next)
    name = (hint + "_" + Twine(next)).str();
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

namespace {
/// A sum of multiples of expressions that are not sums, and a constant.
struct LinearForm {
  int64_t constant = 0;
  SmallVector<std::pair<AffineExpr, int64_t>> terms;

  void add(AffineExpr expr, int64_t factor);
  void addTerm(AffineExpr term, int64_t factor);
  AffineExpr build(MLIRContext *context) const;
  bool isDivisibleBy(int64_t divisor) const {
    return constant % divisor == 0 && llvm::all_of(terms, [&](auto &t) {
             return t.second % divisor == 0;
           });
  }
};
} // namespace

// A fixed order of terms: symbols by their position, then the others.
static bool precedes(AffineExpr a, AffineExpr b) {
  auto sa = dyn_cast<AffineSymbolExpr>(a), sb = dyn_cast<AffineSymbolExpr>(b);
  if (sa && sb)
    return sa.getPosition() < sb.getPosition();
  if (sa || sb)
    return static_cast<bool>(sa);
  auto ba = dyn_cast<AffineBinaryOpExpr>(a),
       bb = dyn_cast<AffineBinaryOpExpr>(b);
  if (!ba || !bb || a.getKind() != b.getKind())
    return a.getKind() < b.getKind();
  if (ba.getLHS() != bb.getLHS())
    return precedes(ba.getLHS(), bb.getLHS());
  return ba.getRHS() != bb.getRHS() && precedes(ba.getRHS(), bb.getRHS());
}

// a + b * c, wrapping around: files hold any number.
static int64_t addProduct(int64_t a, int64_t b, int64_t c) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) +
                              static_cast<uint64_t>(b) *
                                  static_cast<uint64_t>(c));
}

void LinearForm::addTerm(AffineExpr term, int64_t factor) {
  for (auto &[known, multiple] : terms)
    if (known == term) {
      multiple = addProduct(multiple, factor, 1);
      return;
    }
  terms.push_back({term, factor});
}

AffineExpr LinearForm::build(MLIRContext *context) const {
  auto sorted = terms;
  llvm::erase_if(sorted, [](auto &t) { return t.second == 0; });
  llvm::sort(sorted,
             [](auto &a, auto &b) { return precedes(a.first, b.first); });
  AffineExpr sum;
  for (auto &[term, multiple] : sorted)
    sum = sum ? sum + term * multiple : term * multiple;
  AffineExpr rest = getAffineConstantExpr(constant, context);
  return !sum ? rest : constant == 0 ? sum : sum + rest;
}

void LinearForm::add(AffineExpr expr, int64_t factor) {
  MLIRContext *context = expr.getContext();
  if (auto value = dyn_cast<AffineConstantExpr>(expr)) {
    constant = addProduct(constant, factor, value.getValue());
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary) {
    addTerm(expr, factor);
    return;
  }
  if (expr.getKind() == AffineExprKind::Add) {
    add(binary.getLHS(), factor);
    add(binary.getRHS(), factor);
    return;
  }
  LinearForm lhs;
  lhs.add(binary.getLHS(), 1);
  AffineExpr left = lhs.build(context);
  AffineExpr right = simplifyExtent(binary.getRHS());
  auto divisor = constantExtent(right);
  if (expr.getKind() == AffineExprKind::Mul) {
    if (divisor)
      add(left, addProduct(0, factor, *divisor));
    else if (constantExtent(left))
      add(right, addProduct(0, factor, *constantExtent(left)));
    else
      addTerm(left * right, factor);
    return;
  }
  if (divisor && *divisor > 0) {
    int64_t c = *divisor;
    bool modulo = expr.getKind() == AffineExprKind::Mod;
    if (lhs.isDivisibleBy(c)) {
      if (modulo)
        return;
      for (auto &[term, multiple] : lhs.terms)
        addTerm(term, addProduct(0, factor, multiple / c));
      constant = addProduct(constant, factor, lhs.constant / c);
      return;
    }
    // A factor of all: g x / g c is x / c, and g x mod g c is g (x mod c).
    int64_t common = std::gcd(c, lhs.constant % c);
    for (auto &[term, multiple] : lhs.terms)
      common = std::gcd(common, multiple % c);
    if (common > 1) {
      for (auto &[term, multiple] : lhs.terms)
        multiple /= common;
      lhs.constant /= common;
      AffineExpr rest =
          getAffineBinaryOpExpr(expr.getKind(), lhs.build(context),
                                getAffineConstantExpr(c / common, context));
      add(rest, modulo ? addProduct(0, factor, common) : factor);
      return;
    }
    // floor((x + c - 1) / c) is ceil(x / c).
    if (expr.getKind() == AffineExprKind::FloorDiv && c > 1 &&
        (lhs.constant - (c - 1)) % c == 0) {
      lhs.constant -= c - 1;
      add(lhs.build(context).ceilDiv(c), factor);
      return;
    }
    // (c - x mod c) mod c, what pads x to a multiple of c, is
    // c * ceil(x / c) - x.
    AffineBinaryOpExpr inner(nullptr);
    if (lhs.terms.size() == 1)
      inner = dyn_cast<AffineBinaryOpExpr>(lhs.terms[0].first);
    if (modulo && inner && lhs.terms[0].second == -1 && lhs.constant % c == 0 &&
        inner.getKind() == AffineExprKind::Mod &&
        constantExtent(inner.getRHS()) == c) {
      add(inner.getLHS().ceilDiv(c), addProduct(0, factor, c));
      add(inner.getLHS(), addProduct(0, factor, -1));
      return;
    }
  }
  AffineExpr whole = getAffineBinaryOpExpr(expr.getKind(), left, right);
  if (whole.getKind() == expr.getKind())
    addTerm(whole, factor);
  else
    add(whole, factor);
}

AffineExpr ssmc::simplifyExtent(AffineExpr expr) {
  if (isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  LinearForm form;
  form.add(expr, 1);
  return form.build(expr.getContext());
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
  LinearForm form, relaxed;
  form.add(a - b, 1);
  std::optional<int64_t> least = rangeOf(form.build(a.getContext())).least;
  if (least && *least >= 0)
    return true;
  // c * ceil(x / c) >= x >= c * floor(x / c).
  relaxed.constant = form.constant;
  for (auto &[term, multiple] : form.terms) {
    auto quotient = dyn_cast<AffineBinaryOpExpr>(term);
    auto rounds =
        multiple > 0 ? AffineExprKind::CeilDiv : AffineExprKind::FloorDiv;
    auto c = quotient && term.getKind() == rounds
                 ? constantExtent(quotient.getRHS())
                 : std::nullopt;
    if (c && *c > 0 && multiple % *c == 0)
      relaxed.add(quotient.getLHS(), multiple / *c);
    else
      relaxed.addTerm(term, multiple);
  }
  least = rangeOf(relaxed.build(a.getContext())).least;
  return least && *least >= 0;
}
