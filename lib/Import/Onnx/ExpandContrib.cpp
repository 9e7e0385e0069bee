//===- ExpandContrib.cpp - pass onnx-expand-contrib -----------------------===//
//
// The gates around com.microsoft's LinearAttention are formulas of standard
// operators, all in f32:
//
//   LinearAttentionGate  decay = scale softplus(a + bias), beta = sigmoid(b)
//   GatedRMSNorm         x / sqrt(mean(x^2) + eps) w act(gate)
//
// where the mean is over groups of channels as long as w, and act is SiLU or a
// sigmoid. A function that the model brings for one has been inlined before.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxOps.h"
#include "lib/Import/Onnx/Passes.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXEXPANDCONTRIB
#include "lib/Import/Onnx/OnnxImportPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using mlir::onnx::NodeOp;

namespace {
/// Writes standard nodes in place of one.
class Expander {
public:
  Expander(NodeOp original, int64_t version)
      : original(original), b(original), version(version) {}
  /// True where the node was replaced.
  bool run();

private:
  Value node(StringRef op, ValueRange inputs,
             ArrayRef<NamedAttribute> attrs = {}) {
    return NodeOp::create(
               b, original.getLoc(),
               TypeRange{mlir::onnx::UnknownType::get(b.getContext())}, inputs,
               op, "", version, b.getDictionaryAttr(attrs), 0)
        ->getResult(0);
  }
  Value input(unsigned i) { return original.getInputs()[i]; }
  Value wide(Value value) {
    constexpr int64_t kFloat = 1;
    return node("Cast", value,
                b.getNamedAttr("to", b.getI64IntegerAttr(kFloat)));
  }
  bool hasInputs(unsigned least, unsigned most) {
    unsigned count = original.getInputs().size();
    for (unsigned i = 0; i < least; ++i)
      if (!original.hasInput(i))
        return false;
    return count <= most;
  }
  bool expandGate();
  bool expandNorm();
  Value meanOfLast(Value value);

  NodeOp original;
  OpBuilder b;
  int64_t version;
};
} // namespace

bool Expander::expandGate() {
  bool rates =
      original->getNumResults() > 1 && !original->getResult(1).use_empty();
  if (!hasInputs(3, 4) || original->getNumResults() > 2 ||
      (rates && !original.hasInput(3)))
    return false;
  Value sum = node("Add", {wide(input(0)), wide(input(1))});
  Value decay = node("Mul", {wide(input(2)), node("Softplus", sum)});
  original->getResult(0).replaceAllUsesWith(
      node("CastLike", {decay, input(0)}));
  if (rates)
    original->getResult(1).replaceAllUsesWith(
        node("CastLike", {node("Sigmoid", wide(input(3))), input(3)}));
  return true;
}

Value Expander::meanOfLast(Value value) {
  if (version < 18)
    return node("ReduceMean", value,
                b.getNamedAttr("axes", b.getDenseI64ArrayAttr({-1})));
  Value axes = mlir::onnx::ConstantOp::create(b, original.getLoc(),
                                              b.getI64TensorAttr({-1}));
  return node("ReduceMean", {value, axes});
}

bool Expander::expandNorm() {
  StringRef activation = original.getString("activation", "silu");
  if (!hasInputs(3, 3) || original->getNumResults() != 1 ||
      (activation != "silu" && activation != "swish" &&
       activation != "sigmoid"))
    return false;
  Value any = mlir::onnx::ConstantOp::create(b, original.getLoc(),
                                             b.getI64TensorAttr({-1}));
  Value rows = node("Concat", {any, node("Shape", input(1))},
                    b.getNamedAttr("axis", b.getI64IntegerAttr(0)));
  Value x = node("Reshape", {wide(input(0)), rows});
  Value gate = wide(input(2)), act = node("Sigmoid", gate);
  if (activation != "sigmoid")
    act = node("Mul", {gate, act});
  auto scalar = RankedTensorType::get({}, b.getF32Type());
  Value epsilon = mlir::onnx::ConstantOp::create(
      b, original.getLoc(),
      DenseElementsAttr::get(scalar,
                             float(original.getFloat("epsilon", 1e-5))));
  Value mean = meanOfLast(node("Mul", {x, x}));
  Value size = node("Sqrt", node("Add", {mean, epsilon}));
  Value y = node("Mul", {node("Div", {x, size}), wide(input(1))});
  y = node("Reshape", {y, node("Shape", input(0))});
  original->getResult(0).replaceAllUsesWith(
      node("CastLike", {node("Mul", {y, act}), input(0)}));
  return true;
}

bool Expander::run() {
  bool done = false;
  if (original.getOpType() == "LinearAttentionGate")
    done = expandGate();
  else if (original.getOpType() == "GatedRMSNorm")
    done = expandNorm();
  if (done)
    original->erase();
  return done;
}

namespace {
struct ExpandContrib : ssmc::impl::OnnxExpandContribBase<ExpandContrib> {
  void runOnOperation() override {
    auto opsets =
        getOperation()->getAttrOfType<DictionaryAttr>(mlir::onnx::kOpsetsAttr);
    auto version = opsets ? opsets.getAs<IntegerAttr>("ai.onnx") : nullptr;
    // CastLike is of operator set 15.
    if (!version || version.getInt() < 15)
      return;
    SmallVector<NodeOp> nodes;
    getOperation().walk([&](NodeOp node) {
      if (node.getDomain() == "com.microsoft" &&
          !node->hasAttr(mlir::onnx::kFunctionAttr))
        nodes.push_back(node);
    });
    for (NodeOp node : nodes)
      Expander(node, version.getInt()).run();
  }
};
} // namespace
