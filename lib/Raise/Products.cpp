//===- Products.cpp - sums of products of two values ----------------------===//

#include "lib/Raise/Products.h"

using namespace mlir;

namespace ssmc {

static bool has(ArrayRef<int> labels, int label) {
  return llvm::is_contained(labels, label);
}

AxisLabels Product::shared() const {
  AxisLabels labels;
  llvm::copy_if(result, std::back_inserter(labels), [&](int label) {
    return has(left, label) && has(right, label);
  });
  return labels;
}

AxisLabels Product::summed() const {
  AxisLabels labels;
  llvm::copy_if(left, std::back_inserter(labels), [&](int label) {
    return has(right, label) && !has(result, label);
  });
  return labels;
}

AxisLabels Product::free(bool ofLeft) const {
  ArrayRef<int> own = ofLeft ? left : right, other = ofLeft ? right : left;
  AxisLabels labels;
  llvm::copy_if(result, std::back_inserter(labels), [&](int label) {
    return has(own, label) && !has(other, label);
  });
  return labels;
}

/// Two operands, each letter once in each; without it, the result has the
/// letters that stand once, sorted.
static bool readEquation(StringRef equation, Product &product) {
  SmallVector<AxisLabels> operands(1);
  std::optional<AxisLabels> result;
  for (size_t i = 0; i < equation.size(); ++i) {
    char c = equation[i];
    AxisLabels &labels = result ? *result : operands.back();
    if (c == ' ')
      continue;
    if (c == ',' && !result)
      operands.emplace_back();
    else if (equation.substr(i).starts_with("->") && !result)
      result.emplace(), ++i;
    else if (llvm::isAlpha(c) && !has(labels, c))
      labels.push_back(c);
    else
      return false;
  }
  if (operands.size() != 2)
    return false;
  if (!result) {
    result.emplace();
    for (unsigned i : {0u, 1u})
      for (int label : operands[i])
        if (!has(operands[1 - i], label))
          result->push_back(label);
    llvm::sort(*result);
  }
  product.left = operands[0], product.right = operands[1];
  product.result = *result;
  return true;
}

/// Batch axes are counted from the last one: they are broadcast.
static bool readMatMul(size_t left, size_t right, Product &product) {
  enum { Row = 100, Column, Summed };
  if (left < 2 || right < 2)
    return false;
  auto batchOf = [](size_t rank) {
    AxisLabels labels;
    for (size_t i = 0; i + 2 < rank; ++i)
      labels.push_back(rank - 3 - i);
    return labels;
  };
  product.left = batchOf(left), product.right = batchOf(right);
  product.result = batchOf(std::max(left, right));
  product.left.append({Row, Summed});
  product.right.append({Summed, Column});
  product.result.append({Row, Column});
  return true;
}

/// A sum over one axis of values multiplied element by element: axes are
/// counted from the last one, those of extent one are repeated.
static std::optional<Product> readSum(const Graph &graph, onnx::NodeOp node) {
  auto factors = node.hasInput(0)
                     ? node.getInputs()[0].getDefiningOp<onnx::NodeOp>()
                     : onnx::NodeOp();
  if (!factors || !factors.getDomain().empty() ||
      factors.getOpType() != "Mul" || graph.indexOf(factors) < 0)
    return std::nullopt;
  Product product{node, factors.getInputs()[0], factors.getInputs()[1], {}, {},
                  {}};
  auto left = graph.getShape(product.lhs), right = graph.getShape(product.rhs),
       all = graph.getShape(factors->getResult(0)),
       result = graph.getShape(node->getResult(0));
  auto axes = node.getInts("axes");
  SmallVector<int64_t> summed;
  if (axes) {
    summed.assign(axes->begin(), axes->end());
  } else if (node.hasInput(1) && !graph.dependsOnInput(node.getInputs()[1])) {
    FailureOr<Tensor> given = graph.evaluateConstant(node.getInputs()[1]);
    if (succeeded(given) && !given->isFloat())
      summed.assign(given->ints().begin(), given->ints().end());
  }
  if (!left || !right || !all || !result || summed.size() != 1 ||
      !graph.dependsOnInput(product.lhs) || !graph.dependsOnInput(product.rhs))
    return std::nullopt;
  int64_t rank = all->size(),
          axis = summed[0] < 0 ? summed[0] + rank : summed[0];
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  int unique = rank;
  auto labelsOf = [&](ArrayRef<int64_t> shape) {
    AxisLabels labels;
    for (auto [i, extent] : llvm::enumerate(shape))
      labels.push_back(extent == 1 ? unique++ : int(shape.size() - 1 - i));
    return labels;
  };
  product.left = labelsOf(*left), product.right = labelsOf(*right);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      product.result.push_back(rank - 1 - i);
    else if (int64_t(result->size()) == rank)
      product.result.push_back(unique++);
  return product;
}

std::optional<Product> readProduct(const Graph &graph, onnx::NodeOp node) {
  if (node.getDomain().empty() && node.getOpType() == "ReduceSum")
    return readSum(graph, node);
  if (!node.getDomain().empty() || node.getInputs().size() != 2 ||
      !graph.dependsOnInput(node.getInputs()[0]) ||
      !graph.dependsOnInput(node.getInputs()[1]))
    return std::nullopt;
  Product product{node, node.getInputs()[0], node.getInputs()[1], {}, {}, {}};
  auto left = graph.getShape(product.lhs), right = graph.getShape(product.rhs);
  if (!left || !right)
    return std::nullopt;
  bool read = false;
  if (node.getOpType() == "MatMul")
    read = readMatMul(left->size(), right->size(), product);
  else if (node.getOpType() == "Einsum")
    read = readEquation(node.getString("equation", ""), product);
  if (!read || product.left.size() != left->size() ||
      product.right.size() != right->size())
    return std::nullopt;
  return product;
}

} // namespace ssmc
