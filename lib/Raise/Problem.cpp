//===- Problem.cpp - a region as a function to be recognised --------------===//

#include "lib/Raise/Problem.h"

#include "lib/Operators/Indexing.h"
#include "lib/Raise/ValueRange.h"

using namespace mlir;

namespace ssmc {

Tensor Random::normals(Type type, ArrayRef<int64_t> shape, double scale) {
  Tensor tensor(type, shape);
  for (double &value : tensor.mutableFloats())
    value = scale * normal();
  return tensor;
}

Tensor Random::uniforms(Type type, ArrayRef<int64_t> shape, double low,
                        double high) {
  Tensor tensor(type, shape);
  for (double &value : tensor.mutableFloats())
    value = low + (high - low) * uniform();
  return tensor;
}

/// The extents along which the value is an index, the smallest one; 0 if none.
static int64_t findLimit(const Graph &graph, Value value) {
  int64_t limit = 0;
  for (OpOperand &use : value.getUses()) {
    auto node = dyn_cast<onnx::NodeOp>(use.getOwner());
    if (!node || use.getOperandNumber() != 1)
      continue;
    auto shape = graph.getShape(node.getInputs()[0]);
    StringRef type = node.getOpType();
    if (!shape || shape->empty())
      continue;
    int64_t extent = 0;
    if (type == "GatherND" || type == "ScatterND")
      extent = *llvm::min_element(*shape);
    else if (type == "Gather" || type == "GatherElements" ||
             type == "ScatterElements")
      if (auto axis = normalizeAxis(node.getInt("axis", 0), shape->size()))
        extent = (*shape)[*axis];
    if (extent > 0)
      limit = limit ? std::min(limit, extent) : extent;
  }
  return limit;
}

Tensor Problem::drawIntegers(Value value, Random &random) const {
  Tensor tensor(elementType(value), *graph.getShape(value));
  int64_t limit = findLimit(graph, value);
  bool truth = elementType(value).isInteger(1);
  for (int64_t &element : tensor.mutableInts()) {
    double x = random.uniform();
    if (limit)
      element = int64_t(x * limit);
    else if (truth || x < 0.5)
      element = random.uniform() < 0.5;
    else
      element = int64_t(random.uniform() * 19) - 9;
  }
  return tensor;
}

std::optional<Frontier> Problem::splitFrontier() const {
  Frontier frontier;
  for (Value value : region.frontier) {
    const ValueAxes *axes = analysis.getAxes(value);
    if (!axes || !isa<FloatType>(elementType(value)))
      return std::nullopt;
    if (analysis.getClass(value) == TokenClass::PerToken &&
        timeExtent(*axes) == analysis.getLength())
      frontier.tokens.push_back(value);
    else if (timeExtent(*axes) == 1)
      frontier.states.push_back(value);
    else
      return std::nullopt;
  }
  return frontier;
}

void Problem::keepInRange(Value value, Tensor &drawn) const {
  if (findRange(graph, value).low >= 0)
    for (double &element : drawn.mutableFloats())
      element = std::abs(element);
}

Assignment Problem::sample(Random &random) const {
  Assignment assignment;
  for (Value value : region.frontier) {
    Type type = elementType(value);
    ArrayRef<int64_t> shape = *graph.getShape(value);
    if (isa<FloatType>(type)) {
      Tensor drawn = random.normals(type, shape, 0.5);
      keepInRange(value, drawn);
      assignment[value] = std::move(drawn);
      continue;
    }
    assignment[value] = drawIntegers(value, random);
  }
  return assignment;
}

const Problem::Example *Problem::getExample() const {
  if (!example && !exampleFails) {
    Random random(1);
    Assignment values = sample(random);
    FailureOr<SmallVector<Tensor>> results = evaluate(values);
    exampleFails = failed(results);
    if (!exampleFails)
      example = {std::move(values), std::move(*results)};
  }
  return exampleFails ? nullptr : &*example;
}

bool Problem::isLarge() const {
  constexpr int64_t kManyElements = 1 << 18;
  int64_t elements = 0;
  for (Value value : region.frontier)
    elements += llvm::product_of(*graph.getShape(value));
  return elements > kManyElements;
}

double Problem::toleranceOfTables() const {
  constexpr double kExact = 1e-9, kRounded = 1e-6;
  std::optional<Cone> cone = collectCone(graph, region.exit, region.frontier);
  if (!cone)
    return kExact;
  // Where a table is computed, it is computed in double precision.
  for (Value constant : cone->constants)
    if (constant.getDefiningOp<onnx::ConstantOp>() &&
        elementType(constant).isF32() &&
        cast<ShapedType>(constant.getType()).getNumElements() >=
            analysis.getLength())
      return kRounded;
  return kExact;
}

FailureOr<SmallVector<Tensor>> Problem::evaluate(ArrayRef<Value> roots,
                                                 const Assignment &assignment,
                                                 Observer observe) const {
  SmallVector<Value> frontier;
  Evaluator evaluator;
  for (const auto &[value, tensor] : assignment) {
    frontier.push_back(value);
    evaluator.bind(value, tensor);
  }
  std::optional<Cone> cone = collectCone(graph, roots, frontier);
  if (!cone)
    return failure();
  for (Value constant : cone->constants) {
    FailureOr<Tensor> value = graph.evaluateConstant(constant);
    if (failed(value))
      return failure();
    evaluator.bind(constant, *value);
  }
  // Where nobody looks at them, values go as soon as no node reads them any
  // more: what comes next is computed in their memory.
  llvm::DenseMap<Value, Operation *> lastReaders;
  if (!observe) {
    for (Operation *op : cone->nodes)
      for (Value operand : op->getOperands())
        lastReaders[operand] = op;
    for (Value kept : roots)
      lastReaders.erase(kept);
  }
  for (Operation *op : cone->nodes) {
    if (failed(evaluator.run(op)))
      return failure();
    for (Value operand : op->getOperands())
      if (lastReaders.lookup(operand) == op && !assignment.contains(operand))
        evaluator.forget(operand);
  }
  SmallVector<Tensor> results;
  for (Value root : roots) {
    FailureOr<Tensor> value = evaluator.get(root);
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  if (observe)
    observe(evaluator);
  return results;
}

FailureOr<SmallVector<Tensor>> Problem::evaluate(const Assignment &assignment,
                                                 Observer observe) const {
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  return evaluate(roots, assignment, observe);
}

} // namespace ssmc
