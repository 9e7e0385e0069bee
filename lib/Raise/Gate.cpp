//===- Gate.cpp - proves a raise before it is kept ------------------------===//

#include "lib/Raise/Gate.h"

#include "lib/Raise/Branches.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Raise/MixerMath.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
constexpr double kTolerance = 1e-9;
constexpr unsigned kRounds = 5;
/// Beyond this many elements of input, two rounds that do not overflow are
/// enough: there is more of each distribution in a large tensor.
constexpr int64_t kManyElements = 1 << 18;
}

/// The distributions that inputs are drawn from, one after another.
static Assignment draw(const Problem &problem, unsigned round) {
  Random random(1000 + round);
  Assignment assignment;
  for (auto [i, value] : llvm::enumerate(problem.region.frontier)) {
    Type type = problem.elementType(value);
    ArrayRef<int64_t> shape = *problem.graph.getShape(value);
    if (!isa<FloatType>(type)) {
      Tensor tensor(type, shape);
      for (int64_t &element : tensor.mutableInts())
        element = random.uniform() < 0.5;
      assignment[value] = std::move(tensor);
      continue;
    }
    switch (round) {
    case 0: // between none and full decay, wherever the decay is
      assignment[value] = random.uniforms(type, shape, 0, 1);
      break;
    case 1: // of both signs
      assignment[value] = random.normals(type, shape, 1);
      break;
    case 2: // decays next to one
      assignment[value] = random.uniforms(type, shape, 0.999, 1);
      break;
    case 3: // next to zero
      assignment[value] = random.uniforms(type, shape, 0, 1e-3);
      break;
    default: // large steps, and everything of different size
      assignment[value] = random.uniforms(type, shape, 0, i % 2 ? 2 : 10);
      break;
    }
  }
  return assignment;
}

/// The value of an ssm op from those of its operands.
static bool evaluateMixer(Evaluator &evaluator, Operation *op) {
  SmallVector<Tensor> operands;
  for (Value operand : op->getOperands()) {
    FailureOr<Tensor> value = evaluator.get(operand);
    if (failed(value))
      return false;
    operands.push_back(*value);
  }
  Tensor y, state;
  if (auto scan = dyn_cast<ssm::ScanOp>(op)) {
    state = operands[3];
    y = scanMath(operands[0], operands[1], state, scan.getReverse());
  } else if (auto scan = dyn_cast<ssm::SelectiveScanOp>(op)) {
    unsigned next = 5;
    Tensor skip = scan.getD() ? operands[next++] : Tensor();
    Tensor gate = scan.getZ() ? operands[next++] : Tensor();
    state = operands.back();
    y = selectiveScanMath(operands[0], operands[1], operands[2], operands[3],
                          operands[4], skip, gate, state, scan.getReverse());
  } else if (auto conv = dyn_cast<ssm::ShortConvOp>(op)) {
    Tensor bias = conv.getBias() ? operands[2] : Tensor();
    state = operands.back();
    y = shortConvMath(operands[0], operands[1], bias, conv.getDilation(),
                      conv.getReverse());
    if (conv.getActivation() == ssm::Activation::Silu)
      for (double &value : y.mutableFloats())
        value = silu(value);
  } else {
    return false;
  }
  evaluator.bind(op->getResult(0), y);
  evaluator.bind(op->getResult(1), state);
  return true;
}

/// Zeros of the extents under the graph's binding of symbols.
static bool bindDestination(const Graph &graph, Evaluator &evaluator,
                            Operation *op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type)
    return false;
  SmallVector<int64_t> shape(type.getShape());
  unsigned next = 0;
  for (int64_t &extent : shape)
    if (ShapedType::isDynamic(extent)) {
      Operation *source = op;
      if (isa<linalg::FillOp>(op))
        source = op->getOperand(1).getDefiningOp();
      auto symbol =
          source && next < source->getNumOperands()
              ? source->getOperand(next++).getDefiningOp<onnx::SymbolOp>()
              : onnx::SymbolOp();
      if (!symbol)
        return false;
      extent = graph.getBinding(symbol.getName());
    }
  evaluator.bind(op->getResult(0), Tensor(type.getElementType(), shape));
  return true;
}

Verdict checkRaise(const Problem &problem, ArrayRef<Operation *> written,
                   ArrayRef<Value> replacement,
                   const llvm::DenseMap<Value, Tensor> &exact) {
  Verdict verdict;
  Branches branches(problem);
  // Each round takes as long as one pass of the model at its traced size.
  int64_t elements = 0;
  for (Value value : problem.region.frontier)
    elements += llvm::product_of(*problem.graph.getShape(value));
  int64_t enough = 2 * replacement.size();
  for (unsigned round = 0; round < kRounds; ++round) {
    if (elements > kManyElements && verdict.comparisons >= enough)
      break;
    Assignment assignment = draw(problem, round);
    FailureOr<SmallVector<Tensor>> before = problem.evaluate(
        assignment, [&](Evaluator &values) { branches.observe(values); });
    if (failed(before)) {
      verdict.reason = "the original cannot be evaluated";
      return verdict;
    }
    Evaluator evaluator;
    for (const auto &[value, tensor] : assignment)
      evaluator.bind(value, tensor);
    for (Operation *op : written) {
      if (op->getNumResults() == 1)
        if (auto it = exact.find(op->getResult(0)); it != exact.end()) {
          evaluator.bind(op->getResult(0), it->second);
          continue;
        }
      bool done = isa<onnx::SymbolOp, arith::ConstantOp>(op) ||
                  (isa<tensor::EmptyOp, linalg::FillOp>(op) &&
                   bindDestination(problem.graph, evaluator, op)) ||
                  evaluateMixer(evaluator, op) || succeeded(evaluator.run(op));
      if (!done) {
        verdict.reason = "the replacement cannot be evaluated: " +
                         evaluator.getError().str();
        return verdict;
      }
    }
    for (auto [value, expected] : llvm::zip(replacement, *before)) {
      FailureOr<Tensor> after = evaluator.get(value);
      double error = failed(after) ? INFINITY : ssmc::deviation(expected, *after);
      // Where the original overflows, nothing is shown either way.
      bool finite = llvm::all_of(expected.floats(),
                                 [](double v) { return std::isfinite(v); });
      if (!finite)
        continue;
      ++verdict.comparisons;
      verdict.deviation = std::max(verdict.deviation, error);
    }
    if (verdict.deviation > kTolerance)
      return verdict;
  }
  if (verdict.comparisons < enough) {
    verdict.reason = "the original has no finite values to compare with";
    return verdict;
  }
  if (onnx::NodeOp node = branches.findUntaken()) {
    verdict.reason = "node '" +
                     onnx::describeLocation(node->getLoc()).node.str() + "' (" +
                     node.getOpType().str() +
                     ") has a branch that no input of the check takes";
    return verdict;
  }
  verdict.accepted = true;
  return verdict;
}

} // namespace ssmc
