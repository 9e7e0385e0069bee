//===- Simplify.cpp - pass onnx-simplify ----------------------------------===//
//
// One spelling for what exporters spell in several ways (Spellings.cpp), and
// transposes where they cancel: a Transpose is moved behind the elementwise
// nodes, Split, Slice and Concat that read it, never making more of them unless
// a Split has more parts, until it meets one that undoes it. Around mixers
// sequences so end up batch x time x channels. One walk in order.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Passes.h"
#include "lib/Fold/ShapeInference.h"
#include "lib/Fold/Spellings.h"
#include "lib/Operators/Indexing.h"
#include "llvm/ADT/StringSet.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXSIMPLIFY
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
class Simplifier {
public:
  explicit Simplifier(MLIRContext *context) : b(context) {}
  void run(Block &block);

private:
  bool sinkTranspose(onnx::NodeOp node);
  bool sinkReshape(onnx::NodeOp node);
  bool sinkThroughElementwise(onnx::NodeOp node, ArrayRef<int64_t> perm);
  bool sinkThroughSplit(onnx::NodeOp node, ArrayRef<int64_t> perm);
  bool sinkThroughSlice(onnx::NodeOp node, ArrayRef<int64_t> perm);
  bool sinkThroughConcat(onnx::NodeOp node, ArrayRef<int64_t> perm);
  bool sinkThroughMatMul(onnx::NodeOp node, ArrayRef<int64_t> perm);
  Value untransposed(Value value, ArrayRef<int64_t> perm);
  onnx::NodeOp rebuild(onnx::NodeOp node, ValueRange inputs,
                       DictionaryAttr attrs);
  void transposeResults(onnx::NodeOp from, onnx::NodeOp to,
                        ArrayRef<int64_t> perm);
  DictionaryAttr withInt(onnx::NodeOp node, StringRef name, int64_t value);

  OpBuilder b;
};
} // namespace

//===----------------------------------------------------------------------===//
// Transposes
//===----------------------------------------------------------------------===//

onnx::NodeOp Simplifier::rebuild(onnx::NodeOp node, ValueRange inputs,
                                 DictionaryAttr attrs) {
  b.setInsertionPoint(node);
  SmallVector<Type> types(node->getNumResults(),
                          onnx::UnknownType::get(b.getContext()));
  return onnx::NodeOp::create(b, node.getLoc(), types, inputs,
                              node.getOpTypeAttr(), node.getDomainAttr(),
                              b.getI64IntegerAttr(node.getVersion()), attrs, 0);
}

void Simplifier::transposeResults(onnx::NodeOp from, onnx::NodeOp to,
                                  ArrayRef<int64_t> perm) {
  auto attrs =
      b.getDictionaryAttr(b.getNamedAttr("perm", b.getDenseI64ArrayAttr(perm)));
  for (auto [old, result] : llvm::zip(from->getResults(), to->getResults()))
    old.replaceAllUsesWith(
        makeNode(b, from, "Transpose", result, old.getType(), attrs)
            ->getResult(0));
}

DictionaryAttr Simplifier::withInt(onnx::NodeOp node, StringRef name,
                                   int64_t value) {
  NamedAttrList attrs(node.getAttrs());
  attrs.set(name, b.getI64IntegerAttr(value));
  return attrs.getDictionary(b.getContext());
}

// An operand of an elementwise node as it is before the Transpose `perm`: the
// input of such a Transpose, or a constant permuted back. Null where it is
// neither.
Value Simplifier::untransposed(Value value, ArrayRef<int64_t> perm) {
  if (auto transpose = definingNode(value, "Transpose")) {
    if (ArrayRef<int64_t>(transposePermutation(transpose)) == perm)
      return transpose.getInputs()[0];
    return {};
  }
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return {};
  ElementsAttr attr = constant.getValue();
  if (attr.getNumElements() == 1 &&
      attr.getShapedType().getRank() <= static_cast<int64_t>(perm.size()))
    return value;
  if (attr.getNumElements() > 16384 ||
      attr.getShapedType().getRank() > static_cast<int64_t>(perm.size()))
    return {};
  FailureOr<Tensor> tensor = Tensor::fromAttr(attr);
  if (failed(tensor))
    return {};
  SmallVector<int64_t> shape(tensor->getShape());
  shape.insert(shape.begin(), perm.size() - shape.size(), 1);
  // Dimension i of the value is dimension perm[i] before.
  SmallVector<int64_t> before(perm.size()), strides = rowMajorStrides(shape);
  SmallVector<int64_t> beforeStrides(perm.size());
  for (auto [i, d] : llvm::enumerate(perm)) {
    before[d] = shape[i];
    beforeStrides[d] = strides[i];
  }
  Tensor result(tensor->getElementType(), before);
  int64_t i = 0;
  forEachIndex(before, [&](ArrayRef<int64_t> index) {
    int64_t from = linearize(index, beforeStrides);
    if (tensor->isFloat())
      result.mutableFloats()[i++] = tensor->floats()[from];
    else
      result.mutableInts()[i++] = tensor->ints()[from];
  });
  b.setInsertionPoint(constant);
  return onnx::ConstantOp::create(b, constant.getLoc(), result.toAttr());
}

bool Simplifier::sinkThroughElementwise(onnx::NodeOp node,
                                        ArrayRef<int64_t> perm) {
  // All that is transposed has the full rank: no operand is aligned elsewhere.
  SmallVector<Value> inputs;
  for (Value input : node.getInputs()) {
    if (isa<NoneType>(input.getType())) {
      inputs.push_back(input);
      continue;
    }
    Value before = untransposed(input, perm);
    if (!before)
      return false;
    inputs.push_back(before);
  }
  transposeResults(node, rebuild(node, inputs, node.getAttrs()), perm);
  return true;
}

bool Simplifier::sinkThroughSplit(onnx::NodeOp node, ArrayRef<int64_t> perm) {
  auto axis = normalizeAxis(node.getInt("axis", 0), perm.size());
  if (!axis)
    return false;
  SmallVector<Value> inputs(node.getInputs());
  inputs[0] = untransposed(inputs[0], perm);
  transposeResults(
      node, rebuild(node, inputs, withInt(node, "axis", perm[*axis])), perm);
  return true;
}

bool Simplifier::sinkThroughSlice(onnx::NodeOp node, ArrayRef<int64_t> perm) {
  if (!node.hasInput(3))
    return false;
  auto constant = node.getInputs()[3].getDefiningOp<onnx::ConstantOp>();
  if (!constant || constant.getValue().getNumElements() > 64)
    return false;
  FailureOr<Tensor> axes = Tensor::fromAttr(constant.getValue());
  if (failed(axes) || axes->isFloat())
    return false;
  for (int64_t &axis : axes->mutableInts()) {
    auto normal = normalizeAxis(axis, perm.size());
    if (!normal)
      return false;
    axis = perm[*normal];
  }
  SmallVector<Value> inputs(node.getInputs());
  inputs[0] = untransposed(inputs[0], perm);
  b.setInsertionPoint(node);
  inputs[3] = onnx::ConstantOp::create(b, node.getLoc(), axes->toAttr());
  transposeResults(node, rebuild(node, inputs, node.getAttrs()), perm);
  return true;
}

bool Simplifier::sinkThroughConcat(onnx::NodeOp node, ArrayRef<int64_t> perm) {
  auto axis = normalizeAxis(node.getInt("axis", 0), perm.size());
  SmallVector<Value> inputs;
  for (Value input : node.getInputs()) {
    auto transpose = definingNode(input, "Transpose");
    Value before = transpose ? untransposed(input, perm) : Value();
    if (!axis || !before)
      return false;
    inputs.push_back(before);
  }
  transposeResults(
      node, rebuild(node, inputs, withInt(node, "axis", perm[*axis])), perm);
  return true;
}

// W x^T = (x W^T)^T for a constant matrix W, whose transposition costs nothing:
// weights are laid out anew when they are packed.
bool Simplifier::sinkThroughMatMul(onnx::NodeOp node, ArrayRef<int64_t> perm) {
  Value w = node.getInputs()[0], x = node.getInputs()[1];
  auto type = dyn_cast<RankedTensorType>(w.getType());
  if (!type || type.getRank() != 2 || !w.getDefiningOp<onnx::ConstantOp>() ||
      !definingNode(x, "Transpose"))
    return false;
  auto swap = llvm::to_vector(llvm::seq<int64_t>(0, perm.size()));
  std::swap(swap[perm.size() - 1], swap[perm.size() - 2]);
  if (ArrayRef<int64_t>(swap) != perm)
    return false;
  auto attrs = b.getDictionaryAttr(
      b.getNamedAttr("perm", b.getDenseI64ArrayAttr({1, 0})));
  Value transposed = makeNode(b, node, "Transpose", w,
                              onnx::UnknownType::get(b.getContext()), attrs)
                         ->getResult(0);
  transposeResults(
      node, rebuild(node, {untransposed(x, perm), transposed}, node.getAttrs()),
      perm);
  return true;
}

bool Simplifier::sinkTranspose(onnx::NodeOp node) {
  static const llvm::StringSet<> elementwise = {"Abs",
                                                "Add",
                                                "And",
                                                "Cast",
                                                "Clip",
                                                "Cos",
                                                "Div",
                                                "Equal",
                                                "Erf",
                                                "Exp",
                                                "Gelu",
                                                "Greater",
                                                "GreaterOrEqual",
                                                "Less",
                                                "LessOrEqual",
                                                "Log",
                                                "Max",
                                                "Min",
                                                "Mul",
                                                "Neg",
                                                "Not",
                                                "Or",
                                                "Pow",
                                                "Reciprocal",
                                                "Relu",
                                                "Sigmoid",
                                                "Sign",
                                                "Sin",
                                                "Softplus",
                                                "Sqrt",
                                                "Sub",
                                                "Tanh",
                                                "Where"};
  if (!node.getDomain().empty() || node->getNumRegions() != 0)
    return false;
  SmallVector<int64_t> perm;
  for (Value input : node.getInputs()) {
    auto transpose = definingNode(input, "Transpose");
    if (!transpose)
      continue;
    // Where others read it too, moving it would double it; but pieces of it
    // are together no more than the whole.
    bool isSlice = node.getOpType() == "Slice";
    if (!llvm::all_of(input.getUsers(), [&](Operation *user) {
          auto other = dyn_cast<onnx::NodeOp>(user);
          return user == node ||
                 (isSlice && other && other.getOpType() == "Slice");
        }))
      return false;
    perm = transposePermutation(transpose);
    break;
  }
  if (perm.empty())
    return false;
  StringRef type = node.getOpType();
  if (elementwise.contains(type))
    return sinkThroughElementwise(node, perm);
  bool first =
      static_cast<bool>(definingNode(node.getInputs()[0], "Transpose"));
  if (type == "Split" && first)
    return sinkThroughSplit(node, perm);
  if (type == "Slice" && first)
    return sinkThroughSlice(node, perm);
  if (type == "MatMul" && perm.size() >= 2)
    return sinkThroughMatMul(node, perm);
  return type == "Concat" && sinkThroughConcat(node, perm);
}

// f(Reshape(x)) is Reshape(f(x)): what cuts an axis, of time into chunks say,
// moves behind what is done to each element, alone or with a number.
bool Simplifier::sinkReshape(onnx::NodeOp node) {
  static const llvm::StringSet<> elementwise = {
      "Abs", "Cos",  "Exp",  "Log",        "Neg",  "Relu",    "Sin",
      "Add", "Sub",  "Mul",  "Div",        "Max",  "Min",     "Pow",
      "Erf", "Sqrt", "Tanh", "Reciprocal", "Clip", "Sigmoid", "Softplus"};
  auto to = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  if (!elementwise.contains(node.getOpType()) || !to)
    return false;
  onnx::NodeOp reshape;
  SmallVector<Value> inputs(node.getInputs());
  RankedTensorType from;
  for (Value &input : inputs) {
    if (isa<NoneType>(input.getType()))
      continue;
    auto constant = input.getDefiningOp<onnx::ConstantOp>();
    if (constant && constant.getValue().getNumElements() == 1 &&
        constant.getValue().getShapedType().getRank() <= 1)
      continue;
    if (reshape)
      return false;
    reshape = definingNode(input, "Reshape");
    from = reshape
               ? dyn_cast<RankedTensorType>(reshape.getInputs()[0].getType())
               : RankedTensorType();
    if (!from || from.getElementType() != to.getElementType() ||
        from.getRank() == 0 || from.getRank() >= to.getRank())
      return false;
    input = reshape.getInputs()[0];
  }
  if (!reshape)
    return false;
  onnx::NodeOp moved =
      makeNode(b, node, node.getOpType(), inputs, from, node.getAttrs());
  Value computed = moved->getResult(0);
  if (Value same = respell(moved, b)) {
    computed = same;
    moved.erase();
  }
  Value cut = makeNode(b, node, "Reshape", {computed, reshape.getInputs()[1]},
                       to, reshape.getAttrs())
                  ->getResult(0);
  node->getResult(0).replaceAllUsesWith(cut);
  return true;
}

void Simplifier::run(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    for (Region &region : op.getRegions())
      for (Block &body : region)
        run(body);
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || node.getInputs().empty())
      continue;
    if (Value same = respell(node, b)) {
      node->getResult(0).replaceAllUsesWith(same);
      node.erase();
      continue;
    }
    if (sinkTranspose(node) || sinkReshape(node) || mergeWithProducer(node, b))
      node.erase();
  }
}

namespace {
struct Simplify : ssmc::impl::OnnxSimplifyBase<Simplify> {
  using OnnxSimplifyBase::OnnxSimplifyBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal())
        continue;
      Block &body = function.getBody().front();
      Simplifier(&getContext()).run(body);
      eraseDead(body);
      ShapeInference inference(module);
      if (failed(inference.run(function)))
        return signalPassFailure();
    }
  }
};
} // namespace
