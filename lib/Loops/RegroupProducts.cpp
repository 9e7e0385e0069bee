//===- RegroupProducts.cpp - small factors first --------------------------===//
//
// (a b) c becomes (a c) b where a c has fewer elements than a b: of
// (dt B) x, whose product dt B is a matrix for each token, dt x is a vector
// only. What is left is one outer product of two vectors, as a mixer has it. An
// Einsum of more than two operands becomes products of two, the smallest first.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Rewrites.h"
#include "lib/Loops/HoistSteps.h"

using namespace mlir;

namespace ssmc {

/// The elements of a product of these shapes, extents that are not constant
/// counting as one; nothing where a rank is not known.
static std::optional<int64_t> sizeOfProduct(Value a, Value b) {
  auto x = dyn_cast<RankedTensorType>(a.getType()),
       y = dyn_cast<RankedTensorType>(b.getType());
  if (!x || !y)
    return std::nullopt;
  int64_t size = 1, rank = std::max(x.getRank(), y.getRank());
  auto extent = [](RankedTensorType type, int64_t fromEnd) -> int64_t {
    if (fromEnd > type.getRank())
      return 1;
    int64_t extent = type.getDimSize(type.getRank() - fromEnd);
    return ShapedType::isDynamic(extent) ? 1 : extent;
  };
  for (int64_t d = 1; d <= rank; ++d)
    size *= std::max(extent(x, d), extent(y, d));
  return size;
}

static bool regroup(onnx::NodeOp node) {
  for (unsigned i : {0u, 1u}) {
    auto inner = definingNode(node.getInputs()[i], "Mul");
    Value other = node.getInputs()[1 - i];
    if (!inner || inner->getBlock() != node->getBlock() || !inner->hasOneUse())
      continue;
    for (unsigned j : {0u, 1u}) {
      Value near = inner.getInputs()[j], far = inner.getInputs()[1 - j];
      auto before = sizeOfProduct(near, far),
           after = sizeOfProduct(near, other);
      if (!before || !after || *after >= *before)
        continue;
      OpBuilder b(node);
      auto unknown = onnx::UnknownType::get(b.getContext());
      Value first =
          makeNode(b, node, "Mul", {near, other}, unknown)->getResult(0);
      Value all =
          makeNode(b, node, "Mul", {first, far}, node->getResult(0).getType())
              ->getResult(0);
      node->getResult(0).replaceAllUsesWith(all);
      node->erase();
      inner->erase();
      return true;
    }
  }
  return false;
}

/// The letters of `a` and then of `b` that `kept` has, each once.
static std::string contract(StringRef a, StringRef b, StringRef kept) {
  std::string letters;
  for (char letter : (a + b).str())
    if (kept.contains(letter) && letters.find(letter) == std::string::npos)
      letters += letter;
  return letters;
}

/// Multiplies two of several operands of an Einsum by a node of their own.
static bool splitEinsum(onnx::NodeOp node) {
  std::string equation = node.getString("equation", "").str();
  llvm::erase(equation, ' ');
  auto [left, result] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  SmallVector<Value> inputs(node.getInputs());
  if (inputs.size() < 3 || terms.size() != inputs.size() ||
      !StringRef(equation).contains("->") || StringRef(equation).contains('.'))
    return false;
  llvm::SmallDenseMap<char, int64_t> extents;
  for (auto [term, input] : llvm::zip(terms, inputs)) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    if (!type || type.getRank() != int64_t(term.size()))
      return false;
    for (auto [letter, extent] : llvm::zip(term, type.getShape()))
      extents[letter] =
          std::max(extents.lookup(letter),
                   ShapedType::isDynamic(extent) ? int64_t(1) : extent);
  }
  int64_t least = std::numeric_limits<int64_t>::max();
  size_t first = 0, second = 0;
  std::string product;
  for (size_t i = 0; i < terms.size(); ++i)
    for (size_t j = i + 1; j < terms.size(); ++j) {
      std::string kept = result.str();
      for (size_t k = 0; k < terms.size(); ++k)
        if (k != i && k != j)
          kept += terms[k];
      std::string letters = contract(terms[i], terms[j], kept);
      int64_t size = 1;
      for (char letter : letters)
        size *= extents[letter];
      if (size < least) {
        least = size, first = i, second = j;
        product = letters;
      }
    }
  OpBuilder b(node);
  auto equate = [&](const Twine &text) {
    return b.getDictionaryAttr(
        b.getNamedAttr("equation", b.getStringAttr(text)));
  };
  Value pair =
      makeNode(b, node, "Einsum", {inputs[first], inputs[second]},
               onnx::UnknownType::get(b.getContext()),
               equate(terms[first] + "," + terms[second] + "->" + product))
          ->getResult(0);
  SmallVector<Value> others{pair};
  std::string rest = product;
  for (auto [k, input] : llvm::enumerate(inputs))
    if (k != first && k != second) {
      others.push_back(input);
      rest += "," + terms[k].str();
    }
  Value all = makeNode(b, node, "Einsum", others, node->getResult(0).getType(),
                       equate(rest + "->" + result))
                  ->getResult(0);
  node->getResult(0).replaceAllUsesWith(all);
  node->erase();
  return true;
}

static bool regroupOne(Block &body) {
  for (auto node : body.getOps<onnx::NodeOp>())
    if (node.getDomain().empty() &&
        ((node.getOpType() == "Mul" && regroup(node)) ||
         (node.getOpType() == "Einsum" && splitEinsum(node))))
      return true;
  return false;
}

bool regroupProducts(func::FuncOp function) {
  bool changed = false;
  function.walk([&](onnx::NodeOp node) {
    if (node.getDomain().empty() && node.getOpType() == "Scan")
      for (Region &region : node->getRegions())
        for (Block &body : region)
          while (regroupOne(body))
            changed = true;
  });
  return changed;
}

} // namespace ssmc
