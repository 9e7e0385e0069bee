//===- LengthNodes.cpp - operands that hold the traced size ---------------===//

#include "lib/Fold/LengthFreeing.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

LogicalResult LengthFreeing::setExtents(onnx::NodeOp node, unsigned operand,
                                        ArrayRef<AffineExpr> extents,
                                        StringRef what) {
  Value tensor = shapeTensor(node, extents);
  if (!tensor)
    return forbid(node, "its " + what + " cannot be computed from the inputs");
  node->setOperand(operand, tensor);
  return success();
}

// The target of a Reshape or Expand.
LogicalResult LengthFreeing::rewriteTarget(onnx::NodeOp node, bool expands) {
  Value in = node.getInputs()[0], result = node->getResult(0);
  if (!node.hasInput(1))
    return success();
  auto target = before.elementsOf(node.getInputs()[1]);
  const Expected *out = expected(result), *from = expected(in);
  const ValueShape *inShape = before.shapeOf(in);
  if (!target || !out || !inShape)
    return success();
  // Expand may have a target of lower rank than its input.
  size_t lead = out->size() - std::min(out->size(), target->size());
  SmallVector<AffineExpr> next;
  for (AffineExpr extent : *target)
    next.push_back(substitute(extent));
  bool rewritten = false, open = false;
  auto is = [](AffineExpr expr, int64_t value) {
    return constantExtent(expr) == value;
  };
  for (AffineExpr extent : *target)
    open |= !expands && is(extent, -1);
  for (auto [i, extent] : llvm::enumerate(next)) {
    unsigned d = lead + i;
    // What follows from the input, or is an expression, stays.
    if (!changes(result, d) || !constantExtent(extent) ||
        *constantExtent(extent) <= (expands ? 1 : 0))
      continue;
    rewritten = true;
    unsigned same = expands ? d - (out->size() - inShape->dims.size()) : d;
    bool copies =
        same < inShape->dims.size() && from && (*from)[same] == (*out)[d];
    if (copies)
      extent = getAffineConstantExpr(expands ? 1 : 0, b.getContext());
    else if (!expands && !open) {
      extent = getAffineConstantExpr(-1, b.getContext());
      open = true;
    } else
      extent = (*out)[d];
  }
  if (!rewritten)
    return success();
  if (!expands && node.getInt("allowzero", 0) != 0) {
    // Zeros must copy now; none of them was one of its own extents.
    NamedAttrList attrs(node.getAttrs());
    attrs.erase("allowzero");
    node.setAttrsAttr(attrs.getDictionary(b.getContext()));
  }
  return setExtents(node, 1, next, "target");
}

// The repeats of a Tile: of one element as many as there are to be. What
// repeats more than one is caught by the comparison.
LogicalResult LengthFreeing::rewriteRepeats(onnx::NodeOp node) {
  Value in = node.getInputs()[0], result = node->getResult(0);
  auto repeats =
      node.hasInput(1) ? before.elementsOf(node.getInputs()[1]) : std::nullopt;
  const ValueShape *shape = before.shapeOf(in);
  if (!repeats || !shape || repeats->size() != shape->dims.size())
    return success();
  SmallVector<AffineExpr> next;
  bool rewritten = false;
  for (auto [d, repeat] : llvm::enumerate(*repeats)) {
    next.push_back(substitute(repeat));
    if (constantExtent(shape->dims[d]) != 1 || !changes(result, d) ||
        constantExtent(repeat).value_or(1) == 1)
      continue;
    next.back() = (*expected(result))[d];
    rewritten = true;
  }
  return rewritten ? setExtents(node, 1, next, "repeats") : success();
}

LogicalResult LengthFreeing::rewriteSlice(onnx::NodeOp node) {
  Value in = node.getInputs()[0], result = node->getResult(0);
  const ValueShape *shape = before.shapeOf(in), *out = before.shapeOf(result);
  if (!node.hasInput(1) || !node.hasInput(2) || !shape || !out)
    return success();
  auto starts = before.elementsOf(node.getInputs()[1]);
  auto ends = before.elementsOf(node.getInputs()[2]);
  std::optional<ArrayRef<AffineExpr>> axes, steps;
  if (node.hasInput(3))
    axes = before.elementsOf(node.getInputs()[3]);
  if (node.hasInput(4))
    steps = before.elementsOf(node.getInputs()[4]);
  if (!starts || !ends || (node.hasInput(3) && !axes) ||
      (node.hasInput(4) && !steps))
    return success();
  SmallVector<AffineExpr> next;
  for (AffineExpr end : *ends)
    next.push_back(substitute(end));
  SmallVector<AffineExpr> firsts(*starts);
  bool rewritten = false, flips = false;
  for (size_t i = 0; i < starts->size() && i < next.size(); ++i) {
    auto given = axes && i < axes->size() ? constantExtent((*axes)[i])
                                          : std::optional<int64_t>(i);
    auto axis =
        given ? normalizeAxis(*given, shape->dims.size()) : std::nullopt;
    auto start = constantExtent((*starts)[i]), end = constantExtent(next[i]);
    auto extent = axis ? constantExtent(shape->dims[*axis]) : std::nullopt;
    if (!axis || !start || !end || !extent ||
        !(changes(in, *axis) || changes(result, *axis)))
      continue;
    if (steps && !(i < steps->size() && constantExtent((*steps)[i]) == 1)) {
      // From the last one to the first one, at any length.
      if (i < steps->size() && constantExtent((*steps)[i]) == -1 &&
          (*start == -1 || *start >= *extent - 1) && *end < -*extent) {
        firsts[i] = getAffineConstantExpr(-1, b.getContext());
        flips |= *start != -1;
        next[i] = getAffineConstantExpr(std::numeric_limits<int64_t>::min(),
                                        b.getContext());
        rewritten |= *end > std::numeric_limits<int32_t>::min();
        continue;
      }
      if (*extent != 1)
        return forbid(node, "takes tokens with a step");
      continue;
    }
    bool toEnd = *end >= *extent;
    bool whole = changes(result, *axis);
    if (toEnd) {
      // To the end of any length.
      if (*start > 0 && !whole)
        return forbid(node, "takes what follows token " + Twine(*start) +
                                " of the traced " + Twine(*extent));
      next[i] = getAffineConstantExpr(std::numeric_limits<int64_t>::max(),
                                      b.getContext());
      rewritten |= *end < std::numeric_limits<int32_t>::max();
    } else if (*end > 0) {
      if (*start != 0 || !whole)
        return forbid(node, "takes tokens " + Twine(*start) + " to " +
                                Twine(*end) + " of the traced " +
                                Twine(*extent));
      next[i] = (*expected(result))[*axis];
      rewritten = true;
    }
  }
  if (flips && failed(setExtents(node, 1, firsts, "starts")))
    return failure();
  if (!rewritten)
    return success();
  return setExtents(node, 2, next, "ends");
}

// One token by its number is another one at another length; the first and the
// last one stay what they are.
// Index i is of axis `first` + i mod `period` of the data.
LogicalResult LengthFreeing::checkIndices(onnx::NodeOp node, int64_t first,
                                          int64_t period) {
  Value data = node.getInputs()[0];
  ElementsAttr indices = before.constantOf(node.getInputs()[1]);
  FailureOr<Tensor> tensor = failure();
  if (indices)
    tensor = Tensor::fromAttr(indices);
  if (failed(tensor) || tensor->isFloat())
    return success();
  // A sequence with padding around it follows the length as well.
  const ValueShape *shape = before.shapeOf(data);
  auto grows = [&](unsigned axis) {
    auto extent = shape && axis < shape->dims.size()
                      ? constantExtent(shape->dims[axis])
                      : std::nullopt;
    return changes(data, axis) ||
           (extent && *extent > length && follows(data, axis));
  };
  for (auto [i, index] : llvm::enumerate(tensor->ints()))
    if (index != 0 && index != -1 && grows(first + i % period))
      return forbid(node, "reads position " + Twine(index) +
                              " of the traced sequence or batch");
  return success();
}

LogicalResult LengthFreeing::checkIndices(onnx::NodeOp node) {
  const ValueShape *shape = before.shapeOf(node.getInputs()[0]);
  if (!shape || node.getInputs().size() < 2)
    return success();
  if (node.getOpType().ends_with("ND")) {
    const ValueShape *indices = before.shapeOf(node.getInputs()[1]);
    auto depth = indices && !indices->dims.empty()
                     ? constantExtent(indices->dims.back())
                     : std::nullopt;
    return depth && *depth > 0
               ? checkIndices(node, node.getInt("batch_dims", 0), *depth)
               : success();
  }
  auto axis = normalizeAxis(node.getInt("axis", 0), shape->dims.size());
  return axis ? checkIndices(node, *axis, 1) : success();
}

// A Loop of a constant number of trips that reads what changes: nothing says
// whether it walks the sequence.
LogicalResult LengthFreeing::checkTrips(onnx::NodeOp node) {
  ElementsAttr trips =
      node.hasInput(0) ? before.constantOf(node.getInputs()[0]) : nullptr;
  FailureOr<Tensor> count = failure();
  if (trips)
    count = Tensor::fromAttr(trips);
  if (failed(count) || count->isFloat() || count->getNumElements() != 1)
    return success();
  bool reads = false;
  auto visit = [&](Value value) {
    const Expected *extents = expected(value);
    for (size_t d = 0; extents && d < extents->size(); ++d)
      reads |= changes(value, d);
  };
  llvm::for_each(node->getOperands(), visit);
  node->walk(
      [&](Operation *inner) { llvm::for_each(inner->getOperands(), visit); });
  int64_t number = count->ints()[0];
  return reads && (number == length || number == batch)
             ? forbid(node, "runs " + Twine(number) +
                                " times, the traced sequence or batch")
             : success();
}

LogicalResult LengthFreeing::rewrite(onnx::NodeOp node) {
  if (!node.getDomain().empty() || node->getNumResults() == 0 ||
      node.getInputs().empty())
    return success();
  if (failed(rewriteNumbers(node)) || failed(rewriteRowLengths(node)))
    return failure();
  StringRef type = node.getOpType();
  if (type == "Reshape")
    return rewriteTarget(node, /*expands=*/false);
  if (type == "Expand")
    return rewriteTarget(node, /*expands=*/true);
  if (type == "Tile")
    return rewriteRepeats(node);
  if (type == "Slice")
    return rewriteSlice(node);
  if (type == "Gather")
    return checkIndices(node);
  if (type == "Pad")
    return rewritePad(node);
  if (llvm::is_contained({"Conv", "MaxPool", "AveragePool", "LpPool"}, type))
    return checkWindow(node);
  if (type == "Loop")
    return checkTrips(node);
  if (failed(adaptConstants(node)))
    return failure();
  // What is still a constant does not follow the length.
  bool indexed = llvm::StringSwitch<bool>(type)
                     .Cases({"GatherElements", "GatherND"}, true)
                     .Cases({"ScatterElements", "ScatterND"}, true)
                     .Default(false);
  return indexed ? checkIndices(node) : success();
}
