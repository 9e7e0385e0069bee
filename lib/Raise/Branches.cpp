//===- Branches.cpp - which branches an evaluation has taken --------------===//

#include "lib/Raise/Branches.h"

#include "lib/Operators/Indexing.h"
#include "llvm/ADT/StringSwitch.h"

#include <cfloat>
#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
enum class Kind { None, Extremum, Bounds, Select, Comparison };
} // namespace

static Kind kindOf(onnx::NodeOp node) {
  if (!node.getDomain().empty())
    return Kind::None;
  return llvm::StringSwitch<Kind>(node.getOpType())
      .Cases({"Max", "Min"}, Kind::Extremum)
      .Cases({"Clip", "Relu"}, Kind::Bounds)
      .Case("Where", Kind::Select)
      .Cases({"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"},
             Kind::Comparison)
      .Default(Kind::None);
}

Branches::Branches(const Problem &problem) {
  SmallVector<Value> roots{problem.region.exit};
  llvm::append_range(roots, problem.region.states);
  std::optional<Cone> cone =
      collectCone(problem.graph, roots, problem.region.frontier);
  if (!cone)
    return;
  for (Operation *op : cone->nodes) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    Kind kind = node ? kindOf(node) : Kind::None;
    // A mask that is constant selects the same at every input.
    if (kind == Kind::None || (kind == Kind::Select &&
                               !problem.graph.dependsOnInput(node.getInputs()[0])))
      continue;
    // An extremum of one operand is that operand.
    if (kind == Kind::Extremum && node.getInputs().size() < 2)
      continue;
    size_t branches = kind == Kind::Extremum ? node.getInputs().size()
                      : kind == Kind::Bounds ? 3
                                             : 2;
    nodes.push_back({node, SmallVector<bool, 3>(branches, false)});
  }
}

void Branches::observeTruth(Node &node, const Tensor &truth) {
  for (int64_t value : truth.ints())
    node.taken[value != 0] = true;
}

// Below the lower bound, within, above the upper one. A bound that no number
// exceeds is none.
void Branches::observeBounds(Node &node, Evaluator &evaluator, const Tensor &x,
                             const Tensor &result) {
  bool isRelu = node.op.getOpType() == "Relu";
  for (unsigned i : {1u, 2u}) {
    bool exists = i == 1 && isRelu;
    if (node.op.hasInput(i)) {
      FailureOr<Tensor> bound = evaluator.get(node.op.getInputs()[i]);
      exists = failed(bound) || bound->getNumElements() != 1 ||
               std::abs(bound->at(0)) < FLT_MAX;
    } else if (!isRelu) {
      double bound = node.op.getFloat(i == 1 ? "min" : "max", INFINITY);
      exists = std::abs(bound) < FLT_MAX;
    }
    if (!exists)
      node.taken[i == 1 ? 0 : 2] = true;
  }
  for (int64_t i = 0, e = result.getNumElements(); i < e; ++i) {
    double in = x.at(i), out = result.at(i);
    node.taken[out > in ? 0 : out < in ? 2 : 1] = true;
  }
}

// An operand decides where the result is equal to it and not to all others.
void Branches::observeExtremum(Node &node, ArrayRef<Tensor> operands,
                               const Tensor &result) {
  SmallVector<SmallVector<int64_t>> strides;
  ArrayRef<int64_t> shape = result.getShape();
  for (const Tensor &operand : operands) {
    SmallVector<int64_t> own = rowMajorStrides(operand.getShape());
    size_t lead = shape.size() - own.size();
    for (auto [d, extent] : llvm::enumerate(operand.getShape()))
      if (extent == 1)
        own[d] = 0;
    own.insert(own.begin(), lead, 0);
    strides.push_back(std::move(own));
  }
  int64_t next = 0;
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    double out = result.at(next++);
    SmallVector<unsigned> equal;
    for (auto [i, operand] : llvm::enumerate(operands))
      if (operand.at(linearize(index, strides[i])) == out)
        equal.push_back(i);
    if (equal.size() < operands.size())
      for (unsigned i : equal)
        node.taken[i] = true;
  });
}

void Branches::observe(Evaluator &evaluator) {
  for (Node &node : nodes) {
    if (llvm::all_of(node.taken, [](bool taken) { return taken; }))
      continue;
    SmallVector<Tensor> operands;
    for (Value operand : node.op.getInputs()) {
      FailureOr<Tensor> value = isa<NoneType>(operand.getType())
                                    ? Tensor()
                                    : evaluator.get(operand);
      if (failed(value))
        return;
      operands.push_back(*value);
    }
    FailureOr<Tensor> result = evaluator.get(node.op->getResult(0));
    if (failed(result))
      return;
    switch (kindOf(node.op)) {
    case Kind::None:
      break;
    case Kind::Extremum:
      observeExtremum(node, operands, *result);
      break;
    case Kind::Bounds:
      observeBounds(node, evaluator, operands[0], *result);
      break;
    case Kind::Select:
      observeTruth(node, operands[0]);
      break;
    case Kind::Comparison:
      observeTruth(node, *result);
      break;
    }
  }
}

onnx::NodeOp Branches::findUntaken() const {
  for (const Node &node : nodes)
    if (!llvm::all_of(node.taken, [](bool taken) { return taken; }))
      return node.op;
  return nullptr;
}

} // namespace ssmc
