//===- EvaluateConstants.cpp - ssm-evaluate-constants ---------------------===//
//
// What constants alone decide is known when compiling. It is computed there
// where that spares more than reading a constant costs: exponentials, sums,
// mixers, and what only arranges their results. Copies of weights are not made,
// they are packed anyway; nor is what is too large to be kept, or takes too
// long to compute.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Eval/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMEVALUATECONSTANTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// 16 MB of f32; the evaluator takes a second or two for as many iterations.
constexpr int64_t maxElements = int64_t(1) << 22;
constexpr int64_t maxIterations = int64_t(1) << 26;

bool isSmall(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return type.isIntOrIndexOrFloat() ||
         (tensor && tensor.hasStaticShape() && !tensor.getEncoding() &&
          Tensor::fits(tensor.getShape()) &&
          tensor.getNumElements() <= maxElements);
}

int64_t countElements(ValueRange values) {
  int64_t count = 0;
  for (Value value : values)
    if (auto tensor = dyn_cast<RankedTensorType>(value.getType()))
      count += tensor.getNumElements();
  return count;
}

bool isShort(ArrayRef<int64_t> loops) {
  int64_t count = 1;
  for (int64_t extent : loops)
    if (ShapedType::isDynamic(extent) ||
        llvm::MulOverflow(count, extent, count))
      return false;
  return count <= maxIterations;
}

/// An upper bound of the loops of a mixer: all extents of its operands.
SmallVector<int64_t> extentsOf(ssm::MixerOpInterface op) {
  ssm::MixerShape shape = op.getMixerShape();
  SmallVector<int64_t> extents(shape.extents.size(), 1);
  for (auto [info, value] : llvm::zip(shape.operands, op->getOperands()))
    for (auto [extent, size] :
         llvm::zip(info.dims, cast<ShapedType>(value.getType()).getShape()))
      if (extent != ssm::MixerOperand::anyExtent)
        extents[extent] = size;
  return extents;
}

/// Whether an iteration costs more than its operands.
bool isCostly(Operation *op) {
  if (isa<ssm::MixerOpInterface>(op))
    return true;
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (!structured)
    return false;
  bool found = structured.getNumReductionLoops() > 0;
  op->walk([&](Operation *inner) {
    found |= isa<arith::DivFOp>(inner) ||
             isa<math::MathDialect>(inner->getDialect());
  });
  return found;
}

class Function {
public:
  explicit Function(func::FuncOp function) : function(function) {}
  void evaluate();

private:
  /// Whether the evaluator can compute the op from constants, and soon.
  bool isKnown(Operation *op);
  bool isWorthwhile(Operation *op);
  void replace(Operation *op);

  func::FuncOp function;
  llvm::DenseSet<Operation *> known;
  llvm::SetVector<Operation *> worthwhile;
  Evaluator evaluator;
};

} // namespace

bool Function::isKnown(Operation *op) {
  if (op->getNumResults() == 0 || !llvm::all_of(op->getResultTypes(), isSmall))
    return false;
  if (op->hasTrait<OpTrait::ConstantLike>())
    return true;
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    if (!isShort(structured.getStaticLoopRanges()))
      return false;
  } else if (auto mixer = dyn_cast<ssm::MixerOpInterface>(op)) {
    if (!isShort(extentsOf(mixer)))
      return false;
  } else if (!isa<tensor::TensorDialect>(op->getDialect()) || !isPure(op)) {
    return false;
  }
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  return llvm::all_of(
      used, [&](Value value) { return known.contains(value.getDefiningOp()); });
}

bool Function::isWorthwhile(Operation *op) {
  if (isCostly(op))
    return true;
  bool arranges = llvm::any_of(op->getOperands(), [&](Value operand) {
    return worthwhile.contains(operand.getDefiningOp());
  });
  ValueRange inputs = op->getOperands();
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    inputs = inputs.take_front(structured.getNumDpsInputs());
  return arranges && countElements(op->getResults()) <= countElements(inputs);
}

void Function::replace(Operation *op) {
  for (Value result : op->getResults()) {
    bool isRead = llvm::any_of(result.getUsers(), [&](Operation *user) {
      return !worthwhile.contains(user);
    });
    if (!isRead)
      continue;
    FailureOr<Tensor> value = evaluator.get(result);
    if (failed(value))
      return; // What the evaluator does not know is computed in every call.
    auto attr = dyn_cast_or_null<TypedAttr>(value->toAttr());
    if (!attr || attr.getType() != result.getType())
      return;
    OpBuilder b(op);
    result.replaceUsesWithIf(
        arith::ConstantOp::create(b, op->getLoc(), attr),
        [&](OpOperand &use) { return !worthwhile.contains(use.getOwner()); });
  }
}

void Function::evaluate() {
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op == function)
      return WalkResult::advance();
    if (isKnown(op)) {
      known.insert(op);
      if (isWorthwhile(op))
        worthwhile.insert(op);
    }
    // Bodies belong to their op.
    return isa<linalg::LinalgOp, ssm::MixerOpInterface>(op)
               ? WalkResult::skip()
               : WalkResult::advance();
  });
  for (Operation *op : worthwhile)
    replace(op);
}

namespace {
struct EvaluateConstants
    : ssmc::impl::SsmEvaluateConstantsBase<EvaluateConstants> {
  void runOnOperation() override { Function(getOperation()).evaluate(); }
};
} // namespace
