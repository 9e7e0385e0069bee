//===- Evaluator.cpp - computes ops of a graph in double precision --------===//

#include "lib/Eval/Evaluator.h"

#include "dialects/onnx/OnnxOps.h"
#include "lib/Eval/Interpreter.h"
#include "lib/Operators/Operator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ssmc;

void Evaluator::bind(Value value, Tensor tensor) {
  values[value] = std::move(tensor);
}

void Evaluator::bindSymbol(StringRef name, int64_t extent) {
  symbols[name] = extent;
}

LogicalResult Evaluator::fail(const Twine &message) {
  error = message.str();
  return failure();
}

/// What must be known before `op` can run: its operands and the outer values
/// that its regions use.
static void collectInputs(Operation *op, llvm::SetVector<Value> &inputs) {
  inputs.insert(op->operand_begin(), op->operand_end());
  if (op->getNumRegions() != 0)
    getUsedValuesDefinedAbove(op->getRegions(), inputs);
}

FailureOr<Tensor> Evaluator::get(Value value) {
  // Depth first over the defining ops with a stack of our own; an op is run
  // when it comes to the top with all its inputs known.
  SmallVector<Value> stack{value};
  llvm::DenseSet<Operation *> entered;
  while (!stack.empty()) {
    Value top = stack.back();
    if (values.count(top)) {
      stack.pop_back();
      continue;
    }
    Operation *op = top.getDefiningOp();
    if (!op)
      return fail("a value that is not given is needed");
    llvm::SetVector<Value> inputs;
    collectInputs(op, inputs);
    bool ready = true;
    for (Value input : inputs)
      if (!values.count(input)) {
        stack.push_back(input);
        ready = false;
      }
    if (!ready) {
      // Seen again with inputs still missing: they depend on this op.
      if (!entered.insert(op).second)
        return fail("the graph is cyclic");
      continue;
    }
    if (failed(run(op)))
      return failure();
    if (!values.count(top))
      return fail("'" + op->getName().getStringRef() + "' has no value");
  }
  return values[value];
}

static LogicalResult runNode(onnx::NodeOp node, ArrayRef<Tensor> operands,
                             Evaluator &evaluator,
                             SmallVectorImpl<Tensor> &results) {
  const Operator *row = OperatorTable::get().find(node);
  std::string name = node.getQualifiedName();
  if (!row || !row->evaluate)
    return evaluator.fail(name + ": this operator cannot be evaluated");
  std::string message;
  if (failed(row->checkArity(node, message)))
    return evaluator.fail(name + ": " + message);
  EvalContext context(node, operands, evaluator);
  if (failed(row->evaluate(context))) {
    if (evaluator.getError().empty())
      return evaluator.fail(name + ": cannot be evaluated");
    return failure();
  }
  results = std::move(context.results);
  return success();
}

LogicalResult Evaluator::run(Operation *op) {
  SmallVector<Tensor> operands, results;
  for (Value operand : op->getOperands()) {
    auto known = values.find(operand);
    if (known == values.end()) {
      FailureOr<Tensor> computed = get(operand);
      if (failed(computed))
        return failure();
      operands.push_back(*computed);
    } else {
      operands.push_back(known->second);
    }
  }

  if (auto node = dyn_cast<onnx::NodeOp>(op)) {
    if (failed(runNode(node, operands, *this, results)))
      return failure();
  } else if (isa<onnx::NoneOp>(op)) {
    results.emplace_back();
  } else if (auto symbol = dyn_cast<onnx::SymbolOp>(op)) {
    auto known = symbols.find(symbol.getName());
    if (known == symbols.end())
      return fail("the dimension '" + symbol.getName() + "' has no value");
    results.push_back(
        Tensor::scalar(IndexType::get(op->getContext()), known->second));
  } else if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    SmallVector<int64_t> shape;
    unsigned next = 0;
    for (int64_t extent : empty.getType().getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? operands[next++].ints()[0]
                                                    : extent);
    Type element = empty.getType().getElementType();
    if (!element.isIntOrIndexOrFloat() || !Tensor::fits(shape))
      return fail("a tensor that is too large to evaluate");
    results.emplace_back(element, shape);
  } else if (Attribute value; matchPattern(op, m_Constant(&value))) {
    if (auto elements = dyn_cast<ElementsAttr>(value)) {
      FailureOr<Tensor> tensor = Tensor::fromAttr(elements);
      if (failed(tensor))
        return fail("a constant whose bytes cannot be read");
      results.push_back(*tensor);
    } else if (auto real = dyn_cast<FloatAttr>(value)) {
      results.push_back(
          Tensor::scalar(real.getType(), real.getValueAsDouble()));
    } else if (auto integer = dyn_cast<IntegerAttr>(value)) {
      Tensor scalar(integer.getType(), {});
      scalar.mutableInts()[0] =
          wrapInteger(integer.getValue().getSExtValue(), integer.getType());
      results.push_back(std::move(scalar));
    } else {
      return fail("a constant of an unknown kind");
    }
  } else if (failed(evaluateByDecomposition(
                 op, operands, results, error,
                 [&](Value value) { return get(value); }))) {
    return failure();
  }

  if (results.size() != op->getNumResults())
    return fail("'" + op->getName().getStringRef() + "' gave " +
                Twine(results.size()) + " results for " +
                Twine(op->getNumResults()));
  for (auto [result, tensor] : llvm::zip(op->getResults(), results))
    values[result] = std::move(tensor);
  return success();
}

FailureOr<SmallVector<Tensor>> Evaluator::runBlock(Block &block) {
  if (block.empty() || !block.back().hasTrait<OpTrait::IsTerminator>()) {
    (void)fail("a subgraph without an end");
    return failure();
  }
  for (Operation &op : block.without_terminator())
    if (failed(run(&op)))
      return failure();
  SmallVector<Tensor> yielded;
  for (Value operand : block.getTerminator()->getOperands()) {
    FailureOr<Tensor> tensor = get(operand);
    if (failed(tensor))
      return failure();
    yielded.push_back(*tensor);
  }
  return yielded;
}
