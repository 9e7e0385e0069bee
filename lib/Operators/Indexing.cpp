//===- Indexing.cpp - shared by operators that move elements --------------===//

#include "lib/Operators/Indexing.h"

#include "lib/Operators/Broadcast.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace ssmc;

FailureOr<SmallVector<int64_t>> ssmc::normalizeAxes(ArrayRef<int64_t> axes,
                                                    int64_t rank) {
  SmallVector<int64_t> result;
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t axis : axes) {
    std::optional<int64_t> normal = normalizeAxis(axis, rank);
    if (!normal || !seen.insert(*normal).second)
      return failure();
    result.push_back(*normal);
  }
  return result;
}

void ssmc::forEachIndex(ArrayRef<int64_t> shape,
                        function_ref<void(ArrayRef<int64_t>)> visit) {
  if (llvm::is_contained(shape, 0))
    return;
  SmallVector<int64_t> index(shape.size(), 0);
  while (true) {
    visit(index);
    int64_t d = static_cast<int64_t>(shape.size()) - 1;
    for (; d >= 0 && ++index[d] == shape[d]; --d)
      index[d] = 0;
    if (d < 0)
      return;
  }
}

int64_t ssmc::linearize(ArrayRef<int64_t> index, ArrayRef<int64_t> strides) {
  int64_t position = 0;
  for (auto [i, stride] : llvm::zip(index, strides))
    position += i * stride;
  return position;
}

FailureOr<Tensor>
ssmc::pickElements(EvalContext &ctx, const Tensor &source,
                   ArrayRef<int64_t> shape,
                   function_ref<int64_t(ArrayRef<int64_t>)> sourceOf) {
  if (!Tensor::fits(shape))
    return ctx.error("has a result too large to compute");
  Tensor result(source.getElementType(), shape);
  int64_t limit = source.getNumElements();
  bool inside = true;
  auto copy = [&](auto in, auto out) {
    int64_t i = 0;
    forEachIndex(shape, [&](ArrayRef<int64_t> index) {
      int64_t from = sourceOf(index);
      if (from >= limit)
        inside = false;
      else if (from >= 0)
        out[i] = in[from];
      ++i;
    });
  };
  if (source.isFloat())
    copy(source.floats(), result.mutableFloats());
  else
    copy(source.ints(), result.mutableInts());
  if (!inside)
    return ctx.error("reads outside of its input");
  return result;
}

FailureOr<Tensor> ssmc::pickStrided(EvalContext &ctx, const Tensor &source,
                                    ArrayRef<int64_t> shape, int64_t base,
                                    ArrayRef<int64_t> strides) {
  if (!Tensor::fits(shape))
    return ctx.error("has a result too large to compute");
  Tensor result = Tensor::uninitialized(source.getElementType(), shape);
  if (result.getNumElements() == 0)
    return result;
  // The first and the last position that is read.
  int64_t low = base, high = base;
  for (auto [extent, stride] : llvm::zip_equal(shape, strides))
    (stride < 0 ? low : high) += (extent - 1) * stride;
  if (low < 0 || high >= source.getNumElements())
    return ctx.error("reads outside of its input");
  auto copy = [&](auto in, auto out) {
    forEachRun(shape, SmallVector<int64_t>(strides),
               [&](int64_t i, int64_t length, ArrayRef<int64_t> at,
                   ArrayRef<int64_t> steps) {
                 auto *from = in.data() + base + at[0];
                 auto *to = out.data() + i;
                 if (int64_t step = steps[0]; step == 1)
                   std::copy_n(from, length, to);
                 else
                   for (int64_t k = 0; k < length; ++k)
                     to[k] = from[k * step];
               });
  };
  if (source.isFloat())
    copy(source.floats(), result.mutableFloats());
  else
    copy(source.ints(), result.mutableInts());
  return result;
}

LogicalResult ssmc::finish(EvalContext &ctx, FailureOr<Tensor> result) {
  if (failed(result))
    return failure();
  ctx.results[0] = std::move(*result);
  return success();
}

FailureOr<SmallVector<int64_t>> ssmc::inputInts(EvalContext &ctx, unsigned i) {
  if (!ctx.has(i) || ctx.inputs[i].isFloat())
    return ctx.error("needs integers as input " + Twine(i));
  ArrayRef<int64_t> ints = ctx.inputs[i].ints();
  return SmallVector<int64_t>(ints);
}

FailureOr<std::optional<SmallVector<int64_t>>>
ssmc::intsOfAttrOrInput(EvalContext &ctx, StringRef name, unsigned i) {
  if (auto attr = ctx.node.getInts(name))
    return attr;
  if (!ctx.has(i))
    return std::optional<SmallVector<int64_t>>();
  FailureOr<SmallVector<int64_t>> ints = inputInts(ctx, i);
  if (failed(ints))
    return failure();
  return std::optional<SmallVector<int64_t>>(std::move(*ints));
}

FailureOr<std::optional<SmallVector<int64_t>>>
ssmc::intsOfAttrOrInput(InferContext &ctx, StringRef name, unsigned i) {
  if (auto attr = ctx.node.getInts(name))
    return attr;
  if (!ctx.node.hasInput(i))
    return std::optional<SmallVector<int64_t>>();
  if (auto ints = ctx.constantInts(i))
    return ints;
  if (auto elements = ctx.elements(i)) {
    SmallVector<int64_t> ints;
    for (AffineExpr element : *elements) {
      auto value = dyn_cast<AffineConstantExpr>(element);
      if (!value)
        return ctx.error("needs constant " + name);
      ints.push_back(value.getValue());
    }
    return std::optional<SmallVector<int64_t>>(std::move(ints));
  }
  return ctx.error("needs constant " + name);
}
