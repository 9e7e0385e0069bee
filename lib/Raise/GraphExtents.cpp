//===- GraphExtents.cpp - extents as nodes of a graph ---------------------===//
//
// A graph computes with its extents by nodes, from the shapes of its inputs.
// What a raise writes does so, too: shape inference follows it as it follows
// the model's own.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/View.h"

#include "lib/Operators/Extents.h"

using namespace mlir;

namespace ssmc {

Value GraphWriter::element(AffineExpr value) {
  Type one = RankedTensorType::get({1}, builder.getI64Type());
  if (auto constant = dyn_cast<AffineConstantExpr>(value))
    return ints({constant.getValue()});
  if (isa<AffineSymbolExpr>(value)) {
    ModuleSymbols table(
        analysis.getGraph().getFunc()->getParentOfType<ModuleOp>());
    for (BlockArgument argument :
         analysis.getGraph().getFunc().getArguments()) {
      auto shape = table.shapeOf(argument.getType(), "dim");
      if (!shape)
        continue;
      auto *axis = llvm::find(shape->dims, value);
      if (axis == shape->dims.end())
        continue;
      auto all = RankedTensorType::get({int64_t(shape->dims.size())},
                                       builder.getI64Type());
      Value at = ints({std::distance(shape->dims.begin(), axis)});
      return node("Gather", {node("Shape", argument, all), at}, one);
    }
    return {};
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(value);
  Value lhs = binary ? element(binary.getLHS()) : Value();
  Value rhs = lhs ? element(binary.getRHS()) : Value();
  if (!rhs)
    return {};
  // Extents are not negative: division rounds down.
  switch (value.getKind()) {
  case AffineExprKind::Add:
    return node("Add", {lhs, rhs}, one);
  case AffineExprKind::Mul:
    return node("Mul", {lhs, rhs}, one);
  case AffineExprKind::Mod:
    return node("Mod", {lhs, rhs}, one);
  case AffineExprKind::FloorDiv:
    return node("Div", {lhs, rhs}, one);
  case AffineExprKind::CeilDiv: {
    Value less = node("Sub", {rhs, ints({1})}, one);
    return node("Div", {node("Add", {lhs, less}, one), rhs}, one);
  }
  default:
    return {};
  }
}

Value GraphWriter::elements(ArrayRef<AffineExpr> values) {
  if (llvm::all_of(values, llvm::IsaPred<AffineConstantExpr>)) {
    SmallVector<int64_t> numbers;
    for (AffineExpr value : values)
      numbers.push_back(cast<AffineConstantExpr>(value).getValue());
    return ints(numbers);
  }
  SmallVector<Value> parts;
  for (AffineExpr value : values) {
    parts.push_back(element(value));
    if (!parts.back())
      return {};
  }
  Type type =
      RankedTensorType::get({int64_t(parts.size())}, builder.getI64Type());
  return node("Concat", parts, type,
              builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
}

FailureOr<Value> GraphWriter::reshapeTo(Value value, ArrayRef<AffineExpr> to) {
  ModuleSymbols table(
      analysis.getGraph().getFunc()->getParentOfType<ModuleOp>());
  auto from = table.shapeOf(value.getType(), "dim");
  if (!from)
    return failure();
  return reshape(value, from->dims, to);
}

Value GraphWriter::fit(Value value, Type target) {
  if (value.getType() == target)
    return value;
  auto from = dyn_cast<RankedTensorType>(value.getType());
  auto to = dyn_cast<RankedTensorType>(target);
  if (!from || !to || from.getRank() != to.getRank() ||
      from.getElementType() != to.getElementType() || version < 11)
    return {};
  ModuleSymbols table(
      analysis.getGraph().getFunc()->getParentOfType<ModuleOp>());
  auto before = table.shapeOf(from, "dim"), after = table.shapeOf(to, "dim");
  SmallVector<AffineExpr> pads(from.getRank(), fixed(0));
  for (auto [a, b] : llvm::zip(before->dims, after->dims)) {
    if (!provablyAtLeast(b, a) && !provablyAtLeast(a, b))
      return {};
    pads.push_back(simplifyExtent(b - a));
  }
  Value amounts = elements(pads);
  return amounts ? node("Pad", {value, amounts}, target) : Value();
}

} // namespace ssmc
