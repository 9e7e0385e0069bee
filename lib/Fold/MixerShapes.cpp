//===- MixerShapes.cpp - shapes of ssm ops from their inputs --------------===//

#include "lib/Fold/MixerShapes.h"
#include "dialects/onnx/OnnxLocation.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/IndexLowering.h"
#include "llvm/ADT/TypeSwitch.h"

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
  return llvm::TypeSwitch<Operation *, FailureOr<Extents>>(&op)
      .Case([&](ssm::ScanOp scan) -> FailureOr<Extents> {
        SmallVector<AffineExpr> all(extentsOf(scan.getA())), state = all;
        int64_t time = scan.getDimension();
        if (time < 0 || time >= static_cast<int64_t>(all.size()))
          return failure();
        state.erase(state.begin() + time);
        return Extents{all, state};
      })
      .Case([&](ssm::SelectiveScanOp scan) -> FailureOr<Extents> {
        ArrayRef<AffineExpr> u = extentsOf(scan.getU()),
                             a = extentsOf(scan.getA());
        if (u.size() != 3 || a.size() != 2)
          return failure();
        return Extents{SmallVector<AffineExpr>(u), {u[0], u[2], a[1]}};
      })
      .Case([&](ssm::ShortConvOp conv) -> FailureOr<Extents> {
        ArrayRef<AffineExpr> x = extentsOf(conv.getX()),
                             w = extentsOf(conv.getW());
        if (x.size() != 3 || w.size() != 2)
          return failure();
        AffineExpr tail = simplifyExtent((w[1] - 1) * conv.getDilation());
        return Extents{SmallVector<AffineExpr>(x), {x[0], tail, x[2]}};
      })
      .Default([](Operation *) { return failure(); });
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
  } else {
    return onnx::emitModelError(op->getLoc())
           << "has a state of another shape than its inputs say";
  }
  if (Operation *dead = old.getDefiningOp(); dead->use_empty())
    dead->erase();
  return success();
}
