//===- MixerShapes.cpp - shapes of ssm ops from their inputs --------------===//

#include "lib/Fold/MixerShapes.h"
#include "dialects/onnx/OnnxLocation.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Eval/Tensor.h"
#include "lib/Operators/IndexLowering.h"

using namespace mlir;
using namespace ssmc;

using Extents = SmallVector<SmallVector<AffineExpr>>;

FailureOr<Extents>
ssmc::mixerExtents(Operation &op,
                   function_ref<ArrayRef<AffineExpr>(Value)> extentsOf) {
  auto known = [&](Value value) {
    auto type = dyn_cast<ShapedType>(value.getType());
    return type && type.hasRank() &&
           static_cast<int64_t>(extentsOf(value).size()) == type.getRank();
  };
  if (!llvm::all_of(op.getOperands(), known))
    return failure();
  auto mixer = dyn_cast<ssm::MixerOpInterface>(op);
  auto destinations = dyn_cast<DestinationStyleOpInterface>(op);
  if (!mixer || !destinations)
    return failure();
  // Every extent as the first input says that has it.
  ssm::MixerShape shape = mixer.getMixerShape();
  SmallVector<AffineExpr> extents(shape.extents.size());
  for (OpOperand *input : destinations.getDpsInputOperands()) {
    ArrayRef<int64_t> dims = shape.operands[input->getOperandNumber()].dims;
    ArrayRef<AffineExpr> own = extentsOf(input->get());
    if (dims.size() != own.size())
      return failure();
    for (auto [dim, extent] : llvm::zip_equal(dims, own))
      if (dim != ssm::MixerOperand::anyExtent && !extents[dim])
        extents[dim] = extent;
  }
  Extents result;
  for (OpOperand &init : destinations.getDpsInitsMutable()) {
    ArrayRef<int64_t> dims = shape.operands[init.getOperandNumber()].dims;
    SmallVector<AffineExpr> &found = result.emplace_back(extentsOf(init.get()));
    if (dims.size() != found.size())
      return failure();
    for (auto [dim, extent] : llvm::zip_equal(dims, found))
      if (dim != ssm::MixerOperand::anyExtent && extents[dim])
        extent = extents[dim];
  }
  return result;
}

// The constant that fills a destination, and the op that is replaced.
static TypedAttr fillOf(Value destination) {
  if (auto constant = destination.getDefiningOp<onnx::ConstantOp>()) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (dense && dense.isSplat())
      return dense.getSplatValue<TypedAttr>();
  }
  if (auto fill = destination.getDefiningOp<linalg::FillOp>()) {
    Attribute value;
    if (matchPattern(fill.getInputs()[0], m_Constant(&value)))
      return dyn_cast<TypedAttr>(value);
  }
  return nullptr;
}

static Value buildEmpty(OpBuilder &b, Location loc, const ValueShape &shape,
                        ModuleSymbols &symbols) {
  RankedTensorType type = symbols.typeOf(shape);
  SmallVector<Value> dynamic;
  for (AffineExpr dim : shape.dims) {
    if (constantExtent(dim))
      continue;
    OpFoldResult size = materializeExtent(b, loc, dim, [&](unsigned position) {
      return onnx::SymbolOp::create(b, loc, symbols.name(position)).getResult();
    });
    dynamic.push_back(indexValue(b, loc, size));
  }
  return tensor::EmptyOp::create(b, loc, type, dynamic);
}

namespace {
/// A constant that a destination repeats along axes.
struct Repeated {
  ElementsAttr row; // without them
  SmallVector<int64_t> axes;
};
} // namespace

// With the axes in which a state is to have another extent: a learned state is
// stored for the traced batch.
static std::optional<Repeated> findRepeated(Value destination,
                                            RankedTensorType to) {
  if (auto broadcast = destination.getDefiningOp<linalg::BroadcastOp>()) {
    Repeated found{{}, SmallVector<int64_t>(broadcast.getDimensions())};
    if (matchPattern(broadcast.getInput(), m_Constant(&found.row)))
      return found;
    return std::nullopt;
  }
  auto constant = destination.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return std::nullopt;
  FailureOr<Tensor> row = Tensor::fromAttr(constant.getValue());
  Repeated found;
  SmallVector<int64_t> rest;
  for (auto [axis, extent] : llvm::enumerate(to.getShape())) {
    if (succeeded(row) && row->getShape()[axis] != extent) {
      row = row->shrink(axis);
      found.axes.push_back(axis);
    } else {
      rest.push_back(extent);
    }
  }
  if (failed(row))
    return std::nullopt;
  found.row = row->reshaped(rest).toAttr();
  return found;
}

LogicalResult ssmc::retypeDestination(OpOperand &operand,
                                      const ValueShape &shape,
                                      ModuleSymbols &symbols) {
  Value old = operand.get();
  RankedTensorType type = symbols.typeOf(shape);
  if (old.getType() == type)
    return success();
  Operation *op = operand.getOwner();
  OpBuilder b(op);
  Location loc = op->getLoc();
  TypedAttr fill = fillOf(old);
  if (fill && type.hasStaticShape()) {
    operand.set(
        onnx::ConstantOp::create(b, loc, DenseElementsAttr::get(type, fill)));
  } else if (fill) {
    Value value = arith::ConstantOp::create(b, loc, fill);
    Value empty = buildEmpty(b, loc, shape, symbols);
    operand.set(linalg::FillOp::create(b, loc, value, empty).getResult(0));
  } else if (old.getDefiningOp<tensor::EmptyOp>()) {
    operand.set(buildEmpty(b, loc, shape, symbols));
  } else if (auto repeated = findRepeated(old, type)) {
    Value row = onnx::ConstantOp::create(b, loc, repeated->row);
    Value empty = buildEmpty(b, loc, shape, symbols);
    operand.set(linalg::BroadcastOp::create(b, loc, row, empty, repeated->axes)
                    ->getResult(0));
  } else {
    std::string shape = llvm::join(
        llvm::map_range(cast<RankedTensorType>(old.getType()).getShape(),
                        [](int64_t extent) { return std::to_string(extent); }),
        "x");
    return onnx::emitModelError(op->getLoc())
           << "begins with a state of the traced size (" << shape
           << ") whose rows are not alike, so that one of another size is not "
              "known";
  }
  if (Operation *dead = old.getDefiningOp(); dead->use_empty())
    dead->erase();
  return success();
}
