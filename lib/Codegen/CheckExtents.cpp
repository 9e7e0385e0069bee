//===- CheckExtents.cpp - extents that meet are equal ---------------------===//
//
// Linalg leaves undefined what happens where the extents of operands differ.
// Inference makes one symbol of the inputs' extents that must be equal, but
// some are decided by the data. So wherever two extents meet in a linalg op, an
// ssm op or an op that forms a tensor of others
//
//   linalg.generic ins(%x : tensor<?xf32>) outs(%y : tensor<5xf32>)
//
// and affine arithmetic does not show that they are equal, they are compared
// in front of the op:
//
//   %same = arith.cmpi eq, %n, %c5
//   cf.assert %same, "node 'add' (Add): ..."
//
// The extents themselves are followed to where they were made
// (ExtentTracker.h); what a step yields is compared with its states. Arithmetic
// on tensors has to be linalg already (`convert-elementwise-to-linalg`). Slices
// and elements are kept within their data likewise, but for elements that the
// body of a linalg op reads: there, lowerings clamp. A map that is no loop
// alone is bounded over all iterations (ExprRange.h), or refused. Not used is
// `generate-runtime-verification`: it asserts everything for each op anew.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/onnx/OnnxOps.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/ExprRange.h"
#include "lib/Codegen/ExtentTracker.h"
#include "lib/Codegen/HoistAssertion.h"
#include "lib/Codegen/StepValues.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMCHECKEXTENTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

class Checker : ExtentTracker {
public:
  using ExtentTracker::ExtentTracker;
  LogicalResult run();

private:
  void require(OpFoldResult expected, OpFoldResult found);
  void remember(OpFoldResult a, OpFoldResult c);
  void requireWithin(Operation *op, AffineExpr place, OpFoldResult extent,
                     ArrayRef<OpFoldResult> trips);
  cf::AssertOp emit(Value holds, StringRef what);
  Value compare(arith::CmpIPredicate predicate, OpFoldResult lhs,
                OpFoldResult rhs);

  void check(Operation *op);
  void checkLinalg(linalg::LinalgOp op);
  void checkMixer(ssm::MixerOpInterface op);
  void checkStep(Operation *op);
  void checkYield(ssm::YieldOp op);
  void checkSlice(OffsetSizeAndStrideOpInterface op, Value whole);
  template <typename Insertion>
  void checkPart(Insertion op);
  void checkElement(Operation *op, Value whole, ValueRange indices);
  void checkConcat(tensor::ConcatOp op);
  void checkExpand(tensor::ExpandShapeOp op);
  void checkAssertion(cf::AssertOp op);
  void checkResults(func::ReturnOp op);

  LogicalResult result = success();
  /// Compared in the entry's block: known to be equal from there on.
  DenseSet<std::pair<void *, void *>> checked;
  Guards guards;
};

} // namespace

//===----------------------------------------------------------------------===//
// Assertions
//===----------------------------------------------------------------------===//

Value Checker::compare(arith::CmpIPredicate predicate, OpFoldResult lhs,
                       OpFoldResult rhs) {
  return arith::CmpIOp::create(b, loc, predicate,
                               getValueOrCreateConstantIndexOp(b, loc, lhs),
                               getValueOrCreateConstantIndexOp(b, loc, rhs));
}

cf::AssertOp Checker::emit(Value holds, StringRef what) {
  std::string node = onnx::describeNode(loc);
  return cf::AssertOp::create(b, loc, holds,
                              (node.empty() ? node : node + ": ") + what.str());
}

void Checker::require(OpFoldResult expected, OpFoldResult found) {
  if (expected == found ||
      checked.contains({expected.getOpaqueValue(), found.getOpaqueValue()}) ||
      difference(expected, found) == 0)
    return;
  // A number is what is expected, wherever it stands.
  if (getConstantIntValue(found))
    std::swap(expected, found);
  emit(compare(arith::CmpIPredicate::eq, found, expected),
       "extents that must be equal differ");
  remember(expected, found);
}

void Checker::remember(OpFoldResult a, OpFoldResult c) {
  if (b.getBlock() != &entry.getBody().front())
    return;
  checked.insert({a.getOpaqueValue(), c.getOpaqueValue()});
  checked.insert({c.getOpaqueValue(), a.getOpaqueValue()});
}

/// 0 <= place < extent for all iterations, unless one of the loops has none.
void Checker::requireWithin(Operation *op, AffineExpr place,
                            OpFoldResult extent, ArrayRef<OpFoldResult> trips) {
  std::optional<ExprRange> range = rangeOver(b, loc, place, trips);
  if (range && getConstantIntValue(range->least).value_or(-1) >= 0)
    if (std::optional<int64_t> beyond = difference(range->most, extent);
        beyond && *beyond < 0)
      return;
  if (!range || !range->isReached) {
    result = op->emitError("reads along an extent that is known only when the "
                           "model runs, at places that cannot be checked: ")
             << AffineMapAttr::get(AffineMap::get(trips.size(), 0, place))
             << "; slice the operand first";
    return;
  }
  Value holds = arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::slt, range->most, extent),
      compare(arith::CmpIPredicate::sge, range->least, b.getIndexAttr(0)));
  for (OpFoldResult count : trips)
    if (getConstantIntValue(count).value_or(0) <= 0)
      holds = arith::OrIOp::create(
          b, loc, holds,
          compare(arith::CmpIPredicate::sle, count, b.getIndexAttr(0)));
  emit(holds, "reads beyond an extent that the data decides");
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static bool isStatic(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return !shaped || (shaped.hasRank() && shaped.hasStaticShape());
}

void Checker::checkLinalg(linalg::LinalgOp op) {
  Extents loops(op.getNumLoops());
  SmallVector<OpOperand *> operands;
  for (OpOperand &init : op.getDpsInitsMutable())
    operands.push_back(&init);
  llvm::append_range(operands, op.getDpsInputOperands());
  llvm::erase_if(operands, [](OpOperand *operand) {
    return !isa<RankedTensorType>(operand->get().getType());
  });
  for (OpOperand *operand : operands)
    for (auto [d, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(operand).getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        continue;
      OpFoldResult extent = extentOf(operand->get(), d);
      OpFoldResult &known = loops[loop.getPosition()];
      if (!known)
        known = extent;
      else
        require(known, extent);
    }
  if (llvm::is_contained(loops, OpFoldResult()))
    return;
  for (OpOperand *operand : operands)
    for (auto [d, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(operand).getResults()))
      if (!isa<AffineDimExpr>(expr))
        requireWithin(op, expr, extentOf(operand->get(), d), loops);
}

void Checker::checkMixer(ssm::MixerOpInterface op) {
  checkStep(op);
  ssm::MixerShape shape = op.getMixerShape();
  Extents known(shape.extents.size());
  for (auto [value, operand] : llvm::zip(op->getOperands(), shape.operands)) {
    if (!isa<RankedTensorType>(value.getType()))
      continue;
    for (auto [d, extent] : llvm::enumerate(operand.dims)) {
      if (extent == ssm::MixerOperand::anyExtent)
        continue;
      OpFoldResult found = extentOf(value, d);
      if (!known[extent])
        known[extent] = found;
      else
        require(known[extent], found);
    }
  }
  for (ssm::MixerBound bound : shape.bounds) {
    OpFoldResult part = apply(b.getAffineSymbolExpr(0) * bound.times,
                              known[bound.part]),
                 whole = known[bound.whole];
    if (std::optional<int64_t> beyond = difference(part, whole);
        !beyond || *beyond > 0)
      emit(compare(arith::CmpIPredicate::sle, part, whole),
           (Twine(bound.times) + " * " + shape.extents[bound.part] +
            " is more than " + shape.extents[bound.whole] + " of its operands")
               .str());
  }
}

/// The extents that the arguments of a step state are those of its operands.
void Checker::checkStep(Operation *op) {
  if (op->getNumRegions() == 0)
    return;
  for (BlockArgument argument : op->getRegion(0).getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    auto from = stepArgument(op, argument.getArgNumber());
    for (int64_t d = 0; from && type && d < type.getRank(); ++d)
      if (!type.isDynamicDim(d))
        require(b.getIndexAttr(type.getDimSize(d)),
                extentOf(from->whole, from->dim(d)));
  }
}

/// What a step yields has the extents of the place that it goes to.
void Checker::checkYield(ssm::YieldOp op) {
  for (auto [i, value] : llvm::enumerate(op.getValues())) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    auto to = stepTarget(op->getParentOp(), i);
    for (int64_t d = 0; to && type && d < type.getRank(); ++d)
      require(extentOf(to->whole, to->dim(d)), extentOf(value, d));
  }
}

/// True if `offset` counts the trips of a loop from 0 up to `extent`.
static bool countsUpTo(OpFoldResult offset, OpFoldResult extent) {
  auto argument = dyn_cast_if_present<BlockArgument>(dyn_cast<Value>(offset));
  auto loop =
      argument
          ? dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp())
          : LoopLikeOpInterface();
  auto counters = loop ? loop.getLoopInductionVars() : std::nullopt;
  auto lower = loop ? loop.getLoopLowerBounds() : std::nullopt;
  auto upper = loop ? loop.getLoopUpperBounds() : std::nullopt;
  if (!counters || !lower || !upper)
    return false;
  for (auto [counter, from, to] : llvm::zip(*counters, *lower, *upper))
    if (counter == argument)
      return getConstantIntValue(from).value_or(-1) >= 0 &&
             isEqualConstantIntOrValue(to, extent);
  return false;
}

void Checker::checkSlice(OffsetSizeAndStrideOpInterface op, Value whole) {
  OpFoldResult zero = b.getIndexAttr(0);
  for (auto [d, offset, size, stride] : llvm::enumerate(
           op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides())) {
    OpFoldResult extent = extentOf(whole, d);
    AffineExpr s0, s1, s2;
    bindSymbols(b.getContext(), s0, s1, s2);
    std::optional<int64_t> begin = getConstantIntValue(offset),
                           count = getConstantIntValue(size);
    if (count == 0 || (count == 1 && countsUpTo(offset, extent)))
      continue;
    // The last element that is read.
    OpFoldResult last = apply(s0 + (s1 - 1) * s2, {offset, size, stride});
    std::optional<int64_t> beyond = difference(last, extent);
    if (begin && *begin >= 0 && beyond && *beyond < 0)
      continue;
    Value holds = compare(arith::CmpIPredicate::sge, offset, zero);
    holds = arith::AndIOp::create(
        b, loc, holds, compare(arith::CmpIPredicate::slt, last, extent));
    holds = arith::OrIOp::create(b, loc, holds,
                                 compare(arith::CmpIPredicate::eq, size, zero));
    holds = arith::AndIOp::create(
        b, loc, holds, compare(arith::CmpIPredicate::sge, size, zero));
    cf::AssertOp assertion =
        emit(holds, "a slice that the data decides is not within its tensor");
    guards[op].push_back(assertion);
    if (!isa<tensor::ExtractSliceOp>(op))
      hoistAssertion(assertion, guards);
  }
}

/// What is inserted has the extents of the place that it goes to.
template <typename Insertion>
void Checker::checkPart(Insertion op) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t d = 0;
  for (auto [i, size] : llvm::enumerate(op.getMixedSizes()))
    if (!dropped[i])
      require(size, extentOf(op.getSource(), d++));
}

void Checker::checkElement(Operation *op, Value whole, ValueRange indices) {
  for (auto [d, index] : llvm::enumerate(indices)) {
    OpFoldResult extent = extentOf(whole, d);
    std::optional<int64_t> at = getConstantIntValue(index);
    std::optional<int64_t> beyond = difference(index, extent);
    if ((at && *at >= 0 && beyond && *beyond < 0) || countsUpTo(index, extent))
      continue;
    // Without signs, a negative number is large.
    cf::AssertOp assertion =
        emit(compare(arith::CmpIPredicate::ult, index, extent),
             "an element that the data decides is not within its tensor");
    guards[op].push_back(assertion);
    if (isa<tensor::InsertOp>(op))
      hoistAssertion(assertion, guards);
  }
}

void Checker::checkConcat(tensor::ConcatOp op) {
  RankedTensorType type = op.getResultType();
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (d == static_cast<int64_t>(op.getDim()))
      continue;
    OpFoldResult expected =
        type.isDynamicDim(d) ? extentOf(op.getInputs().front(), d)
                             : OpFoldResult(b.getIndexAttr(type.getDimSize(d)));
    for (Value input : op.getInputs())
      require(expected, extentOf(input, d));
  }
}

void Checker::checkExpand(tensor::ExpandShapeOp op) {
  SmallVector<OpFoldResult> shape = op.getMixedOutputShape();
  for (auto [d, group] : llvm::enumerate(op.getReassociationIndices())) {
    Extents factors;
    for (int64_t to : group)
      factors.push_back(shape[to]);
    require(extentOf(op.getSrc(), d), product(factors));
  }
}

void Checker::checkResults(func::ReturnOp op) {
  for (auto [i, value] : llvm::enumerate(op.getOperands()))
    for (auto [d, extent] :
         llvm::enumerate(describe("outputs", i, value.getType())))
      require(extent, extentOf(value, d));
}

void Checker::check(Operation *op) {
  if (auto assertion = dyn_cast<cf::AssertOp>(op))
    return checkAssertion(assertion);
  // What is yielded may be static where its place is not; places in a tensor
  // may be decided by the data where its extents are not.
  if (!isa<ssm::YieldOp, OffsetSizeAndStrideOpInterface, tensor::ExtractOp,
           tensor::InsertOp>(op) &&
      llvm::all_of(op->getOperandTypes(), isStatic) &&
      llvm::all_of(op->getResultTypes(), isStatic))
    return;
  auto together = dyn_cast<scf::InParallelOp>(op->getParentOp());
  b.setInsertionPoint(together ? together : op);
  loc = op->getLoc();
  bool inBody = op->getParentOfType<linalg::LinalgOp>() != nullptr;
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](linalg::LinalgOp linalg) { checkLinalg(linalg); })
      .Case([&](ssm::MixerOpInterface mixer) { checkMixer(mixer); })
      .Case([&](ssm::YieldOp yield) { checkYield(yield); })
      .Case([&](tensor::ExtractSliceOp slice) {
        checkSlice(slice, slice.getSource());
      })
      .Case([&](tensor::InsertSliceOp slice) {
        checkSlice(slice, slice.getDest());
        checkPart(slice);
      })
      .Case([&](tensor::ParallelInsertSliceOp slice) {
        checkSlice(slice, slice.getDest());
        checkPart(slice);
      })
      .Case([&](tensor::ExtractOp element) {
        if (!inBody)
          checkElement(element, element.getTensor(), element.getIndices());
      })
      .Case([&](tensor::InsertOp element) {
        if (!inBody)
          checkElement(element, element.getDest(), element.getIndices());
      })
      .Case([&](tensor::ConcatOp concat) { checkConcat(concat); })
      .Case([&](tensor::ExpandShapeOp expand) { checkExpand(expand); })
      .Case([&](tensor::CastOp cast) {
        auto type = dyn_cast<RankedTensorType>(cast.getType());
        for (int64_t d = 0; type && d < type.getRank(); ++d)
          if (!type.isDynamicDim(d))
            require(b.getIndexAttr(type.getDimSize(d)),
                    extentOf(cast.getSource(), d));
      })
      .Case([&](func::ReturnOp op) { checkResults(op); });
}

/// An assertion that two extents are equal, made by a lowering.
void Checker::checkAssertion(cf::AssertOp op) {
  auto same = op.getArg().getDefiningOp<arith::CmpIOp>();
  if (!same || same.getPredicate() != arith::CmpIPredicate::eq ||
      !same.getLhs().getType().isIndex())
    return;
  b.setInsertionPoint(op);
  loc = op.getLoc();
  if (difference(same.getLhs(), same.getRhs()) == 0)
    op.erase();
  else
    remember(same.getLhs(), same.getRhs());
}

LogicalResult Checker::run() {
  start();
  SmallVector<Operation *> ops;
  entry.getBody().front().walk<WalkOrder::PreOrder>(
      [&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops)
    check(op);
  return result;
}

namespace {
struct CheckExtents : ssmc::impl::SsmCheckExtentsBase<CheckExtents> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isPrivate() && !func.isExternal() &&
          func.getBody().hasOneBlock() && failed(Checker(func).run()))
        return signalPassFailure();
  }
};
} // namespace
