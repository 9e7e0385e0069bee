//===- ExtentBounds.cpp - how long what a graph is given may be -----------===//

#include "lib/Operators/ExtentBounds.h"

using namespace mlir;

namespace ssmc {

static constexpr StringLiteral kBounds = "ssmc.bounds", kAxes = "axes",
                               kMost = "most";

using Axis = std::pair<unsigned, unsigned>;

/// The axis of an argument that has this extent.
static std::optional<Axis> findAxis(func::FuncOp graph, ModuleSymbols &symbols,
                                    AffineExpr extent) {
  for (BlockArgument argument : graph.getArguments())
    if (auto shape = symbols.shapeOf(argument.getType(), "dim"))
      for (auto [axis, dim] : llvm::enumerate(shape->dims))
        if (dim == extent)
          return Axis(argument.getArgNumber(), axis);
  return std::nullopt;
}

AffineExpr ExtentBound::extent(func::FuncOp graph, ShapeOf shapeOf) const {
  AffineExpr sum = getAffineConstantExpr(0, graph.getContext());
  for (auto [argument, axis] : axes)
    sum = sum + shapeOf(graph.getArgument(argument))->dims[axis];
  return simplifyExtent(sum);
}

std::optional<ExtentBound> findExtentBound(func::FuncOp graph,
                                           AffineExpr extent, int64_t most) {
  ModuleSymbols symbols(graph->getParentOfType<ModuleOp>());
  ExtentBound bound{{}, most};
  SmallVector<AffineExpr> parts{simplifyExtent(extent)};
  while (!parts.empty()) {
    AffineExpr part = parts.pop_back_val();
    if (auto number = constantExtent(part)) {
      bound.most -= *number;
      continue;
    }
    if (auto axis = findAxis(graph, symbols, part)) {
      bound.axes.push_back(*axis);
      continue;
    }
    auto sum = dyn_cast<AffineBinaryOpExpr>(part);
    if (!sum || sum.getKind() != AffineExprKind::Add)
      return std::nullopt;
    parts.append({sum.getLHS(), sum.getRHS()});
  }
  llvm::sort(bound.axes);
  return bound;
}

static std::optional<ExtentBound> readBound(func::FuncOp graph,
                                            Attribute attribute) {
  auto entry = dyn_cast<DictionaryAttr>(attribute);
  auto most = entry ? entry.getAs<IntegerAttr>(kMost) : IntegerAttr();
  auto axes =
      entry ? entry.getAs<DenseI64ArrayAttr>(kAxes) : DenseI64ArrayAttr();
  if (!most || !most.getType().isInteger(64) || !axes || axes.size() % 2 != 0)
    return std::nullopt;
  ExtentBound bound{{}, most.getInt()};
  for (int64_t i = 0; i < axes.size(); i += 2) {
    int64_t argument = axes[i], axis = axes[i + 1];
    if (argument < 0 || argument >= graph.getNumArguments())
      return std::nullopt;
    auto type =
        dyn_cast<RankedTensorType>(graph.getArgument(argument).getType());
    if (!type || axis < 0 || axis >= type.getRank())
      return std::nullopt;
    bound.axes.push_back({unsigned(argument), unsigned(axis)});
  }
  return bound;
}

FailureOr<SmallVector<ExtentBound>> readExtentBounds(func::FuncOp graph) {
  SmallVector<ExtentBound> bounds;
  Attribute given = graph->getAttr(kBounds);
  if (!given)
    return bounds;
  auto list = dyn_cast<ArrayAttr>(given);
  for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>()) {
    std::optional<ExtentBound> bound = readBound(graph, entry);
    if (!bound)
      return graph.emitError(kBounds)
             << " must be a list of {axes = array<i64: argument, axis, ...>, "
                "most = N : i64} with axes of the arguments, not "
             << entry;
    bounds.push_back(*bound);
  }
  if (!list)
    return graph.emitError(kBounds) << " must be a list, not " << given;
  return bounds;
}

void addExtentBound(func::FuncOp graph, const ExtentBound &bound) {
  FailureOr<SmallVector<ExtentBound>> read = readExtentBounds(graph);
  SmallVector<ExtentBound> bounds;
  if (succeeded(read))
    bounds = std::move(*read);
  auto same = llvm::find_if(
      bounds, [&](const ExtentBound &b) { return b.axes == bound.axes; });
  if (same == bounds.end())
    bounds.push_back(bound);
  else
    same->most = std::min(same->most, bound.most);
  Builder b(graph.getContext());
  SmallVector<Attribute> list;
  for (const ExtentBound &each : bounds) {
    SmallVector<int64_t> axes;
    for (auto [argument, axis] : each.axes)
      axes.append({int64_t(argument), int64_t(axis)});
    list.push_back(b.getDictionaryAttr(
        {b.getNamedAttr(kAxes, b.getDenseI64ArrayAttr(axes)),
         b.getNamedAttr(kMost, b.getI64IntegerAttr(each.most))}));
  }
  graph->setAttr(kBounds, b.getArrayAttr(list));
}

void dropExtentBounds(func::FuncOp graph) { graph->removeAttr(kBounds); }

} // namespace ssmc
