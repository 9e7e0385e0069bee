//===- SsmTiling.cpp - tiling of the ssm ops ------------------------------===//
//
// The shape of a mixer says which dimension of an operand is which loop, so one
// model serves all ops. Loops are parallel except time, which is a reduction:
// tiles of time are chained by the state, a destination that the loop around
// them carries. So
//
// * a tile of time in a loop whose iterations run at once is an error,
// * with `reverse` tile i of time lies at L - offset - size: the loop around
//   the tiles runs forwards, time runs backwards,
// * a tile of a result can be had only with all of time: the states before it
//   are needed, and the interface cannot see in which order tiles are asked
//   for.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmParallelTime.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace mlir::ssm;

using Offsets = SmallVector<OpFoldResult>;

static OpFoldResult getDim(OpBuilder &b, Location loc, Value value, int64_t d) {
  if (isa<MemRefType>(value.getType()))
    return memref::getMixedSize(b, loc, value, d);
  return tensor::getMixedSize(b, loc, value, d);
}

/// The operand and dimension that have the extent of a loop.
static std::pair<unsigned, unsigned> findLoop(const MixerShape &shape,
                                              int64_t loop) {
  for (auto [i, operand] : llvm::enumerate(shape.operands))
    for (auto [d, extent] : llvm::enumerate(operand.dims))
      if (extent == loop)
        return {i, d};
  return {0, 0};
}

/// Where the tile lies in an operand.
static void getOperandTile(OpBuilder &b, Operation *op, unsigned i,
                           const MixerShape &shape,
                           ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes, Offsets &at,
                           Offsets &extents) {
  Location loc = op->getLoc();
  for (auto [d, extent] : llvm::enumerate(shape.operands[i].dims)) {
    OpFoldResult whole = getDim(b, loc, op->getOperand(i), d);
    if (extent < 0 || extent >= shape.numLoops) {
      at.push_back(b.getIndexAttr(0));
      extents.push_back(whole);
      continue;
    }
    extents.push_back(sizes[extent]);
    if (shape.time != unsigned(extent) || !shape.operands[i].reversed) {
      at.push_back(offsets[extent]);
      continue;
    }
    AffineExpr length, offset, size;
    bindSymbols(b.getContext(), length, offset, size);
    at.push_back(affine::makeComposedFoldedAffineApply(
        b, loc, length - offset - size,
        {whole, offsets[extent], sizes[extent]}));
  }
}

static Value sliceOperand(OpBuilder &b, Location loc, Value operand,
                          ArrayRef<OpFoldResult> at,
                          ArrayRef<OpFoldResult> extents) {
  Offsets strides(at.size(), b.getIndexAttr(1));
  if (isa<MemRefType>(operand.getType()))
    return memref::SubViewOp::create(b, loc, operand, at, extents, strides);
  return tensor::ExtractSliceOp::create(b, loc, operand, at, extents, strides);
}

/// Whether a range is all of a dimension.
static bool isWhole(Value value, int64_t dim, OpFoldResult offset,
                    OpFoldResult size) {
  if (getConstantIntValue(offset) != 0)
    return false;
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
      ValueBoundsConstraintSet::Variable(size),
      ValueBoundsConstraintSet::Variable(value, dim));
  return succeeded(equal) && *equal;
}

namespace {
template <typename Op>
struct MixerTiling : TilingInterface::ExternalModel<MixerTiling<Op>, Op> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *op) const {
    MixerShape shape = cast<Op>(op).getMixerShape();
    SmallVector<utils::IteratorType> types(shape.numLoops,
                                           utils::IteratorType::parallel);
    if (shape.time)
      types[*shape.time] = utils::IteratorType::reduction;
    return types;
  }

  SmallVector<Range> getIterationDomain(Operation *op, OpBuilder &b) const {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(op);
    MixerShape shape = cast<Op>(op).getMixerShape();
    SmallVector<Range> domain;
    for (unsigned loop = 0; loop < shape.numLoops; ++loop) {
      auto [operand, dim] = findLoop(shape, loop);
      domain.push_back({b.getIndexAttr(0),
                        getDim(b, op->getLoc(), op->getOperand(operand), dim),
                        b.getIndexAttr(1)});
    }
    return domain;
  }

  FailureOr<TilingResult>
  getTiledImplementation(Operation *op, OpBuilder &b,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) const {
    MixerShape shape = cast<Op>(op).getMixerShape();
    if (shape.time)
      if (Operation *loop = findParallelLoop(offsets[*shape.time]))
        return reportParallelTime(op, loop);
    // Upstream has no slice of an empty extent.
    for (auto [info, value] :
         llvm::zip_equal(shape.operands, op->getOperands()))
      if (llvm::is_contained(cast<ShapedType>(value.getType()).getShape(), 0))
        return op->emitOpError("cannot be tiled: '")
               << info.name << "' is empty";
    TilingResult result;
    SmallVector<Value> operands;
    for (unsigned i = 0; i < op->getNumOperands(); ++i) {
      Offsets at, extents;
      getOperandTile(b, op, i, shape, offsets, sizes, at, extents);
      Value operand = op->getOperand(i);
      if (llvm::any_of(shape.operands[i].dims, [&](int64_t extent) {
            return extent >= 0 && extent < shape.numLoops;
          })) {
        operand = sliceOperand(b, op->getLoc(), operand, at, extents);
        result.generatedSlices.push_back(operand.getDefiningOp());
      }
      operands.push_back(operand);
    }
    SmallVector<Type> types;
    unsigned numInits = cast<Op>(op).getNumDpsInits();
    if (op->getNumResults() > 0)
      llvm::append_range(
          types, ValueRange(ArrayRef(operands).take_back(numInits)).getTypes());
    Operation *tile = clone(b, op, types, operands);
    result.tiledOps.push_back(tile);
    llvm::append_range(result.tiledValues, tile->getResults());
    return result;
  }

  LogicalResult getResultTilePosition(Operation *op, OpBuilder &b,
                                      unsigned number,
                                      ArrayRef<OpFoldResult> offsets,
                                      ArrayRef<OpFoldResult> sizes, Offsets &at,
                                      Offsets &extents) const {
    unsigned init =
        op->getNumOperands() - cast<Op>(op).getNumDpsInits() + number;
    getOperandTile(b, op, init, cast<Op>(op).getMixerShape(), offsets, sizes,
                   at, extents);
    return success();
  }

  /// Whether a tile of a result can be computed by itself: only loops other
  /// than time may be cut.
  static bool isComputable(Operation *op, unsigned number,
                           ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes) {
    MixerShape shape = cast<Op>(op).getMixerShape();
    unsigned init =
        op->getNumOperands() - cast<Op>(op).getNumDpsInits() + number;
    for (auto [d, extent] : llvm::enumerate(shape.operands[init].dims)) {
      bool isLoop = extent >= 0 && extent < shape.numLoops;
      if ((!isLoop || shape.time == unsigned(extent)) &&
          !isWhole(op->getOperand(init), d, offsets[d], sizes[d]))
        return false;
    }
    return true;
  }

  bool isOpFusableWithConsumerSlice(Operation *op, unsigned number,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) const {
    return isComputable(op, number, offsets, sizes);
  }

  LogicalResult getIterationDomainTileFromResultTile(
      Operation *op, OpBuilder &b, unsigned number,
      ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
      SmallVectorImpl<OpFoldResult> &domainOffsets,
      SmallVectorImpl<OpFoldResult> &domainSizes) const {
    if (!isComputable(op, number, offsets, sizes))
      return failure();
    for (const Range &range : getIterationDomain(op, b)) {
      domainOffsets.push_back(range.offset);
      domainSizes.push_back(range.size);
    }
    MixerShape shape = cast<Op>(op).getMixerShape();
    unsigned init =
        op->getNumOperands() - cast<Op>(op).getNumDpsInits() + number;
    for (auto [d, extent] : llvm::enumerate(shape.operands[init].dims))
      if (extent >= 0 && extent < shape.numLoops &&
          shape.time != unsigned(extent)) {
        domainOffsets[extent] = offsets[d];
        domainSizes[extent] = sizes[d];
      }
    return success();
  }

  FailureOr<TilingResult>
  generateResultTileValue(Operation *op, OpBuilder &b, unsigned number,
                          ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes) const {
    Offsets domainOffsets, domainSizes;
    if (failed(getIterationDomainTileFromResultTile(
            op, b, number, offsets, sizes, domainOffsets, domainSizes)))
      return failure();
    FailureOr<TilingResult> result =
        getTiledImplementation(op, b, domainOffsets, domainSizes);
    if (succeeded(result))
      result->tiledValues = {result->tiledValues[number]};
    return result;
  }
};

/// A result has the extents of its destination.
template <typename Op>
struct MixerBounds
    : ValueBoundsOpInterface::ExternalModel<MixerBounds<Op>, Op> {
  void populateBoundsForShapedValueDim(Operation *op, Value value, int64_t dim,
                                       ValueBoundsConstraintSet &bounds) const {
    OpOperand *init = cast<Op>(op).getTiedOpOperand(cast<OpResult>(value));
    bounds.bound(value)[dim] == bounds.getExpr(init->get(), dim);
  }
};
} // namespace

void mlir::ssm::attachTilingModels(MLIRContext *context) {
#define SSM_MIXER(Op)                                                          \
  Op::attachInterface<MixerTiling<Op>, MixerBounds<Op>>(*context);
#include "dialects/ssm/SsmMixers.def"
}
