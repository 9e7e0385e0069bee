//===- Rewrites.cpp - local rewrites of nodes -----------------------------===//

#include "lib/Fold/Rewrites.h"

#include "lib/Eval/Tensor.h"
#include "lib/Operators/Extents.h"

using namespace mlir;
using namespace ssmc;

onnx::NodeOp ssmc::definingNode(Value value, StringRef type) {
  auto node = value.getDefiningOp<onnx::NodeOp>();
  return node && node.getDomain().empty() && node.getOpType() == type ? node
                                                                      : nullptr;
}

onnx::NodeOp ssmc::makeNode(OpBuilder &b, onnx::NodeOp like, StringRef type,
                            ValueRange inputs, Type result,
                            DictionaryAttr attrs) {
  b.setInsertionPoint(like);
  return onnx::NodeOp::create(b, like.getLoc(), TypeRange{result}, inputs,
                              b.getStringAttr(type), b.getStringAttr(""),
                              b.getI64IntegerAttr(like.getVersion()),
                              attrs ? attrs : b.getDictionaryAttr({}), 0);
}

SmallVector<int64_t> ssmc::transposePermutation(onnx::NodeOp node) {
  if (auto given = node.getInts("perm"))
    return *given;
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  if (!type)
    return {};
  SmallVector<int64_t> perm;
  for (int64_t d = type.getRank(); d-- > 0;)
    perm.push_back(d);
  return perm;
}

static bool isIdentity(ArrayRef<int64_t> perm) {
  for (auto [i, d] : llvm::enumerate(perm))
    if (static_cast<int64_t>(i) != d)
      return false;
  return true;
}

// The integers of a constant operand.
static std::optional<SmallVector<int64_t>> constantInts(onnx::NodeOp node,
                                                        unsigned i) {
  if (!node.hasInput(i))
    return std::nullopt;
  auto constant = node.getInputs()[i].getDefiningOp<onnx::ConstantOp>();
  if (!constant || !constant.getValue().getElementType().isInteger() ||
      constant.getValue().getNumElements() > 64)
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
  if (failed(tensor))
    return std::nullopt;
  return SmallVector<int64_t>(tensor->ints());
}

static bool allEqual(onnx::NodeOp node, StringRef attr, unsigned input,
                     int64_t value, bool otherwise) {
  std::optional<SmallVector<int64_t>> ints = node.getInts(attr);
  if (!ints && !node.hasInput(input))
    return otherwise;
  if (!ints)
    ints = constantInts(node, input);
  return ints && llvm::all_of(*ints, [&](int64_t i) { return i == value; });
}

Value ssmc::foldToOperand(onnx::NodeOp node) {
  if (!node.getDomain().empty() || node.getInputs().empty() ||
      node->getNumResults() == 0)
    return {};
  StringRef op = node.getOpType();
  Value in = node.getInputs()[0];
  bool sameType = in.getType() == node->getResult(0).getType();
  // Types with symbols are equal only where the extents are equal.
  if (!sameType || !isa<RankedTensorType>(in.getType()))
    return {};
  if (op == "Identity" || op == "Cast" || op == "CastLike" || op == "Reshape" ||
      op == "Expand" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze")
    return in;
  if (op == "Concat" && node.getInputs().size() == 1)
    return in;
  if (op == "Dropout" &&
      (node->getNumResults() == 1 || node->getResult(1).use_empty()) &&
      !node.hasInput(2))
    return in;
  if (op == "Transpose" && isIdentity(transposePermutation(node)))
    return in;
  if (op == "Slice" && allEqual(node, "steps", 4, 1, true))
    return in;
  if (op == "Pad" && allEqual(node, "pads", 1, 0, false))
    return in;
  if (op == "Tile" && allEqual(node, "repeats", 1, 1, false))
    return in;
  return {};
}

// True if the shapes say that a Reshape keeps the number of elements: else that
// is asked of the data.
static bool keepsCount(onnx::NodeOp reshape) {
  auto from = dyn_cast<RankedTensorType>(reshape.getInputs()[0].getType()),
       to = dyn_cast<RankedTensorType>(reshape->getResult(0).getType());
  if (!from || !to)
    return false;
  auto before = typeExtents(from), after = typeExtents(to);
  return succeeded(before) && succeeded(after) &&
         equalProducts(*before, *after);
}

// Reshape(Reshape(x)) is Reshape(x): the target in extents of the result, so
// that it copies none of its input's.
static bool mergeReshapes(onnx::NodeOp node, OpBuilder &b) {
  auto inner = definingNode(node.getInputs()[0], "Reshape");
  auto type = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  if (!inner || !type || !keepsCount(inner) || !keepsCount(node) ||
      type.getNumDynamicDims() > 1 || llvm::is_contained(type.getShape(), 0))
    return false;
  SmallVector<int64_t> target;
  for (int64_t extent : type.getShape())
    target.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
  b.setInsertionPoint(node);
  auto shapeType = RankedTensorType::get(target.size(), b.getI64Type());
  Value shape = onnx::ConstantOp::create(
      b, node.getLoc(), DenseIntElementsAttr::get(shapeType, target));
  auto merged =
      makeNode(b, node, "Reshape", {inner.getInputs()[0], shape}, type);
  node->getResult(0).replaceAllUsesWith(merged->getResult(0));
  return true;
}

static bool mergeTransposes(onnx::NodeOp node, OpBuilder &b) {
  auto inner = definingNode(node.getInputs()[0], "Transpose");
  if (!inner)
    return false;
  SmallVector<int64_t> outer = transposePermutation(node),
                       first = transposePermutation(inner), merged;
  if (outer.size() != first.size())
    return false;
  for (int64_t d : outer)
    merged.push_back(first[d]);
  Value result = inner.getInputs()[0];
  if (!isIdentity(merged)) {
    auto attrs = b.getDictionaryAttr(
        b.getNamedAttr("perm", b.getDenseI64ArrayAttr(merged)));
    result = makeNode(b, node, "Transpose", result,
                      node->getResult(0).getType(), attrs)
                 ->getResult(0);
  }
  node->getResult(0).replaceAllUsesWith(result);
  return true;
}

// A Concat whose operands are Concats along the same axis joins their operands.
static bool mergeConcats(onnx::NodeOp node, OpBuilder &b) {
  auto type = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  if (!type)
    return false;
  auto axisOf = [&](onnx::NodeOp concat) {
    int64_t axis = concat.getInt("axis", 0);
    return axis < 0 ? axis + type.getRank() : axis;
  };
  SmallVector<Value> parts;
  for (Value input : node.getInputs()) {
    auto inner = definingNode(input, "Concat");
    // Where others read it too, it is computed anyway.
    if (inner && input.hasOneUse() && axisOf(inner) == axisOf(node))
      llvm::append_range(parts, inner.getInputs());
    else
      parts.push_back(input);
  }
  if (parts.size() == node.getInputs().size())
    return false;
  Value joined =
      makeNode(b, node, "Concat", parts, type, node.getAttrs())->getResult(0);
  node->getResult(0).replaceAllUsesWith(joined);
  return true;
}

bool ssmc::mergeWithProducer(onnx::NodeOp node, OpBuilder &b) {
  if (!node.getDomain().empty() || node.getInputs().empty())
    return false;
  if (node.getOpType() == "Reshape")
    return mergeReshapes(node, b);
  if (node.getOpType() == "Transpose")
    return mergeTransposes(node, b);
  if (node.getOpType() == "Concat")
    return mergeConcats(node, b);
  return false;
}

void ssmc::eraseDead(Block &block) {
  Operation *previous;
  // A branch that was taken is left empty.
  for (Operation *op = block.empty() ? nullptr : &block.back(); op;
       op = previous) {
    previous = op->getPrevNode();
    for (Region &region : op->getRegions())
      for (Block &body : region)
        eraseDead(body);
    if (isOpTriviallyDead(op))
      op->erase();
  }
}
