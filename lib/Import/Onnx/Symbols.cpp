//===- Symbols.cpp - names of dimensions ----------------------------------===//

#include "lib/Import/Onnx/Symbols.h"

#include "lib/Import/Onnx/Limits.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ssmc;

static bool isName(StringRef text) {
  return !text.empty() && (llvm::isAlpha(text[0]) || text[0] == '_') &&
         llvm::all_of(text, [](char c) {
           return llvm::isAlnum(c) || c == '_' || c == '.';
         });
}

AffineExpr Symbols::get(StringRef name) {
  auto [entry, inserted] = positions.try_emplace(name, names.size());
  if (inserted)
    names.push_back(StringAttr::get(context, name));
  return getAffineSymbolExpr(entry->second, context);
}

AffineExpr Symbols::fresh(StringRef hint) {
  std::string name = hint.str();
  for (unsigned i = 0; positions.count(name) || noted.contains(name); ++i)
    name = (hint + "_" + Twine(i)).str();
  return get(name);
}

void Symbols::note(StringRef text) { noted.insert(text.trim()); }

namespace {

/// Recursive descent over
///   sum     = product (('+' | '-') product)*
///   product = atom (('*' | '//' | '%') atom)*
///   atom    = number | name | '(' sum ')'
/// An expression that is too deep, not affine, or has names that are not noted
/// yields null.
class Parser {
public:
  Parser(StringRef text, Symbols &symbols, const llvm::StringSet<> &noted,
         MLIRContext *context)
      : rest(text), symbols(symbols), noted(noted), context(context) {}

  AffineExpr parseAll() {
    AffineExpr expr = parseSum();
    return rest.trim().empty() ? expr : AffineExpr();
  }

private:
  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  AffineExpr parseSum() {
    AffineExpr left = parseProduct();
    while (left) {
      bool plus = consume("+");
      if (!plus && !consume("-"))
        break;
      AffineExpr right = parseProduct();
      if (!right)
        return {};
      left = plus ? left + right : left - right;
    }
    return left;
  }

  AffineExpr parseProduct() {
    AffineExpr left = parseAtom();
    while (left) {
      char op = consume("//")  ? '/'
                : consume("*") ? '*'
                : consume("%") ? '%'
                               : 0;
      if (!op)
        break;
      AffineExpr right = parseAtom();
      if (!right)
        return {};
      auto number = dyn_cast<AffineConstantExpr>(right);
      if (op == '*') {
        if (!number && !isa<AffineConstantExpr>(left))
          return {};
        left = left * right;
      } else {
        if (!number || number.getValue() <= 0)
          return {};
        left = op == '/' ? left.floorDiv(right) : left % right;
      }
    }
    return left;
  }

  AffineExpr parseAtom() {
    if (++atoms > limits::kExtentTerms)
      return {};
    if (consume("(")) {
      AffineExpr inner = parseSum();
      return consume(")") ? inner : AffineExpr();
    }
    StringRef token = rest.take_while(
        [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    rest = rest.drop_front(token.size());
    int32_t number;
    if (!token.getAsInteger(10, number)) {
      // No coefficient can pass the product of all numbers, so none overflows.
      product *= std::max(1, number);
      if (number < 0 || product > limits::kExtentProduct)
        return {};
      return getAffineConstantExpr(number, context);
    }
    if (!isName(token) || !noted.contains(token))
      return {};
    return symbols.get(token);
  }

  StringRef rest;
  Symbols &symbols;
  const llvm::StringSet<> &noted;
  MLIRContext *context;
  unsigned atoms = 0;
  double product = 1;
};

} // namespace

AffineExpr Symbols::parse(StringRef text) {
  text = text.trim();
  int64_t number;
  if (!text.getAsInteger(10, number))
    return number < 0 ? AffineExpr() : getAffineConstantExpr(number, context);
  if (isName(text))
    return get(text);
  if (AffineExpr expr = Parser(text, *this, noted, context).parseAll();
      expr && !isa<AffineConstantExpr>(expr))
    return expr;
  return get(text);
}
