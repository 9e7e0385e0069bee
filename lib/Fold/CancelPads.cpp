//===- CancelPads.cpp - pass onnx-cancel-pads -----------------------------===//
//
// Chunked mixers complete the sequence to a multiple of their chunk, and what
// stands beside them - a skip, a gate - is often written on the padded sequence
// before its end is cut off again:
//
//   Slice(mixer(Pad(x)) + d * Pad(x)) = Slice(mixer(Pad(x))) + d * x
//
// A Slice that keeps what a Pad began with is moved in front of the elementwise
// nodes between them. Where it meets the Pad both are gone; on the other
// branches it stays, so that the mixer alone is what lies between paddings and
// cuts. It is moved only where some branch ends in such a Pad.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Passes.h"
#include "lib/Fold/Rewrites.h"
#include "lib/Fold/ShapeInference.h"
#include "lib/Operators/Indexing.h"
#include "llvm/ADT/StringSet.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXCANCELPADS
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
/// How far a Slice is from the Pad at most.
constexpr unsigned kMostNodes = 16;

/// Keeps the first elements of one axis, which is counted from the back.
struct Cut {
  onnx::NodeOp slice;
  int64_t fromBack;
  AffineExpr extent; // of what is kept
};

class PadCanceller {
public:
  explicit PadCanceller(ModuleOp module)
      : b(module.getContext()), inference(module) {}
  LogicalResult run(func::FuncOp function);

private:
  std::optional<Cut> readCut(onnx::NodeOp node) const;
  /// The extent of the axis that is cut; null where the value has none.
  AffineExpr extentOf(Value value, const Cut &cut) const;
  bool allZero(ArrayRef<AffineExpr> elements) const;
  /// What a Pad completes where the cut takes off just that; null if not so.
  Value padded(onnx::NodeOp pad, const Cut &cut) const;
  /// Whether cutting `value` off meets a Pad behind at most `limit` nodes.
  bool meetsPad(Value value, const Cut &cut, unsigned limit) const;
  /// The value without what is cut off.
  Value lift(Value value, const Cut &cut);

  OpBuilder b;
  ShapeInference inference;
};
} // namespace

static bool isElementwise(Operation *op) {
  static const llvm::StringSet<> names = {
      "Abs",        "Add",  "And",     "Cast",    "Clip",     "Div",
      "Equal",      "Erf",  "Exp",     "Greater", "Less",     "Log",
      "Max",        "Min",  "Mul",     "Neg",     "Not",      "Or",
      "Pow",        "Relu", "Sigmoid", "Sign",    "Sin",      "Cos",
      "Softplus",   "Sqrt", "Sub",     "Tanh",    "Where",    "Gelu",
      "Reciprocal", "Elu",  "Xor",     "Swish",   "Identity", "Softsign"};
  auto node = dyn_cast_or_null<onnx::NodeOp>(op);
  return node && node.getDomain().empty() && node->getNumResults() == 1 &&
         names.contains(node.getOpType());
}

std::optional<Cut> PadCanceller::readCut(onnx::NodeOp node) const {
  if (node.getOpType() != "Slice" || !node.getDomain().empty() ||
      !node.hasInput(3))
    return std::nullopt;
  auto one = [&](unsigned input) -> std::optional<int64_t> {
    auto elements = inference.elementsOf(node.getInputs()[input]);
    if (!elements || elements->size() != 1)
      return std::nullopt;
    return constantExtent((*elements)[0]);
  };
  const ValueShape *from = inference.shapeOf(node.getInputs()[0]),
                   *to = inference.shapeOf(node->getResult(0));
  std::optional<int64_t> start = one(1), axis = one(3);
  if (!from || !to || start != 0 || !axis || (node.hasInput(4) && one(4) != 1))
    return std::nullopt;
  int64_t rank = from->dims.size();
  std::optional<int64_t> normal = normalizeAxis(*axis, rank);
  if (!normal)
    return std::nullopt;
  return Cut{node, rank - *normal, to->dims[*normal]};
}

AffineExpr PadCanceller::extentOf(Value value, const Cut &cut) const {
  const ValueShape *shape = inference.shapeOf(value);
  if (!shape || int64_t(shape->dims.size()) < cut.fromBack)
    return {};
  return shape->dims[shape->dims.size() - cut.fromBack];
}

bool PadCanceller::allZero(ArrayRef<AffineExpr> elements) const {
  return llvm::all_of(elements, [](AffineExpr element) {
    return element && constantExtent(element) == 0;
  });
}

Value PadCanceller::padded(onnx::NodeOp pad, const Cut &cut) const {
  Value data = pad.getInputs()[0];
  const ValueShape *shape = inference.shapeOf(data);
  if (!shape || !pad.hasInput(1) || extentOf(data, cut) != cut.extent)
    return {};
  auto amounts = inference.elementsOf(pad.getInputs()[1]);
  int64_t rank = shape->dims.size(), at = rank - cut.fromBack;
  std::optional<ArrayRef<AffineExpr>> axes;
  if (pad.hasInput(3) && !(axes = inference.elementsOf(pad.getInputs()[3])))
    return {};
  size_t count = axes ? axes->size() : rank;
  if (!amounts || amounts->size() != 2 * count ||
      !allZero(amounts->take_front(count)))
    return {};
  for (size_t i = 0; i < count; ++i) {
    std::optional<int64_t> axis = i;
    if (axes) {
      std::optional<int64_t> number = constantExtent((*axes)[i]);
      axis = number ? normalizeAxis(*number, rank) : std::nullopt;
    }
    if (!axis || (*axis != at && !allZero((*amounts)[count + i])))
      return {};
  }
  return data;
}

bool PadCanceller::meetsPad(Value value, const Cut &cut, unsigned limit) const {
  Operation *op = value.getDefiningOp();
  if (auto pad = definingNode(value, "Pad"))
    return bool(padded(pad, cut));
  // What others read, too, would be computed twice.
  return limit > 0 && isElementwise(op) && value.hasOneUse() &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           return meetsPad(operand, cut, limit - 1);
         });
}

Value PadCanceller::lift(Value value, const Cut &cut) {
  AffineExpr extent = extentOf(value, cut);
  // Nothing to cut: no such axis, one that is repeated, or one as long.
  if (!extent || constantExtent(extent) == 1 || extent == cut.extent)
    return value;
  if (auto pad = definingNode(value, "Pad"))
    if (Value data = padded(pad, cut))
      return data;
  auto unknown = onnx::UnknownType::get(b.getContext());
  onnx::NodeOp slice = cut.slice;
  if (meetsPad(value, cut, kMostNodes)) {
    auto node = cast<onnx::NodeOp>(value.getDefiningOp());
    SmallVector<Value> operands;
    for (Value operand : node.getInputs())
      operands.push_back(isa<NoneType>(operand.getType()) ? operand
                                                          : lift(operand, cut));
    auto moved =
        makeNode(b, node, node.getOpType(), operands, unknown, node.getAttrs());
    moved->moveBefore(slice);
    return moved->getResult(0);
  }
  b.setInsertionPoint(slice);
  auto axis = DenseElementsAttr::get(RankedTensorType::get({1}, b.getI64Type()),
                                     -cut.fromBack);
  SmallVector<Value> inputs(slice.getInputs());
  inputs[0] = value;
  inputs[3] = onnx::ConstantOp::create(b, slice.getLoc(), axis);
  return makeNode(b, slice, "Slice", inputs, unknown, slice.getAttrs())
      ->getResult(0);
}

LogicalResult PadCanceller::run(func::FuncOp function) {
  if (failed(inference.run(function)))
    return failure();
  bool changed = false;
  for (auto slice : llvm::make_early_inc_range(
           function.getBody().front().getOps<onnx::NodeOp>())) {
    std::optional<Cut> cut = readCut(slice);
    if (!cut || !meetsPad(slice.getInputs()[0], *cut, kMostNodes))
      continue;
    slice->getResult(0).replaceAllUsesWith(lift(slice.getInputs()[0], *cut));
    changed = true;
  }
  if (!changed)
    return success();
  eraseDead(function.getBody().front());
  return ShapeInference(function->getParentOfType<ModuleOp>()).run(function);
}

namespace {
struct CancelPads : ssmc::impl::OnnxCancelPadsBase<CancelPads> {
  using OnnxCancelPadsBase::OnnxCancelPadsBase;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(PadCanceller(getOperation()).run(function)))
        return signalPassFailure();
  }
};
} // namespace
