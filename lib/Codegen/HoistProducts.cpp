//===- HoistProducts.cpp - products out of the steps of a recurrence ------===//
//
// What a step computes from the sequences alone does not depend on the steps
// before: it can be computed for many steps at once, and a product with a
// weight should be: the weight then passes by once for all of them.
//
//   ssm.recurrence (x) { (x_t, h): p = x_t * W;  ... f(p, h) }
//     ->  for each block of time:  X = x * W
//           ssm.recurrence (x, X) { (x_t, X_t, h): ... f(X_t, h) }
//
// Blocks, because X is often larger than x and would otherwise go through
// memory; one has as many rows as let the product run at its full speed.
//
// A linalg op is lifted by one more parallel loop, over time, which is inserted
// into the maps of what varies with time. Its inputs are lifted before it;
// values that are the same in all steps are computed in front of the op. The
// time of a result stands where that of its first input stands, so that the
// leading dimensions of a product are those of its sequence.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMHOISTPRODUCTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;
namespace ssm = mlir::ssm;

namespace {

/// A value of every step: a tensor with time at dimension `axis`.
struct Sequence {
  Value tensor;
  int64_t axis;
  bool reversed;
};

class Lifting {
public:
  /// For products of `blockRows` rows, as far as there are so many.
  Lifting(ssm::RecurrenceOp op, int64_t blockRows)
      : op(op), b(op.getLoc(), op), blockRows(blockRows) {
    for (unsigned i = 0; i < op.getXs().size(); ++i)
      sequences[op.getStep().getArgument(i)] = {op.getXs()[i], op.getAxes()[i],
                                                op.isReversed(i)};
  }

  void run();

private:
  bool isInside(Value value) {
    return op->isAncestor(value.getParentRegion()->getParentOp());
  }
  Value hoist(Value value);
  bool hoistCaptures(Operation *source);
  std::optional<Sequence> lift(Value value);
  std::optional<Sequence> liftOp(linalg::LinalgOp product);
  Value liftDestination(Value init, RankedTensorType type, int64_t axis,
                        OpFoldResult length);
  ssm::RecurrenceOp replace(ArrayRef<OpResult> products);
  OpFoldResult countSteps(ssm::RecurrenceOp lifted);
  void divide(ssm::RecurrenceOp lifted);

  ssm::RecurrenceOp op;
  ImplicitLocOpBuilder b;
  int64_t blockRows;
  IRMapping hoisted;
  llvm::DenseMap<Value, std::optional<Sequence>> sequences;
  llvm::SmallPtrSet<Operation *, 8> made; // for all steps
  int64_t rows = 1; // of the products, in one step, as far as known
  bool areRowsKnown = true;
};

} // namespace

/// `value` in front of the op, if it is the same in all steps; or null.
Value Lifting::hoist(Value value) {
  if (!isInside(value))
    return value;
  if (Value known = hoisted.lookupOrNull(value))
    return known;
  Operation *source = value.getDefiningOp();
  if (!source || source->getBlock() != &op.getStep().front() ||
      !isMemoryEffectFree(source) || !isSpeculatable(source))
    return {};
  // The extents of a sequence are the same in all steps.
  if (auto dim = dyn_cast<tensor::DimOp>(source)) {
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    std::optional<int64_t> index = dim.getConstantIndex();
    if (argument && index && argument.getOwner() == source->getBlock() &&
        argument.getArgNumber() < op.getXs().size()) {
      const Sequence &x = *sequences[argument];
      Value extent =
          b.createOrFold<tensor::DimOp>(x.tensor, *index + (*index >= x.axis));
      hoisted.map(value, extent);
      return extent;
    }
  }
  if (!llvm::all_of(source->getOperands(),
                    [&](Value operand) { return hoist(operand); }) ||
      !hoistCaptures(source))
    return {};
  b.clone(*source, hoisted);
  return hoisted.lookup(value);
}

/// Whether what the regions of an op use from outside is the same in all steps.
bool Lifting::hoistCaptures(Operation *source) {
  bool same = true;
  visitUsedValuesDefinedAbove(source->getRegions(), [&](OpOperand *operand) {
    same = same && hoist(operand->get());
  });
  return same;
}

std::optional<Sequence> Lifting::lift(Value value) {
  auto [it, isNew] = sequences.try_emplace(value);
  if (!isNew)
    return it->second;
  auto source = value.getDefiningOp<linalg::LinalgOp>();
  if (!source || source->getBlock() != &op.getStep().front())
    return {};
  std::optional<Sequence> result = liftOp(source);
  sequences[value] = result;
  return result;
}

/// A destination for all steps, which holds what `init` holds in each.
Value Lifting::liftDestination(Value init, RankedTensorType type, int64_t axis,
                               OpFoldResult length) {
  Value one = hoist(init);
  if (!one)
    return {};
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), one);
  sizes.insert(sizes.begin() + axis, length);
  Value all = tensor::EmptyOp::create(b, sizes, type.getElementType());
  if (one.getDefiningOp<tensor::EmptyOp>())
    return all;
  Value scalar;
  SplatElementsAttr splat;
  if (auto fill = one.getDefiningOp<linalg::FillOp>())
    scalar = fill.getInputs()[0];
  else if (matchPattern(one, m_Constant(&splat)))
    scalar = arith::ConstantOp::create(b, splat.getSplatValue<TypedAttr>());
  Operation *same;
  if (scalar)
    same = linalg::FillOp::create(b, scalar, all);
  else
    same = linalg::BroadcastOp::create(b, one, all, axis);
  made.insert(same);
  return same->getResult(0);
}

std::optional<Sequence> Lifting::liftOp(linalg::LinalgOp source) {
  if (!source.hasPureTensorSemantics() || source->getNumResults() != 1 ||
      source.hasIndexSemantics() || !hoistCaptures(source))
    return {};
  MLIRContext *context = op.getContext();
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  std::optional<Sequence> first;
  AffineExpr time = getAffineDimExpr(0, context);
  for (OpOperand *input : source.getDpsInputOperands()) {
    AffineMap map = source.getMatchingIndexingMap(input).shiftDims(1);
    Value same = hoist(input->get());
    if (!same) {
      std::optional<Sequence> x = lift(input->get());
      if (!x || (first && first->reversed != x->reversed))
        return {};
      same = x->tensor;
      map = map.insertResult(time, x->axis);
      if (!first)
        first = x;
    }
    inputs.push_back(same);
    maps.push_back(map);
  }
  if (!first)
    return {};
  auto step = cast<RankedTensorType>(source->getResult(0).getType());
  int64_t axis = first->axis < step.getRank() ? first->axis : 0;
  OpFoldResult length =
      tensor::getMixedSize(b, b.getLoc(), first->tensor, first->axis);
  Value out = liftDestination(source.getDpsInits()[0], step, axis, length);
  if (!out)
    return {};
  maps.push_back(source.getIndexingMapsArray().back().shiftDims(1).insertResult(
      time, axis));
  SmallVector<utils::IteratorType> loops{utils::IteratorType::parallel};
  llvm::append_range(loops, source.getIteratorTypesArray());
  auto lifted = linalg::GenericOp::create(b, TypeRange(out.getType()), inputs,
                                          out, maps, loops);
  IRMapping mapping = hoisted;
  source->getRegion(0).cloneInto(&lifted.getRegion(), mapping);
  made.insert(lifted);
  return Sequence{lifted.getResult(0), axis, first->reversed};
}

void Lifting::run() {
  SmallVector<OpResult> products;
  for (Operation &nested : op.getStep().front()) {
    auto product = dyn_cast<linalg::LinalgOp>(nested);
    if (!product || !linalg::isaContractionOpInterface(product) ||
        product->getNumResults() != 1)
      continue;
    bool hasWeight = llvm::any_of(product.getDpsInputs(),
                                  [&](Value input) { return hoist(input); });
    if (!hasWeight || !lift(product->getResult(0)))
      continue;
    products.push_back(product->getResult(0));
    auto type = cast<RankedTensorType>(products.back().getType());
    int64_t known = 1;
    for (int64_t extent : type.getShape().drop_back()) {
      areRowsKnown &= !ShapedType::isDynamic(extent);
      known *= ShapedType::isDynamic(extent) ? 1 : std::max<int64_t>(extent, 1);
    }
    rows = std::max(rows, known);
  }
  if (!products.empty())
    divide(replace(products));
}

/// Makes sequences of the lifted products, in a new op.
ssm::RecurrenceOp Lifting::replace(ArrayRef<OpResult> products) {
  unsigned numXs = op.getXs().size();
  SmallVector<Value> xs(op.getXs());
  SmallVector<int64_t> axes(op.getAxes());
  SmallVector<bool> reverse;
  for (unsigned i = 0; i < axes.size(); ++i)
    reverse.push_back(op.isReversed(i));
  Block &body = op.getStep().front();
  for (auto [i, value] : llvm::enumerate(products)) {
    Value product = value;
    const Sequence &sequence = *sequences[product];
    xs.push_back(sequence.tensor);
    axes.insert(axes.begin() + numXs + i, sequence.axis);
    reverse.insert(reverse.begin() + numXs + i, sequence.reversed);
    BlockArgument slice =
        body.insertArgument(numXs + i, product.getType(), product.getLoc());
    product.replaceAllUsesWith(slice);
  }
  DenseBoolArrayAttr flags;
  if (op.getReverse())
    flags = b.getDenseBoolArrayAttr(reverse);
  auto replaced = ssm::RecurrenceOp::create(
      b, op.getResultTypes(), xs, op.getYs(), op.getStates(),
      b.getDenseI64ArrayAttr(axes), flags);
  replaced.getStep().takeBody(op.getStep());
  op.replaceAllUsesWith(replaced.getResults());
  op.erase();
  return replaced;
}

/// The steps of a block. Where only a run knows the rows of a step, those of a
/// sequence say how many.
OpFoldResult Lifting::countSteps(ssm::RecurrenceOp lifted) {
  OpFoldResult known = b.getIndexAttr(std::max<int64_t>(blockRows / rows, 1));
  if (areRowsKnown)
    return known;
  b.setInsertionPoint(lifted);
  Location loc = b.getLoc();
  AffineExpr product = b.getAffineConstantExpr(rows);
  SmallVector<OpFoldResult> extents;
  for (auto [x, axis] : llvm::zip(lifted.getXs(), lifted.getAxes())) {
    auto type = cast<RankedTensorType>(x.getType());
    for (int64_t d = 0; d + 1 < type.getRank(); ++d)
      if (d != axis && type.isDynamicDim(d)) {
        product = product * b.getAffineSymbolExpr(extents.size());
        extents.push_back(tensor::getMixedSize(b, loc, x, d));
      }
    if (!extents.empty())
      break;
  }
  auto floored = [&](AffineMap map, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineMax(b, loc, map, operands);
  };
  AffineExpr one = b.getAffineConstantExpr(1);
  MLIRContext *context = b.getContext();
  OpFoldResult all = floored(
      AffineMap::get(0, extents.size(), {product, one}, context), extents);
  AffineExpr count =
      b.getAffineConstantExpr(blockRows).floorDiv(b.getAffineSymbolExpr(0));
  return floored(AffineMap::get(0, 1, {count, one}, context), all);
}

/// Tiles time, with the lifted ops inside.
void Lifting::divide(ssm::RecurrenceOp lifted) {
  scf::SCFTileAndFuseOptions options;
  options.tilingOptions.setTileSizes(countSteps(lifted));
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer,
          bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        if (!made.contains(producer.getOwner()))
          return std::nullopt;
        return scf::SCFTileAndFuseOptions::ControlFnResult();
      });
  IRRewriter rewriter(lifted);
  FailureOr<scf::SCFTileAndFuseResult> tiled =
      scf::tileConsumerAndFuseProducersUsingSCF(
          rewriter, cast<TilingInterface>(lifted.getOperation()), options);
  if (failed(tiled))
    return;
  for (OpResult result : lifted->getResults())
    if (Value replacement = tiled->replacements.lookup(result))
      rewriter.replaceAllUsesWith(result, replacement);
  // A part of nothing is nothing, of its own size.
  for (Operation *tile : tiled->tiledAndFusedOps)
    for (OpOperand &operand : tile->getOpOperands()) {
      auto slice = operand.get().getDefiningOp<tensor::ExtractSliceOp>();
      if (!slice || !slice.getSource().getDefiningOp<tensor::EmptyOp>() ||
          slice.getType().getRank() != slice.getSourceType().getRank())
        continue;
      rewriter.setInsertionPoint(tile);
      operand.set(tensor::EmptyOp::create(rewriter, tile->getLoc(),
                                          slice.getMixedSizes(),
                                          slice.getType().getElementType()));
    }
}

namespace {
struct HoistProducts : ssmc::impl::SsmHoistProductsBase<HoistProducts> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<ssm::RecurrenceOp> ops;
    getOperation().walk([&](ssm::RecurrenceOp op) { ops.push_back(op); });
    for (ssm::RecurrenceOp op : ops)
      Lifting(op, rows).run();
  }
};
} // namespace
