//===- EinsumSpellings.cpp - an Einsum as products of two -----------------===//
//
// An Einsum of several operands becomes products of two, of which the smallest
// comes first. What sums nothing is a Mul of operands that are brought to one
// order of their axes: that is what most exporters write, and no product with
// a weight. An ellipsis becomes letters.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Spellings.h"

#include "lib/Eval/Tensor.h"

using namespace mlir;
using namespace ssmc;

namespace {
struct Factor {
  Value value;
  std::string letters;
};
/// Two factors as one: which, the letters that are left, and whether any were
/// summed.
struct Pair {
  size_t first, second;
  std::string letters;
  bool sums;
};

class EinsumSpeller {
public:
  EinsumSpeller(onnx::NodeOp node, OpBuilder &b) : node(node), b(b) {}
  Value spell();

private:
  bool read();
  bool replaceEllipses();
  bool readExtents();
  bool sums() const;
  Value make(StringRef type, ValueRange inputs, DictionaryAttr attrs = {}) {
    return makeNode(b, node, type, inputs,
                    onnx::UnknownType::get(b.getContext()), attrs)
        ->getResult(0);
  }
  /// Elements of a value with these axes.
  int64_t size(StringRef letters) const;
  Pair join(size_t first, size_t second) const;
  Pair choosePair() const;
  Value multiply(const Pair &pair);
  /// Axes in the order of `letters`, with one element where it has none.
  Value aligned(const Factor &factor, StringRef letters);

  onnx::NodeOp node;
  OpBuilder &b;
  std::vector<Factor> factors;
  std::string result;
  llvm::SmallDenseMap<char, int64_t> extents;
};
} // namespace

/// False where the equation is not of this form, or the type of an operand is
/// not known.
bool EinsumSpeller::read() {
  std::string equation = node.getString("equation", "").str();
  llvm::erase(equation, ' ');
  if (equation.find("->") == std::string::npos)
    return false;
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != node.getInputs().size())
    return false;
  for (auto [term, input] : llvm::zip(terms, node.getInputs()))
    factors.push_back({input, term.str()});
  result = right.str();
  return replaceEllipses() && readExtents();
}

/// The same letters for the same axes, counted from the last one.
bool EinsumSpeller::replaceEllipses() {
  constexpr StringLiteral kEllipsis = "...";
  std::string used = result, fresh;
  for (const Factor &factor : factors)
    used += factor.letters;
  for (char letter = 'z'; letter >= 'a'; --letter)
    if (used.find(letter) == std::string::npos)
      fresh += letter;
  size_t most = 0;
  for (Factor &factor : factors) {
    size_t at = factor.letters.find(kEllipsis);
    if (at == std::string::npos)
      continue;
    auto type = dyn_cast<RankedTensorType>(factor.value.getType());
    size_t own = factor.letters.size() - kEllipsis.size();
    if (!type || size_t(type.getRank()) < own ||
        type.getRank() - own > fresh.size())
      return false;
    size_t count = type.getRank() - own;
    std::string letters = fresh.substr(0, count);
    std::reverse(letters.begin(), letters.end());
    factor.letters.replace(at, kEllipsis.size(), letters);
    most = std::max(most, count);
  }
  if (size_t at = result.find(kEllipsis); at != std::string::npos) {
    std::string letters = fresh.substr(0, most);
    std::reverse(letters.begin(), letters.end());
    result.replace(at, kEllipsis.size(), letters);
  }
  return result.find('.') == std::string::npos;
}

bool EinsumSpeller::readExtents() {
  for (const Factor &factor : factors) {
    auto type = dyn_cast<RankedTensorType>(factor.value.getType());
    if (!type || type.getRank() != int64_t(factor.letters.size()))
      return false;
    for (auto [i, letter] : llvm::enumerate(factor.letters)) {
      if (StringRef(factor.letters).count(letter) > 1)
        return false;
      // Extents that are not constant count as one.
      int64_t extent = type.isDynamicDim(i) ? 1 : type.getDimSize(i);
      extents[letter] = std::max(extents.lookup(letter), extent);
    }
  }
  return true;
}

bool EinsumSpeller::sums() const {
  return llvm::any_of(factors, [&](const Factor &factor) {
    return llvm::any_of(factor.letters, [&](char letter) {
      return result.find(letter) == std::string::npos;
    });
  });
}

int64_t EinsumSpeller::size(StringRef letters) const {
  int64_t size = 1;
  for (char letter : letters)
    size *= extents.lookup(letter);
  return size;
}

Pair EinsumSpeller::join(size_t first, size_t second) const {
  std::string kept = result;
  for (auto [i, factor] : llvm::enumerate(factors))
    if (i != first && i != second)
      kept += factor.letters;
  // In the order of the result, then of the factors.
  std::string all = factors[first].letters + factors[second].letters, letters;
  auto add = [&](char letter) {
    if (all.find(letter) != std::string::npos &&
        kept.find(letter) != std::string::npos &&
        letters.find(letter) == std::string::npos)
      letters += letter;
  };
  llvm::for_each(result, add);
  llvm::for_each(all, add);
  bool sums = llvm::any_of(
      all, [&](char c) { return letters.find(c) == std::string::npos; });
  return {first, second, letters, sums};
}

/// The smallest one; of equal ones one that sums.
Pair EinsumSpeller::choosePair() const {
  Pair best = join(0, 1);
  for (size_t i = 0; i < factors.size(); ++i)
    for (size_t j = i + 1; j < factors.size(); ++j) {
      Pair pair = join(i, j);
      int64_t least = size(best.letters), own = size(pair.letters);
      if (own < least || (own == least && pair.sums && !best.sums))
        best = pair;
    }
  return best;
}

Value EinsumSpeller::aligned(const Factor &factor, StringRef letters) {
  SmallVector<int64_t> order, missing;
  for (auto [axis, letter] : llvm::enumerate(letters))
    if (size_t at = factor.letters.find(letter); at != std::string::npos)
      order.push_back(at);
    else
      missing.push_back(axis);
  Value value = factor.value;
  if (!llvm::is_sorted(order))
    value = make("Transpose", value,
                 b.getDictionaryAttr(
                     b.getNamedAttr("perm", b.getDenseI64ArrayAttr(order))));
  if (missing.empty())
    return value;
  Value axes = onnx::ConstantOp::create(
      b, node.getLoc(), Tensor::integers(b.getContext(), missing).toAttr());
  return make("Unsqueeze", {value, axes});
}

Value EinsumSpeller::multiply(const Pair &pair) {
  const Factor &x = factors[pair.first], &y = factors[pair.second];
  if (!pair.sums)
    return make("Mul", {aligned(x, pair.letters), aligned(y, pair.letters)});
  std::string equation = x.letters + "," + y.letters + "->" + pair.letters;
  return make("Einsum", {x.value, y.value},
              b.getDictionaryAttr(
                  b.getNamedAttr("equation", b.getStringAttr(equation))));
}

Value EinsumSpeller::spell() {
  constexpr int64_t kUnsqueezeTakesAxes = 13;
  if (node.getVersion() < kUnsqueezeTakesAxes || !read())
    return {};
  bool isPlain = node.getString("equation", "").find('.') == StringRef::npos;
  if (isPlain && factors.size() <= 2 && sums())
    return {}; // as it should be
  b.setInsertionPoint(node);
  while (factors.size() > 1) {
    Pair pair = choosePair();
    factors[pair.first] = {multiply(pair), pair.letters};
    factors.erase(factors.begin() + pair.second);
  }
  // One operand whose axes are summed stays.
  if (sums())
    return {};
  Value value = aligned(factors.front(), result);
  // Where that is an operand, it is left to others to see.
  return value == node.getInputs()[0] ? Value() : value;
}

Value ssmc::respellEinsum(onnx::NodeOp einsum, OpBuilder &b) {
  return EinsumSpeller(einsum, b).spell();
}
