//===- WaveTable.cpp - cosines and sines of positions ---------------------===//
//
// A rotary embedding is a table of cosines and one of sines. Together they give
// every angle, and an angle that has hardly moved over the traced length as
// exactly as one that has turned: a column of the cosines alone is 1 there
// wherever it is rounded. So the frequencies are read from a pair of tables,
//
//   angle(t) = atan2(s(t), c(t)),   amplitude^2 = c(t)^2 + s(t)^2
//
// where another constant of the graph is the partner; a table without one is
// fitted alone.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/TableColumns.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

/// What is stored has been rounded: the angle first, then its cosine.
static bool isRounded(double stored, double exact, double amplitude,
                      double angle) {
  return std::abs(stored - exact) <=
         1.2e-7 * std::abs(amplitude) * (1 + std::abs(angle));
}

/// One row of numbers, one of each column.
static Tensor makeRow(const Columns &columns, ArrayRef<double> values) {
  return columns.make(1, [&](int64_t c, int64_t) { return values[c]; });
}

/// The waves of `cosines`, of which `sines` are a quarter of a turn behind.
static std::optional<PositionTable>
readPair(const Columns &cosines, const Columns &sines, bool wantsSines) {
  double turn = 2 * M_PI;
  double amplitude = std::hypot(cosines.at(0, 0), sines.at(0, 0));
  if (!(amplitude > 0) || !std::isfinite(amplitude))
    return std::nullopt;
  SmallVector<double> frequencies, phases;
  for (int64_t column = 0; column < cosines.count; ++column) {
    double first = std::atan2(sines.at(column, 0), cosines.at(column, 0));
    // The least squares of the angles so far tell how often the next one has
    // turned.
    double frequency = 0, product = 0, square = 0;
    for (int64_t t = 1; t < cosines.length; ++t) {
      double angle =
          std::atan2(sines.at(column, t), cosines.at(column, t)) - first;
      angle += turn * std::round((frequency * t - angle) / turn);
      product += t * angle;
      square += double(t) * t;
      frequency = product / square;
    }
    for (int64_t t = 0; t < cosines.length; ++t) {
      double angle = frequency * t + first;
      if (!isRounded(cosines.at(column, t), amplitude * std::cos(angle),
                     amplitude, angle) ||
          !isRounded(sines.at(column, t), amplitude * std::sin(angle),
                     amplitude, angle))
        return std::nullopt;
    }
    frequencies.push_back(frequency);
    phases.push_back(first + (wantsSines ? PositionTable::kSine : 0));
  }
  return PositionTable{PositionTable::Wave, makeRow(cosines, frequencies),
                       makeRow(cosines, phases), amplitude};
}

// The frequency of cos(t * frequency + phase) by Gauss-Newton, from `frequency`
// on. With `grow` ever more positions are taken in, so that the angle at the
// next one is known to less than a turn.
static std::optional<double> fitFrequency(const Columns &columns,
                                          int64_t column, double phase,
                                          double frequency, bool grow) {
  int64_t used = grow ? 2 : columns.length;
  while (true) {
    for (int step = 0; step < (used < columns.length ? 2 : 8); ++step) {
      double curvature = 0, slope = 0;
      for (int64_t t = 0; t < used; ++t) {
        double angle = frequency * t + phase, derivative = -t * std::sin(angle);
        curvature += derivative * derivative;
        slope += derivative * (columns.at(column, t) - std::cos(angle));
      }
      if (curvature < 1e-30)
        break;
      frequency += slope / curvature;
    }
    if (used == columns.length)
      break;
    used = std::min(columns.length, used + std::max<int64_t>(1, used / 2));
  }
  for (int64_t t = 0; t < columns.length; ++t)
    if (!isRounded(columns.at(column, t), std::cos(frequency * t + phase), 1,
                   frequency * t))
      return std::nullopt;
  return frequency;
}

static std::optional<PositionTable> findAlone(const Columns &columns) {
  SmallVector<double> frequencies, phases;
  int64_t last = columns.length - 1;
  for (int64_t column = 0; column < columns.count; ++column) {
    std::optional<double> found;
    for (double phase : {0.0, PositionTable::kSine}) {
      for (double sign : {1.0, -1.0})
        for (int64_t t : {int64_t(1), last}) {
          double value = columns.at(column, t);
          if (found || !(std::abs(value) <= 1))
            continue;
          double start = (sign * std::acos(value) - phase) / t;
          found = fitFrequency(columns, column, phase, start, t == 1);
          if (found)
            phases.push_back(phase);
        }
    }
    // Where a column does not move, its frequency is too low to be seen.
    if (!found || *found == 0)
      return std::nullopt;
    frequencies.push_back(*found);
  }
  return PositionTable{PositionTable::Wave, makeRow(columns, frequencies),
                       makeRow(columns, phases)};
}

std::optional<PositionTable> ssmc::findWave(const Columns &columns,
                                            ArrayRef<Tensor> constants) {
  if (!columns.table.getElementType().isF32())
    return std::nullopt;
  // Either may be the cosines: those that begin with an angle of 0.
  std::optional<PositionTable> found;
  for (const Tensor &other : constants) {
    if (!other.getElementType().isF32() ||
        longExtents(other) != longExtents(columns.table))
      continue;
    Columns partner(columns, other);
    for (bool sines : {false, true}) {
      auto table = sines ? readPair(partner, columns, true)
                         : readPair(columns, partner, false);
      double phase = sines ? PositionTable::kSine : 0;
      if (table && llvm::all_of(table->second.floats(),
                                [&](double other) { return other == phase; }))
        return table;
      if (table && !found)
        found = std::move(table);
    }
  }
  return found ? found : findAlone(columns);
}
