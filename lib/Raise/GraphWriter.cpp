//===- GraphWriter.cpp - writes what a region is replaced by
//------------------===//

#include "lib/Raise/View.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace ssmc {

GraphWriter::GraphWriter(OpBuilder &builder, Location loc,
                         const AxisAnalysis &analysis)
    : builder(builder), loc(loc), tracedBatch(analysis.getBatch()),
      tracedTime(analysis.getLength()), analysis(analysis) {
  func::FuncOp func = analysis.getGraph().getFunc();
  batch = fixed(analysis.getBatch() ? analysis.getBatch() : 1);
  time = fixed(analysis.getLength());
  if (auto module = func->getParentOfType<ModuleOp>())
    symbols = module->getAttrOfType<ArrayAttr>(onnx::kSymbolsAttr);
  // An extent that one input has fixed is fixed for all.
  bool batchFixed = false, timeFixed = false;
  for (const AxisSeed &seed : analysis.getSeeds()) {
    bool &isFixed = seed.kind == AxisKind::Batch ? batchFixed : timeFixed;
    auto type =
        dyn_cast<RankedTensorType>(func.getArgument(seed.argument).getType());
    auto dims = type ? dyn_cast_or_null<onnx::DimsAttr>(type.getEncoding())
                     : onnx::DimsAttr();
    AffineExpr &known = seed.kind == AxisKind::Batch ? batch : time;
    AffineExpr extent = fixed(1);
    if (dims && seed.axis < dims.getMap().getValue().getNumResults())
      extent = dims.getMap().getValue().getResult(seed.axis);
    if (isa<AffineConstantExpr>(extent)) {
      isFixed = true;
      known = fixed(seed.kind == AxisKind::Batch ? analysis.getBatch()
                                                 : analysis.getLength());
    } else if (!isFixed && isa<AffineConstantExpr>(known)) {
      known = extent;
    }
  }
  for (Operation *op : analysis.getGraph().getNodes())
    if (auto node = dyn_cast<onnx::NodeOp>(op);
        node && node.getDomain().empty()) {
      version = node.getVersion();
      break;
    }
}

AffineExpr GraphWriter::fixed(int64_t extent) const {
  return getAffineConstantExpr(extent, builder.getContext());
}

AffineExpr GraphWriter::extentOf(const Digit &digit) const {
  if (digit.kind == AxisKind::Batch && digit.extent == tracedBatch)
    return batch;
  if (digit.kind == AxisKind::Time && digit.stride == 1 &&
      digit.extent == tracedTime)
    return time;
  return fixed(digit.extent);
}

RankedTensorType GraphWriter::type(ArrayRef<AffineExpr> extents,
                                   Type elementType) {
  SmallVector<int64_t> shape;
  int64_t used = 0;
  for (AffineExpr extent : extents) {
    auto constant = dyn_cast<AffineConstantExpr>(extent);
    shape.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
    extent.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        used = std::max<int64_t>(used, symbol.getPosition() + 1);
    });
  }
  if (used == 0 || !symbols || used > int64_t(symbols.size()))
    return RankedTensorType::get(shape, elementType);
  auto map = AffineMap::get(0, used, extents, builder.getContext());
  auto names = builder.getArrayAttr(symbols.getValue().take_front(used));
  return RankedTensorType::get(shape, elementType,
                               onnx::DimsAttr::get(builder.getContext(), names,
                                                   AffineMapAttr::get(map)));
}

Value GraphWriter::node(StringRef op, ValueRange inputs, Type type,
                        ArrayRef<NamedAttribute> attrs) {
  return onnx::NodeOp::create(builder, loc, TypeRange{type}, inputs, op, "",
                              version, builder.getDictionaryAttr(attrs), 0)
      ->getResult(0);
}

Value GraphWriter::ints(ArrayRef<int64_t> values) {
  auto type =
      RankedTensorType::get({int64_t(values.size())}, builder.getI64Type());
  return onnx::ConstantOp::create(builder, loc,
                                  DenseElementsAttr::get(type, values));
}

Value GraphWriter::constant(const Tensor &tensor, Type elementType) {
  Tensor typed(elementType, tensor.getShape());
  llvm::copy(tensor.floats(), typed.mutableFloats().begin());
  Value value = onnx::ConstantOp::create(builder, loc, typed.toAttr());
  exact[value] = typed;
  return value;
}

Value GraphWriter::empty(RankedTensorType type) {
  SmallVector<Value> dynamic;
  if (auto dims = dyn_cast_or_null<onnx::DimsAttr>(type.getEncoding()))
    for (auto [extent, expr] :
         llvm::zip(type.getShape(), dims.getMap().getValue().getResults()))
      if (ShapedType::isDynamic(extent)) {
        auto symbol = dyn_cast<AffineSymbolExpr>(expr);
        if (!symbol)
          return {};
        dynamic.push_back(onnx::SymbolOp::create(
            builder, loc,
            cast<StringAttr>(dims.getSymbols()[symbol.getPosition()])
                .getValue()));
      }
  return tensor::EmptyOp::create(builder, loc, type, dynamic);
}

Value GraphWriter::fill(RankedTensorType type, double value) {
  auto number = builder.getFloatAttr(type.getElementType(), value);
  if (type.hasStaticShape())
    return onnx::ConstantOp::create(builder, loc,
                                    DenseElementsAttr::get(type, number));
  Value destination = empty(type);
  if (!destination)
    return {};
  Value filler = arith::ConstantOp::create(builder, loc, number);
  return linalg::FillOp::create(builder, loc, filler, destination).getResult(0);
}

/// A reshape that only adds or drops ones is written as such; another names
/// its symbolic extents by position (0) or as the one left over (-1), or
/// computes them.
FailureOr<Value> GraphWriter::reshape(Value value, ArrayRef<AffineExpr> from,
                                      ArrayRef<AffineExpr> to) {
  if (from == to)
    return value;
  Type result = type(to, cast<ShapedType>(value.getType()).getElementType());
  auto axesBeyond = [&](ArrayRef<AffineExpr> longer,
                        ArrayRef<AffineExpr> shorter,
                        SmallVectorImpl<int64_t> &axes) {
    unsigned next = 0;
    for (auto [i, extent] : llvm::enumerate(longer)) {
      if (next < shorter.size() && shorter[next] == extent)
        ++next;
      else if (extent == fixed(1))
        axes.push_back(i);
      else
        return false;
    }
    return next == shorter.size();
  };
  SmallVector<int64_t> axes;
  if (axesBeyond(from, to, axes))
    return resize("Squeeze", value, axes, result);
  axes.clear();
  if (axesBeyond(to, from, axes))
    return resize("Unsqueeze", value, axes, result);
  SmallVector<int64_t> target;
  bool open = false;
  for (auto [i, extent] : llvm::enumerate(to)) {
    if (auto constant = dyn_cast<AffineConstantExpr>(extent)) {
      target.push_back(constant.getValue());
    } else if (i < from.size() && from[i] == extent) {
      target.push_back(0);
    } else if (!open) {
      open = true;
      target.push_back(-1);
    } else {
      Value extents = elements(to);
      if (!extents)
        return failure();
      return node("Reshape", {value, extents}, result);
    }
  }
  return node("Reshape", {value, ints(target)}, result);
}

Value GraphWriter::resize(StringRef op, Value value, ArrayRef<int64_t> axes,
                          Type type) {
  if (version >= 13)
    return node(op, {value, ints(axes)}, type);
  return node(op, value, type,
              builder.getNamedAttr("axes", builder.getDenseI64ArrayAttr(axes)));
}

SmallVector<AffineExpr> GraphWriter::extents(const View &view) const {
  SmallVector<AffineExpr> digits, result;
  for (const auto &axis : view.axes)
    for (const Digit &digit : axis)
      digits.push_back(extentOf(digit));
  unsigned next = 0;
  for (auto [axis, count] : llvm::enumerate(view.merges)) {
    AffineExpr extent = fixed(1);
    for (unsigned i = 0; i < count; ++i)
      extent = extent * digits[view.perm[next++]];
    // Time that was cut into chunks is as long as the sequence again.
    if (axis == 1 && view.getShape()[axis] == tracedTime && count > 1)
      extent = time;
    result.push_back(extent);
  }
  return result;
}

/// Extents of a value, of its digits, and of its digits in a view's order.
static void extentsOf(const GraphWriter &writer, const View &view,
                      SmallVectorImpl<AffineExpr> &value,
                      SmallVectorImpl<AffineExpr> &digits,
                      SmallVectorImpl<AffineExpr> &permuted) {
  for (const auto &axis : view.axes) {
    AffineExpr extent = writer.fixed(1);
    for (const Digit &digit : axis) {
      digits.push_back(writer.extentOf(digit));
      extent = extent * digits.back();
    }
    value.push_back(extent);
  }
  for (unsigned p : view.perm)
    permuted.push_back(digits[p]);
}

/// All but axes of extent one that are neither batch nor time: a batch of one
/// is a batch still, and may be made larger.
static SmallVector<bool> countingDigits(const View &view) {
  SmallVector<bool> counts;
  for (const auto &axis : view.axes)
    for (const Digit &digit : axis)
      counts.push_back(digit.kind != AxisKind::Other || digit.extent != 1);
  return counts;
}

FailureOr<Value> GraphWriter::apply(const View &view, Value value) {
  SmallVector<AffineExpr> own, digits, permuted;
  extentsOf(*this, view, own, digits, permuted);
  // Ones change no order: leave them out before and put them in after.
  SmallVector<bool> counts = countingDigits(view);
  SmallVector<AffineExpr> kept;
  SmallVector<int64_t> perm;
  SmallVector<int64_t> position(digits.size(), -1);
  for (unsigned i = 0; i < digits.size(); ++i)
    if (counts[i]) {
      position[i] = kept.size();
      kept.push_back(digits[i]);
    }
  SmallVector<AffineExpr> ordered;
  for (unsigned p : view.perm)
    if (counts[p]) {
      perm.push_back(position[p]);
      ordered.push_back(digits[p]);
    }
  if (llvm::is_sorted(perm))
    return reshape(value, own, extents(view));
  // A transposition of whole axes needs no digits cut out first.
  Type element = cast<ShapedType>(value.getType()).getElementType();
  FailureOr<Value> cut = reshape(value, own, kept);
  if (failed(cut))
    return failure();
  Value moved =
      node("Transpose", *cut, type(ordered, element),
           builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(perm)));
  return reshape(moved, ordered, extents(view));
}

FailureOr<Value> GraphWriter::invert(const View &view, Value canonical) {
  SmallVector<AffineExpr> own, digits, permuted;
  extentsOf(*this, view, own, digits, permuted);
  SmallVector<bool> counts = countingDigits(view);
  SmallVector<AffineExpr> ordered, kept;
  SmallVector<int64_t> position(digits.size(), -1);
  for (unsigned p : view.perm)
    if (counts[p]) {
      position[p] = ordered.size();
      ordered.push_back(digits[p]);
    }
  SmallVector<int64_t> perm;
  for (unsigned i = 0; i < digits.size(); ++i)
    if (counts[i]) {
      perm.push_back(position[i]);
      kept.push_back(digits[i]);
    }
  Value value = canonical;
  if (llvm::is_sorted(perm)) {
    FailureOr<Value> same = reshape(value, extents(view), own);
    if (failed(same))
      return failure();
    value = *same;
  } else {
    FailureOr<Value> cut = reshape(value, extents(view), ordered);
    if (failed(cut))
      return failure();
    Type element = cast<ShapedType>(value.getType()).getElementType();
    Value moved =
        node("Transpose", *cut, type(kept, element),
             builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(perm)));
    FailureOr<Value> joined = reshape(moved, kept, own);
    if (failed(joined))
      return failure();
    value = *joined;
  }
  return value;
}

Value GraphWriter::nextToken(Value value, bool reverse) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> pads(2 * type.getRank(), 0);
  pads[1] = reverse ? -1 : 1;
  pads[type.getRank() + 1] = -pads[1];
  Type element = type.getElementType();
  return node(
      "Pad", {value, ints(pads), constant(Tensor(element, {}), element)}, type);
}

FailureOr<SmallVector<Value>> GraphWriter::leave(const View &exit, Value y,
                                                 ArrayRef<View> states,
                                                 Value last) {
  SmallVector<Value> results;
  FailureOr<Value> out = invert(exit, y);
  if (failed(out))
    return failure();
  results.push_back(*out);
  for (const View &view : states) {
    FailureOr<Value> state = invert(view, last);
    if (failed(state))
      return failure();
    results.push_back(*state);
  }
  return results;
}

} // namespace ssmc
