//===- Written.cpp - what a raise writes, as a function -------------------===//

#include "lib/Raise/Written.h"

using namespace mlir;

namespace ssmc {

FailureOr<SmallVector<Tensor>>
evaluateWritten(const Graph &graph, ArrayRef<Operation *> ops,
                ArrayRef<Value> roots,
                const llvm::DenseMap<Value, Tensor> &exact,
                const Assignment &assignment, std::string &error) {
  Evaluator evaluator;
  graph.bindSymbols(evaluator);
  for (const auto &[value, tensor] : assignment)
    evaluator.bind(value, tensor);
  for (const auto &[value, tensor] : exact)
    evaluator.bind(value, tensor);
  // What nodes use from outside, in their bodies too, are constants.
  llvm::DenseSet<Operation *> own(ops.begin(), ops.end());
  for (Operation *op : ops)
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *source = operand.getDefiningOp();
        if (!source || own.contains(source) || op->isAncestor(source) ||
            graph.dependsOnInput(operand) || assignment.contains(operand))
          continue;
        if (FailureOr<Tensor> value = graph.evaluateConstant(operand);
            succeeded(value))
          evaluator.bind(operand, *value);
      }
    });
  for (Operation *op : ops) {
    if (op->getNumResults() == 1 && exact.contains(op->getResult(0)))
      continue;
    // The extents of a value are known even where its data is not.
    auto node = dyn_cast<onnx::NodeOp>(op);
    auto shape = node && node.getOpType() == "Shape"
                     ? graph.getShape(node.getInputs()[0])
                     : std::nullopt;
    if (shape) {
      evaluator.bind(node->getResult(0),
                     Tensor::integers(node.getContext(), *shape));
      continue;
    }
    if (failed(evaluator.run(op))) {
      error = evaluator.getError().str();
      return failure();
    }
  }
  SmallVector<Tensor> results;
  for (Value root : roots) {
    FailureOr<Tensor> value = evaluator.get(root);
    if (failed(value)) {
      error = evaluator.getError().str();
      return failure();
    }
    results.push_back(*value);
  }
  return results;
}

Candidate::Candidate(const Problem &problem, const Mixer &mixer)
    : problem(problem), spreads(mixer.spreads),
      block(std::make_unique<Block>()) {
  OpBuilder builder(problem.region.exit.getContext());
  builder.setInsertionPointToEnd(block.get());
  GraphWriter writer(builder, problem.region.exit.getLoc(), problem.analysis);
  FailureOr<SmallVector<Value>> values = mixer.emit(writer);
  if (failed(values))
    return;
  roots = *values;
  exact = std::move(writer.exact);
  for (Operation &op : *block)
    ops.push_back(&op);
}

FailureOr<SmallVector<Tensor>>
Candidate::evaluate(const Assignment &assignment) const {
  std::string error;
  if (roots.empty())
    return failure();
  return evaluateWritten(problem.graph, ops, roots, exact, assignment, error);
}

double Candidate::deviation(const Assignment &assignment,
                            ArrayRef<Tensor> expected) const {
  FailureOr<SmallVector<Tensor>> values = evaluate(assignment);
  if (failed(values) || values->size() != expected.size())
    return INFINITY;
  double worst = 0;
  for (auto [a, b] : llvm::zip(expected, *values))
    worst = std::max(worst, ssmc::deviation(a, b, spreads));
  return worst;
}

} // namespace ssmc
