//===- Problem.cpp - a region as a function to be recognised --------------===//

#include "lib/Raise/Problem.h"

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

Assignment Problem::sample(Random &random) const {
  Assignment assignment;
  for (Value value : region.frontier) {
    Type type = elementType(value);
    ArrayRef<int64_t> shape = *graph.getShape(value);
    if (isa<FloatType>(type)) {
      assignment[value] = random.normals(type, shape, 0.5);
      continue;
    }
    Tensor tensor(type, shape);
    for (int64_t &element : tensor.mutableInts())
      element = random.uniform() < 0.5;
    assignment[value] = std::move(tensor);
  }
  return assignment;
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
