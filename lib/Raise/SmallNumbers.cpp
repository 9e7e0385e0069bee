//===- SmallNumbers.cpp - numbers that no comparison sees -----------------===//

#include "lib/Raise/SmallNumbers.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Raise/Mixer.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

/// The one small number that a node reads beside data; null where there is
/// none.
static Value findSmall(const Graph &graph, onnx::NodeOp node, double &number) {
  constexpr double kSmall = 1e-5;
  static const llvm::StringSet<> names = {"Add", "Sub", "Max", "Clip"};
  if (!node.getDomain().empty() || !names.contains(node.getOpType()))
    return {};
  for (Value input : node.getInputs()) {
    if (isa<NoneType>(input.getType()) || graph.dependsOnInput(input))
      continue;
    auto shape = graph.getShape(input);
    if (!shape || llvm::product_of(*shape) != 1)
      continue;
    FailureOr<Tensor> value = graph.evaluateConstant(input);
    if (failed(value) || !value->isFloat())
      continue;
    number = value->at(0);
    if (number != 0 && std::abs(number) <= kSmall)
      return input;
  }
  return {};
}

SmallVector<std::string> listSmallNumbers(const Problem &problem,
                                          double tolerance) {
  SmallVector<std::string> found;
  SmallVector<Value> roots{problem.region.exit};
  llvm::append_range(roots, problem.region.states);
  std::optional<Cone> cone =
      collectCone(problem.graph, roots, problem.region.frontier);
  if (!cone)
    return found;
  Random random(3);
  Assignment assignment;
  FailureOr<SmallVector<Tensor>> with = failure();
  llvm::SmallDenseSet<Value> seen;
  for (Operation *op : cone->nodes) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    double number = 0;
    Value small = node ? findSmall(problem.graph, node, number) : Value();
    if (!small || !seen.insert(small).second)
      continue;
    if (assignment.empty()) {
      assignment = problem.sample(random);
      with = problem.evaluate(assignment);
    }
    if (failed(with))
      return found;
    Assignment changed = assignment;
    changed[small] =
        Tensor(problem.elementType(small), *problem.graph.getShape(small));
    FailureOr<SmallVector<Tensor>> without = problem.evaluate(changed);
    if (failed(without))
      continue;
    double worst = 0;
    for (auto [a, b] : llvm::zip_equal(*with, *without))
      worst = std::max(worst, deviation(a, b));
    if (worst <= tolerance)
      found.push_back(
          llvm::formatv("the number {0:e1} of node '{1}' is too small to be seen, "
                        "and is left out",
                        number, onnx::describeLocation(op->getLoc()).node)
              .str());
  }
  return found;
}

} // namespace ssmc
