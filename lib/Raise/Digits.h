//===- Digits.h - what the positions along an axis mean ---------*- C++ -*-===//
//
// An axis of a tensor is a mixed-radix number: a list of digits, the most
// significant first, whose extents multiply to the axis' extent. A digit is a
// piece of the batch, of time or of something else. An axis that merges batch
// and time is [b:2, t:24]; time cut into chunks of 8 is t:3 with stride 8 on
// one axis and t:8 with stride 1 on another.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace ssmc {

/// From `Candidate` on: an axis of some input of which it is not known yet what
/// it is, see AxisClasses.h. Other analyses never meet one.
enum class AxisKind : uint32_t { Other, Batch, Time, Candidate };

struct Digit {
  AxisKind kind = AxisKind::Other;
  int64_t stride = 1; // of all but Other: how far one step of it goes
  int64_t extent = 1;

  bool operator==(const Digit &other) const {
    return kind == other.kind && extent == other.extent &&
           (kind == AxisKind::Other || stride == other.stride);
  }
};

using Digits = llvm::SmallVector<Digit, 1>;
using ValueAxes = llvm::SmallVector<Digits, 4>;

/// What a value is to the sequence.
enum class TokenClass : uint8_t {
  Constant, // does not depend on any input's data
  PerToken, // every position of time once: the time digits tile
  Mixed     // anything else: a slice of time, a state, scores
};

/// Axes of a shape about which nothing is known.
ValueAxes unlabelled(llvm::ArrayRef<int64_t> shape);
/// True where some digit is of the batch or of time.
bool isLabelled(const Digits &axis);
bool hasKind(const Digits &axis, AxisKind kind);
inline bool hasTime(const Digits &axis) {
  return hasKind(axis, AxisKind::Time);
}
/// True where the axis is nothing but one digit of time, or of what may be it.
bool isPlainTime(const Digits &axis);
/// Joins neighbours that continue each other: t8:3, t1:8 is t1:24.
void joinDigits(Digits &axis);
/// The axes after a reshape that keeps the order of elements. Sets `lost`
/// where a labelled digit could not be cut as the new shape asks.
ValueAxes reshapeAxes(const ValueAxes &from, llvm::ArrayRef<int64_t> shape,
                      bool &lost);
/// True where the digits of `kind` cover all positions of `extent` once.
bool tiles(const ValueAxes &axes, AxisKind kind, int64_t extent);
/// Class of a value that depends on data, for a sequence of `length`.
TokenClass classifyAxes(const ValueAxes &axes, int64_t length);
/// Product of the extents of the time digits.
int64_t timeExtent(const ValueAxes &axes);

} // namespace ssmc
