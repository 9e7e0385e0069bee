//===- OuterProducts.cpp - an Einsum that sums nothing --------------------===//
//
// An Einsum whose result has all letters of its operands multiplies elements
// only: it is a chain of products of operands that are brought to the order of
// the result, the two with the smallest product first. That is what most
// exporters write, and no product with a weight.
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

class OuterProduct {
public:
  OuterProduct(onnx::NodeOp node, OpBuilder &b) : node(node), b(b) {}
  /// The product; null where letters are summed, or repeated, or not written.
  Value spell();

private:
  bool read();
  Value make(StringRef type, ValueRange inputs, DictionaryAttr attrs = {}) {
    return makeNode(b, node, type, inputs,
                    onnx::UnknownType::get(b.getContext()), attrs)
        ->getResult(0);
  }
  /// The letters of the result that one of the two has.
  std::string joined(const Factor &x, const Factor &y) const;
  int64_t size(StringRef letters) const;
  /// Axes in the order of `letters`, with one element where it has none.
  Value aligned(const Factor &factor, StringRef letters);

  onnx::NodeOp node;
  OpBuilder &b;
  std::vector<Factor> factors;
  std::string result;
  llvm::SmallDenseMap<char, int64_t> extents;
};
} // namespace

bool OuterProduct::read() {
  std::string equation = node.getString("equation", "").str();
  llvm::erase(equation, ' ');
  if (equation.find("->") == std::string::npos ||
      equation.find('.') != std::string::npos)
    return false;
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  result = right.str();
  if (terms.size() != node.getInputs().size())
    return false;
  for (auto [term, input] : llvm::zip(terms, node.getInputs())) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    if (!type || type.getRank() != int64_t(term.size()))
      return false;
    for (auto [i, letter] : llvm::enumerate(term)) {
      if (!right.contains(letter) || term.count(letter) > 1)
        return false;
      // Extents that are not constant count as one.
      extents[letter] = std::max<int64_t>(
          extents.lookup(letter),
          type.isDynamicDim(i) ? 1 : type.getDimSize(i));
    }
    factors.push_back({input, term.str()});
  }
  return true;
}

std::string OuterProduct::joined(const Factor &x, const Factor &y) const {
  std::string letters;
  for (char letter : result)
    if (StringRef(x.letters).contains(letter) ||
        StringRef(y.letters).contains(letter))
      letters += letter;
  return letters;
}

int64_t OuterProduct::size(StringRef letters) const {
  int64_t size = 1;
  for (char letter : letters)
    size *= extents.lookup(letter);
  return size;
}

Value OuterProduct::aligned(const Factor &factor, StringRef letters) {
  SmallVector<int64_t> order, missing;
  for (auto [axis, letter] : llvm::enumerate(letters))
    if (size_t at = factor.letters.find(letter); at != std::string::npos)
      order.push_back(at);
    else
      missing.push_back(axis);
  Value value = factor.value;
  if (!llvm::is_sorted(order))
    value = make("Transpose", value,
                 b.getDictionaryAttr(b.getNamedAttr(
                     "perm", b.getDenseI64ArrayAttr(order))));
  if (missing.empty())
    return value;
  Value axes = onnx::ConstantOp::create(
      b, node.getLoc(), Tensor::integers(b.getContext(), missing).toAttr());
  return make("Unsqueeze", {value, axes});
}

Value OuterProduct::spell() {
  constexpr int64_t kUnsqueezeTakesAxes = 13;
  if (node.getVersion() < kUnsqueezeTakesAxes || !read())
    return {};
  b.setInsertionPoint(node);
  while (factors.size() > 1) {
    size_t first = 0, second = 1;
    std::string letters = joined(factors[0], factors[1]);
    for (size_t i = 0; i < factors.size(); ++i)
      for (size_t j = i + 1; j < factors.size(); ++j)
        if (std::string other = joined(factors[i], factors[j]);
            size(other) < size(letters)) {
          first = i, second = j;
          letters = other;
        }
    Value product = make("Mul", {aligned(factors[first], letters),
                                 aligned(factors[second], letters)});
    factors[first] = {product, letters};
    factors.erase(factors.begin() + second);
  }
  Value value = aligned(factors.front(), result);
  // Where that is an operand, it is left to others to see.
  return value == node.getInputs()[0] ? Value() : value;
}

Value ssmc::spellOuterProduct(onnx::NodeOp einsum, OpBuilder &b) {
  return OuterProduct(einsum, b).spell();
}
