//===- Operator.cpp - the operator table and the views of a node ----------===//

#include "lib/Operators/Operator.h"
#include "dialects/onnx/OnnxLocation.h"

#include "lib/Eval/Evaluator.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace ssmc;

//===----------------------------------------------------------------------===//
// OperatorTable
//===----------------------------------------------------------------------===//

static std::string key(StringRef domain, StringRef name) {
  return (domain + ":" + name).str();
}

void OperatorTable::add(const Operator &op) {
  SmallVector<Operator> &versions = rows[key(op.domain, op.name)];
  auto *place = llvm::upper_bound(
      versions, op.since,
      [](int64_t since, const Operator &row) { return since < row.since; });
  versions.insert(place, op);
}

const Operator *OperatorTable::find(StringRef domain, StringRef name,
                                    int64_t version) const {
  if (domain == "ai.onnx")
    domain = "";
  auto versions = rows.find(key(domain, name));
  if (versions == rows.end())
    return nullptr;
  for (const Operator &row : llvm::reverse(versions->second))
    if (row.since <= version)
      return &row;
  return nullptr;
}

SmallVector<const Operator *> OperatorTable::all() const {
  SmallVector<const Operator *> result;
  for (const auto &versions : rows)
    for (const Operator &row : versions.second)
      result.push_back(&row);
  llvm::sort(result, [](const Operator *a, const Operator *b) {
    return std::tie(a->domain, a->name, a->since) <
           std::tie(b->domain, b->name, b->since);
  });
  return result;
}

static LogicalResult checkCount(size_t count, unsigned least, unsigned most,
                                StringRef what, std::string &message) {
  if (count >= least && (most == Operator::kAny || count <= most))
    return success();
  message = "expects ";
  if (least == most)
    message += std::to_string(least);
  else if (most == Operator::kAny)
    message += "at least " + std::to_string(least);
  else
    message += std::to_string(least) + " to " + std::to_string(most);
  message += " " + what.str() + ", has " + std::to_string(count);
  return failure();
}

LogicalResult Operator::checkArity(onnx::NodeOp node,
                                   std::string &message) const {
  if (failed(checkCount(node.getInputs().size(), minInputs, maxInputs, "inputs",
                        message)) ||
      failed(checkCount(node->getNumResults(), minOutputs, maxOutputs,
                        "outputs", message)))
    return failure();
  for (unsigned i = 0; i < minInputs; ++i)
    if (!node.hasInput(i)) {
      message = "input " + std::to_string(i) + " must not be left out";
      return failure();
    }
  return success();
}

//===----------------------------------------------------------------------===//
// Views of a node
//===----------------------------------------------------------------------===//

std::optional<SmallVector<int64_t>>
InferContext::constantInts(unsigned i) const {
  ElementsAttr attr = constant(i);
  if (!attr || !attr.getElementType().isIntOrIndex())
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(attr);
  if (failed(tensor))
    return std::nullopt;
  return SmallVector<int64_t>(tensor->ints());
}

std::optional<double> InferContext::constantNumber(unsigned i) const {
  ElementsAttr attr = constant(i);
  if (!attr || attr.getNumElements() != 1)
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(attr);
  return succeeded(tensor) ? std::optional(tensor->at(0)) : std::nullopt;
}

std::optional<SmallVector<AffineExpr>>
InferContext::knownElements(unsigned i) const {
  if (auto known = elements(i))
    return SmallVector<AffineExpr>(*known);
  ElementsAttr attr = constant(i);
  if (!attr || attr.getNumElements() > 64)
    return std::nullopt;
  auto values = constantInts(i);
  if (!values)
    return std::nullopt;
  SmallVector<AffineExpr> exprs;
  for (int64_t value : *values)
    exprs.push_back(constantDim(value));
  return exprs;
}

AffineExpr InferContext::constantDim(int64_t value) const {
  return getAffineConstantExpr(value, getContext());
}

LogicalResult InferContext::error(const Twine &message) {
  return onnx::emitModelError(node.getLoc())
         << node.getQualifiedName() << ": " << message;
}

LogicalResult LowerContext::error(const Twine &message) {
  return onnx::emitModelError(node.getLoc())
         << node.getQualifiedName() << ": " << message;
}

LogicalResult EvalContext::error(const Twine &message) {
  return evaluator.fail(node.getQualifiedName() + ": " + message);
}

Tensor *EvalContext::makeResult(unsigned i, Type elementType,
                                ArrayRef<int64_t> shape) {
  Tensor *result = makeUninitialized(i, elementType, shape);
  if (result && result->isFloat())
    llvm::fill(result->mutableFloats(), 0.0);
  else if (result)
    llvm::fill(result->mutableInts(), 0);
  return result;
}

Tensor *EvalContext::makeUninitialized(unsigned i, Type elementType,
                                       ArrayRef<int64_t> shape) {
  if (i >= results.size() || !elementType ||
      !elementType.isIntOrIndexOrFloat()) {
    (void)error("a result of a type that cannot be evaluated");
    return nullptr;
  }
  if (!Tensor::fits(shape)) {
    (void)error("a result of more than " + Twine(Tensor::kMaxElements) +
                " elements");
    return nullptr;
  }
  results[i] = Tensor::uninitialized(elementType, shape);
  return &results[i];
}

std::optional<int64_t> ssmc::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}
