//===- View.cpp - a value in the layout of a mixer's operand --------------===//

#include "lib/Raise/View.h"

using namespace mlir;

namespace ssmc {

SmallVector<int64_t> restExtents(const ValueAxes &axes) {
  SmallVector<int64_t> extents;
  for (const Digits &axis : axes)
    for (const Digit &digit : axis)
      if (digit.kind == AxisKind::Other && digit.extent != 1)
        extents.push_back(digit.extent);
  return extents;
}

std::optional<View> View::merged(const ValueAxes &axes) {
  return make(axes, /*hasTime=*/true, {}, {unsigned(restExtents(axes).size())});
}

View View::identity(const ValueAxes &axes) {
  View view;
  for (const Digits &axis : axes) {
    view.axes.emplace_back(axis.begin(), axis.end());
    view.merges.push_back(axis.size());
    for (unsigned i = 0; i < axis.size(); ++i)
      view.perm.push_back(view.perm.size());
  }
  view.finish();
  return view;
}

std::optional<View> View::make(const ValueAxes &valueAxes, bool hasTimeAxis,
                               ArrayRef<unsigned> order,
                               ArrayRef<unsigned> groups) {
  View view;
  SmallVector<unsigned> batch, time, rest, ones;
  SmallVector<Digit> all;
  for (const Digits &axis : valueAxes) {
    view.axes.emplace_back(axis.begin(), axis.end());
    for (const Digit &digit : axis) {
      unsigned at = all.size();
      all.push_back(digit);
      if (digit.kind == AxisKind::Batch)
        batch.push_back(at);
      else if (digit.kind == AxisKind::Time)
        time.push_back(at);
      else if (digit.extent != 1)
        rest.push_back(at);
      else
        ones.push_back(at);
    }
  }
  if (!hasTimeAxis && !time.empty())
    return std::nullopt;
  auto outermostFirst = [&](unsigned a, unsigned b) {
    return all[a].stride != all[b].stride ? all[a].stride > all[b].stride
                                          : a < b;
  };
  llvm::sort(time, outermostFirst);
  llvm::sort(batch, outermostFirst);
  if (!order.empty() && order.size() != rest.size())
    return std::nullopt;

  // Axes of extent one go with the batch: they change no order.
  view.perm.append(ones);
  view.perm.append(batch);
  view.merges.push_back(ones.size() + batch.size());
  if (hasTimeAxis) {
    view.perm.append(time);
    view.merges.push_back(time.size());
  }
  for (unsigned i = 0; i < rest.size(); ++i)
    view.perm.push_back(rest[order.empty() ? i : order[i]]);
  if (groups.empty())
    view.merges.append(rest.size(), 1);
  else
    view.merges.append(groups.begin(), groups.end());
  unsigned merged = 0;
  for (unsigned count : view.merges)
    merged += count;
  if (merged != view.perm.size())
    return std::nullopt;
  view.finish();
  return view;
}

void View::finish() {
  digits.clear();
  result.clear();
  for (const auto &axis : axes)
    for (const Digit &digit : axis)
      digits.push_back(digit.extent);
  unsigned next = 0;
  for (unsigned count : merges) {
    int64_t extent = 1;
    for (unsigned i = 0; i < count; ++i)
      extent *= digits[perm[next++]];
    result.push_back(extent);
  }
}

SmallVector<int64_t> View::valueShape() const {
  SmallVector<int64_t> shape;
  for (const auto &axis : axes) {
    int64_t extent = 1;
    for (const Digit &digit : axis)
      extent *= digit.extent;
    shape.push_back(extent);
  }
  return shape;
}

Tensor View::apply(const Tensor &value) const {
  return permute(value.reshaped(digits), perm).reshaped(result);
}

std::optional<Tensor> View::tryApply(const Tensor &value) const {
  if (value.isNull() || !value.isFloat() ||
      value.getShape() != ArrayRef<int64_t>(valueShape()))
    return std::nullopt;
  return apply(value);
}

Tensor View::invert(const Tensor &canonical) const {
  SmallVector<int64_t> permuted;
  SmallVector<unsigned> inverse(perm.size());
  for (auto [i, p] : llvm::enumerate(perm)) {
    permuted.push_back(digits[p]);
    inverse[p] = i;
  }
  return permute(canonical.reshaped(permuted), inverse).reshaped(valueShape());
}

bool View::isIdentity() const {
  // The digits that count stand in order, one per axis, with no ones between.
  return llvm::ArrayRef<int64_t>(result) ==
             llvm::ArrayRef<int64_t>(valueShape()) &&
         llvm::is_sorted(perm) &&
         llvm::all_of(merges, [](unsigned count) { return count == 1; });
}

std::optional<View> View::resized(int64_t batch, int64_t time) const {
  View view = *this;
  for (auto &axis : view.axes)
    for (Digit &digit : axis) {
      if (digit.kind == AxisKind::Other)
        continue;
      if (axis.size() != 1 || digit.stride != 1)
        return std::nullopt;
      digit.extent = digit.kind == AxisKind::Batch ? batch : time;
    }
  view.finish();
  return view;
}

Tensor permute(const Tensor &tensor, ArrayRef<unsigned> perm) {
  if (llvm::is_sorted(perm))
    return tensor;
  SmallVector<int64_t> strides = rowMajorStrides(tensor.getShape());
  SmallVector<int64_t> shape, steps;
  for (unsigned p : perm) {
    shape.push_back(tensor.getShape()[p]);
    steps.push_back(strides[p]);
  }
  Tensor out(tensor.getElementType(), shape);
  int64_t count = out.getNumElements();
  // Rows along the last axis, counting the other axes like an odometer.
  int64_t row = shape.back(), step = steps.back();
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t from = 0;
  auto run = [&](auto source, auto target) {
    for (int64_t i = 0; i < count; i += row) {
      for (int64_t j = 0; j < row; ++j)
        target[i + j] = source[from + j * step];
      for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d) {
        from += steps[d];
        if (++index[d] < shape[d])
          break;
        from -= steps[d] * shape[d];
        index[d] = 0;
      }
    }
  };
  if (tensor.isFloat())
    run(tensor.floats(), out.mutableFloats());
  else
    run(tensor.ints(), out.mutableInts());
  return out;
}

} // namespace ssmc
