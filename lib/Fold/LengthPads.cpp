//===- LengthPads.cpp - paddings and windows of the traced length ---------===//
//
// A padding, or the window of a convolution or a pool, as long as the sequence
// is another one at another length, and is refused. A negative amount cuts: of
// a traced sequence, down to a number of tokens that does not depend on its
// length.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/LengthFreeing.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// The amounts of a Pad: all fronts, then all backs, one of each axis of it.
struct Amounts {
  SmallVector<AffineExpr> values;
  SmallVector<int64_t> axes;
};
} // namespace

static std::optional<Amounts>
amountsOf(onnx::NodeOp node, const ShapeInference &shapes, size_t rank) {
  Amounts amounts;
  if (auto given = node.getInts("pads")) {
    amounts.values = getAffineConstantExprs(*given, node.getContext());
  } else if (node.hasInput(1)) {
    auto values = shapes.elementsOf(node.getInputs()[1]);
    if (!values)
      return std::nullopt;
    llvm::append_range(amounts.values, *values);
  }
  if (node.hasInput(3)) {
    auto axes = shapes.elementsOf(node.getInputs()[3]);
    if (!axes)
      return std::nullopt;
    for (AffineExpr expr : *axes) {
      auto given = constantExtent(expr);
      auto axis = given ? normalizeAxis(*given, rank) : std::nullopt;
      if (!axis)
        return std::nullopt;
      amounts.axes.push_back(*axis);
    }
  } else {
    for (size_t axis = 0; axis < rank; ++axis)
      amounts.axes.push_back(axis);
  }
  if (amounts.values.size() != 2 * amounts.axes.size())
    return std::nullopt;
  return amounts;
}

LogicalResult LengthFreeing::rewritePad(onnx::NodeOp node) {
  Value in = node.getInputs()[0];
  const ValueShape *shape = before.shapeOf(in);
  const ValueShape *out = before.shapeOf(node->getResult(0));
  if (!shape || !out)
    return success();
  auto amounts = amountsOf(node, before, shape->dims.size());
  if (!amounts)
    return success();
  size_t count = amounts->axes.size();
  SmallVector<AffineExpr> next;
  for (AffineExpr amount : amounts->values)
    next.push_back(substitute(amount));
  bool rewritten = false;
  for (auto [i, d] : llvm::enumerate(amounts->axes)) {
    auto front = constantExtent(next[i]),
         back = constantExtent(next[i + count]);
    for (auto amount : {front, back})
      if (newLength && length > 1 && amount && *amount > 1 && follows(in, d) &&
          (*amount == length || *amount == length - 1))
        return forbid(node, "pads the sequence by " + Twine(*amount) +
                                ", which may be its traced length");
    if (!changes(in, d) || ((!front || *front >= 0) && (!back || *back >= 0)))
      continue;
    if (front && back && *front + *back == 0)
      continue; // a shift
    auto kept = constantExtent(out->dims[d]);
    if (!front || !back || (*front < 0 && *back < 0) || !kept ||
        changes(node->getResult(0), d) || !node.hasInput(1))
      return forbid(node, "cuts the sequence by a number of the traced length");
    size_t cut = *front < 0 ? i : i + count;
    size_t other = *front < 0 ? i + count : i;
    next[cut] = simplifyExtent(*kept - next[other] - (*expected(in))[d]);
    assume(node,
           "what it keeps are " + Twine(*kept) + " tokens at every length");
    rewritten = true;
  }
  if (!rewritten)
    return success();
  return setExtents(node, 1, next, "amounts");
}

// How many elements a window has along each spatial axis; none where that is
// not known.
static SmallVector<std::optional<int64_t>>
windowOf(onnx::NodeOp node, const ShapeInference &shapes) {
  SmallVector<std::optional<int64_t>> sizes;
  if (node.getOpType() == "Conv") {
    const ValueShape *weight =
        node.hasInput(1) ? shapes.shapeOf(node.getInputs()[1]) : nullptr;
    for (size_t d = 2; weight && d < weight->dims.size(); ++d)
      sizes.push_back(constantExtent(weight->dims[d]));
  } else if (auto given = node.getInts("kernel_shape")) {
    sizes.append(given->begin(), given->end());
  }
  return sizes;
}

// A window that holds all of the sequence, or is as long, with its dilation or
// without.
LogicalResult LengthFreeing::checkWindow(onnx::NodeOp node) {
  Value in = node.getInputs()[0];
  const ValueShape *out = before.shapeOf(node->getResult(0));
  if (!out || !newLength || length < 2)
    return success();
  auto dilations = node.getInts("dilations");
  for (auto [k, size] : llvm::enumerate(windowOf(node, before))) {
    size_t d = k + 2;
    if (!size || *size < 2 || d >= out->dims.size() || !follows(in, d))
      continue;
    int64_t dilation = dilations && k < dilations->size() ? (*dilations)[k] : 1;
    int64_t reach = (*size - 1) * dilation + 1;
    if (*size == length || reach == length ||
        (constantExtent(out->dims[d]) == 1 && changes(in, d)))
      return forbid(node, "has a window of " + Twine(*size) +
                              " along the sequence (dimension " + Twine(d) +
                              "), which may be its traced length of " +
                              Twine(length));
  }
  return success();
}
