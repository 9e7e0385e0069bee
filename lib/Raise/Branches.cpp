//===- Branches.cpp - which branches an evaluation has taken --------------===//
//
// Operators are of three sorts. Analytic ones, and those that only move
// elements, are the same function everywhere: equal on an open set is equal.
// Piecewise ones that are observed here are believed where all their pieces
// have been seen. Anything else that computes from the data is not believed.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Branches.h"

#include "lib/Operators/Indexing.h"
#include "llvm/ADT/StringSwitch.h"

#include <cfloat>
#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
enum class Kind {
  Analytic,
  Movement, // analytic in what is moved
  Conversion,
  Extremum,
  Reduced, // to an extremum
  Bounds,
  Sign, // one formula below zero, another one above
  Select,
  Comparison,
  Finite, // of what is not: comparisons are of finite values
  Unknown,
};
} // namespace

static Kind kindOf(onnx::NodeOp node) {
  if (!node.getDomain().empty())
    return Kind::Unknown;
  return llvm::StringSwitch<Kind>(node.getOpType())
      .Cases({"Add", "Sub", "Mul", "Div", "Neg", "Sum", "Mean", "Identity"},
             Kind::Analytic)
      .Cases({"Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Erf", "Pow"},
             Kind::Analytic)
      .Cases({"Sigmoid", "Tanh", "Softplus", "Gelu", "Swish", "Mish"},
             Kind::Analytic)
      .Cases({"Sinh", "Cosh", "Tan", "Atan", "Asinh", "Softsign"},
             Kind::Analytic)
      .Cases({"MatMul", "Gemm", "Einsum", "Conv", "CumSum", "CumProd", "DFT"},
             Kind::Analytic)
      .Cases({"ReduceSum", "ReduceMean", "ReduceProd", "ReduceSumSquare"},
             Kind::Analytic)
      .Cases({"ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "Softmax",
              "LogSoftmax"},
             Kind::Analytic)
      .Cases({"LayerNormalization", "RMSNormalization",
              "SimplifiedLayerNormalization"},
             Kind::Analytic)
      .Cases({"And", "Or", "Not", "Xor"}, Kind::Analytic) // of comparisons
      .Case("Attention", Kind::Analytic)        // of what its mask leaves
      .Case("Scan", Kind::Analytic)             // if its body is
      .Cases({"Shape", "Size"}, Kind::Analytic) // of no element
      .Cases({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"},
             Kind::Movement)
      .Cases({"Slice", "Split", "Concat", "Expand", "Tile", "Pad", "Trilu"},
             Kind::Movement)
      .Cases({"Gather", "GatherElements", "GatherND"}, Kind::Movement)
      .Cases({"ScatterElements", "ScatterND", "ReverseSequence",
              "RotaryEmbedding"},
             Kind::Movement)
      .Cases({"Cast", "CastLike"}, Kind::Conversion)
      .Cases({"LeakyRelu", "PRelu", "Abs", "Sign"}, Kind::Sign)
      .Cases({"Elu", "Celu", "Selu"}, Kind::Sign)
      .Cases({"Max", "Min"}, Kind::Extremum)
      .Cases({"ReduceMax", "ReduceMin"}, Kind::Reduced)
      .Cases({"Clip", "Relu"}, Kind::Bounds)
      .Case("Where", Kind::Select)
      .Cases({"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"},
             Kind::Comparison)
      .Cases({"IsNaN", "IsInf"}, Kind::Finite)
      .Default(Kind::Unknown);
}

/// Where a movement takes elements to must not depend on data. Its parts may:
/// what is moved is of floats or is the first operand.
static bool movesByData(const Graph &graph, onnx::NodeOp node) {
  // Truth values of a mask are drawn like any.
  constexpr unsigned kMask = 3;
  bool masks = node.getOpType() == "Attention";
  for (unsigned i = 1, e = node.getInputs().size(); i < e; ++i)
    if (node.hasInput(i) && node.getOpType() != "Concat" &&
        !(masks && i == kMask) && graph.dependsOnInput(node.getInputs()[i]) &&
        !isa<FloatType>(getElementTypeOrSelf(node.getInputs()[i].getType())))
      return true;
  return false;
}

/// Rounding to integers has as many pieces as there are integers.
static bool rounds(onnx::NodeOp node) {
  return isa<FloatType>(getElementTypeOrSelf(node.getInputs()[0].getType())) &&
         !isa<FloatType>(getElementTypeOrSelf(node->getResult(0).getType()));
}

/// Of one piece, unless it moves or rounds by data.
static bool isWhole(Kind kind) {
  return kind == Kind::Analytic || kind == Kind::Movement ||
         kind == Kind::Conversion;
}

/// Whether the pieces of a node cannot be told.
static bool isUnknown(const Graph &graph, onnx::NodeOp node) {
  Kind kind = kindOf(node);
  bool masks = node.getOpType() == "Attention";
  return kind == Kind::Unknown || (kind == Kind::Conversion && rounds(node)) ||
         ((kind == Kind::Movement || masks) && movesByData(graph, node));
}

/// A node of the bodies inside `op` with pieces, which are not observed there.
static onnx::NodeOp findPiecewise(const Graph &graph, Operation *op) {
  onnx::NodeOp found;
  for (mlir::Region &body : op->getRegions())
    body.walk([&](onnx::NodeOp node) {
      Kind kind = kindOf(node);
      if (isWhole(kind) && !isUnknown(graph, node))
        return WalkResult::advance();
      found = node;
      return WalkResult::interrupt();
    });
  return found;
}

/// How many elements meet in one of the result.
static size_t reducedPositions(const Problem &problem, onnx::NodeOp node) {
  auto from = problem.graph.getShape(node.getInputs()[0]),
       to = problem.graph.getShape(node->getResult(0));
  int64_t left = to ? llvm::product_of(*to) : 0;
  return from && left > 0 ? llvm::product_of(*from) / left : 1;
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
    if (!node || !problem.graph.dependsOnInput(node->getResult(0)))
      continue;
    Kind kind = kindOf(node);
    unknown = isUnknown(problem.graph, node)
                  ? node
                  : findPiecewise(problem.graph, node);
    if (unknown)
      return;
    if (kind == Kind::Finite)
      tests.push_back(node);
    if (isWhole(kind) || kind == Kind::Finite)
      continue;
    // A mask that is constant selects the same at every input.
    if (kind == Kind::Select &&
        !problem.graph.dependsOnInput(node.getInputs()[0]))
      continue;
    if (auto test = node.getInputs()[0].getDefiningOp<onnx::NodeOp>();
        test && kind == Kind::Select && kindOf(test) == Kind::Finite)
      continue;
    // An extremum of one operand is that operand.
    if (kind == Kind::Extremum && node.getInputs().size() < 2)
      continue;
    size_t branches = kind == Kind::Extremum  ? node.getInputs().size()
                      : kind == Kind::Reduced ? reducedPositions(problem, node)
                      : kind == Kind::Bounds  ? 3
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

// A position along the reduced axes decides where it alone has the result.
void Branches::observeReduced(Node &node, ArrayRef<Tensor> operands,
                              const Tensor &result) {
  const Tensor &x = operands[0];
  ArrayRef<int64_t> shape = x.getShape();
  SmallVector<bool> reduced(shape.size(), true);
  SmallVector<int64_t> axes;
  if (operands.size() > 1 && !operands[1].isNull())
    llvm::append_range(axes, operands[1].ints());
  else if (auto attribute = node.op.getInts("axes"))
    llvm::append_range(axes, *attribute);
  if (!axes.empty())
    reduced.assign(shape.size(), false);
  for (int64_t axis : axes)
    if (auto place = normalizeAxis(axis, shape.size()))
      reduced[*place] = true;
  // Strides into the result and into the positions.
  SmallVector<int64_t> outer(shape.size(), 0), inner(shape.size(), 0);
  int64_t left = 1, positions = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    (reduced[d] ? inner : outer)[d] = reduced[d] ? positions : left;
    (reduced[d] ? positions : left) *= shape[d];
  }
  if (left != result.getNumElements() ||
      positions != int64_t(node.taken.size()))
    return;
  constexpr int64_t kNone = -1, kMany = -2;
  SmallVector<int64_t> deciding(left, kNone);
  int64_t next = 0;
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    int64_t at = linearize(index, outer);
    if (x.at(next++) == result.at(at))
      deciding[at] = deciding[at] == kNone ? linearize(index, inner) : kMany;
  });
  for (int64_t position : deciding)
    if (position >= 0)
      node.taken[position] = true;
}

void Branches::observe(Evaluator &evaluator) {
  llvm::erase_if(tests, [&](onnx::NodeOp test) {
    FailureOr<Tensor> found = evaluator.get(test->getResult(0));
    return succeeded(found) &&
           llvm::any_of(found->ints(), [](int64_t value) { return value; });
  });
  for (Node &node : nodes) {
    if (llvm::all_of(node.taken, [](bool taken) { return taken; }))
      continue;
    SmallVector<Tensor> operands;
    for (Value operand : node.op.getInputs()) {
      FailureOr<Tensor> value =
          isa<NoneType>(operand.getType()) ? Tensor() : evaluator.get(operand);
      if (failed(value))
        return;
      operands.push_back(*value);
    }
    FailureOr<Tensor> result = evaluator.get(node.op->getResult(0));
    if (failed(result))
      return;
    switch (kindOf(node.op)) {
    case Kind::Analytic:
    case Kind::Movement:
    case Kind::Conversion:
    case Kind::Finite:
    case Kind::Unknown:
      break;
    case Kind::Sign:
      for (int64_t i = 0, e = operands[0].getNumElements(); i < e; ++i)
        if (operands[0].at(i) != 0)
          node.taken[operands[0].at(i) > 0] = true;
      break;
    case Kind::Extremum:
      observeExtremum(node, operands, *result);
      break;
    case Kind::Reduced:
      observeReduced(node, operands, *result);
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

void Branches::forget(onnx::NodeOp op) {
  llvm::erase_if(nodes, [&](const Node &node) { return node.op == op; });
}

onnx::NodeOp Branches::findUntaken(const Mixer &mixer) const {
  for (const Node &node : nodes)
    if (!llvm::all_of(node.taken, [](bool taken) { return taken; }) &&
        !mixer.keepsNode(node.op))
      return node.op;
  return nullptr;
}

} // namespace ssmc
