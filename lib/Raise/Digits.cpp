//===- Digits.cpp - what the positions along an axis mean -----------------===//

#include "lib/Raise/Digits.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace ssmc {

ValueAxes unlabelled(ArrayRef<int64_t> shape) {
  ValueAxes axes;
  for (int64_t extent : shape)
    axes.push_back({Digit{AxisKind::Other, 1, extent}});
  return axes;
}

bool hasKind(const Digits &axis, AxisKind kind) {
  return any_of(axis, [&](const Digit &d) { return d.kind == kind; });
}

bool isLabelled(const Digits &axis) {
  return any_of(axis, [](const Digit &d) { return d.kind != AxisKind::Other; });
}

bool isPlainTime(const Digits &axis) {
  return axis.size() == 1 && axis[0].kind >= AxisKind::Time;
}

/// An axis of one position of the batch is told from one that only keeps ranks
/// equal; a token by itself is not.
static bool keepsOne(const Digit &digit) {
  return digit.kind != AxisKind::Other && digit.kind != AxisKind::Time;
}

void joinDigits(Digits &axis) {
  Digits joined;
  for (const Digit &digit : axis) {
    if (digit.extent == 1 &&
        (axis.size() > 1 || digit.kind == AxisKind::Time) && !keepsOne(digit))
      continue;
    if (!joined.empty() && joined.back().kind == digit.kind) {
      Digit &last = joined.back();
      if (digit.kind == AxisKind::Other ||
          last.stride == digit.stride * digit.extent) {
        last.extent *= digit.extent;
        last.stride = digit.stride;
        continue;
      }
    }
    joined.push_back(digit);
  }
  if (joined.empty())
    joined.push_back(Digit());
  axis = std::move(joined);
}

ValueAxes reshapeAxes(const ValueAxes &from, ArrayRef<int64_t> shape,
                      bool &lost) {
  // The digits in order, and where those of one position stand: between which
  // elements, counted from the outside.
  Digits flat;
  int64_t before = 1;
  SmallVector<std::pair<int64_t, Digit>, 2> ones;
  // Of nothing, no position means anything.
  if (is_contained(shape, 0)) {
    lost |= any_of(from, isLabelled);
    return unlabelled(shape);
  }
  for (const Digits &axis : from)
    for (const Digit &digit : axis) {
      if (digit.extent != 1)
        flat.push_back(digit);
      else if (keepsOne(digit))
        ones.push_back({before, digit});
      before *= digit.extent;
    }
  std::reverse(flat.begin(), flat.end()); // taken from the back

  ValueAxes axes;
  bool failed = false;
  before = 1;
  for (int64_t extent : shape) {
    Digits axis;
    int64_t missing = extent;
    while (missing > 1 && !failed) {
      if (flat.empty()) {
        failed = true;
        break;
      }
      Digit digit = flat.pop_back_val();
      if (missing % digit.extent == 0) {
        axis.push_back(digit);
        missing /= digit.extent;
      } else if (digit.extent % missing == 0) {
        int64_t inner = digit.extent / missing;
        axis.push_back({digit.kind, digit.stride * inner, missing});
        flat.push_back({digit.kind, digit.stride, inner});
        missing = 1;
      } else {
        failed = true;
        lost |= digit.kind != AxisKind::Other;
      }
    }
    if (failed)
      axis = {Digit{AxisKind::Other, 1, extent}};
    auto *one = find_if(ones, [&](const auto &o) { return o.first == before; });
    if (extent == 1 && one != ones.end()) {
      axis = {one->second};
      ones.erase(one);
    }
    before *= extent;
    joinDigits(axis);
    axes.push_back(std::move(axis));
  }
  lost |=
      any_of(flat, [](const Digit &d) { return d.kind != AxisKind::Other; });
  return axes;
}

int64_t timeExtent(const ValueAxes &axes) {
  int64_t extent = 1;
  for (const Digits &axis : axes)
    for (const Digit &digit : axis)
      if (digit.kind == AxisKind::Time)
        extent *= digit.extent;
  return extent;
}

bool tiles(const ValueAxes &axes, AxisKind kind, int64_t extent) {
  SmallVector<Digit, 4> time;
  for (const Digits &axis : axes)
    for (const Digit &digit : axis)
      if (digit.kind == kind)
        time.push_back(digit);
  llvm::sort(
      time, [](const Digit &a, const Digit &b) { return a.stride < b.stride; });
  int64_t covered = 1;
  for (const Digit &digit : time) {
    if (digit.stride != covered)
      return false;
    covered *= digit.extent;
  }
  return covered >= extent;
}

TokenClass classifyAxes(const ValueAxes &axes, int64_t length) {
  return tiles(axes, AxisKind::Time, length) ? TokenClass::PerToken
                                             : TokenClass::Mixed;
}

} // namespace ssmc
