//===- MatrixStateConstants.h - what no token decides -----------*- C++ -*-===//
//
// What a region computes at rest but for one token gives the constants of a
// mixer with a matrix state: with keys and values of one at the first token,
// queries of one and decays of a half, the read-out is the number of keys times
// the scale, and what is left of it a token later is the decay. Where each step
// does not leave the same part, constants are those of each key, or the token
// itself is read in another way than the state.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/MatrixStateMixer.h"

#include <map>

namespace ssmc {

/// The roles' layouts do not matter to what a region does with a single key: it
/// is evaluated once for each assignment of values to roles.
class MatrixStateConstants {
public:
  MatrixStateConstants(const Problem &problem, bool reverse)
      : problem(problem), reverse(reverse),
        length(problem.analysis.getLength()) {}
  /// Sets scale, constant decay and bonus; false where the region is no such
  /// mixer.
  bool read(MatrixStateMixer &mixer);

private:
  /// The exit for a first key of `key`.
  const Tensor &respond(MatrixStateMixer &mixer, double key = 1);
  bool readNorm(MatrixStateMixer &mixer, const Tensor &once);
  bool readHeads(MatrixStateMixer &mixer, const Tensor &y);
  /// What is read of each key of the token, and of those one and two before:
  /// [3, head, key].
  std::optional<Tensor> respondToKeys(MatrixStateMixer &mixer);
  bool readKeys(MatrixStateMixer &mixer);
  int64_t token(int64_t step) const {
    return reverse ? length - 1 - step : step;
  }

  const Problem &problem;
  bool reverse;
  int64_t length;
  /// By the key and what is a decay of a half, and the roles' values.
  using Question = std::tuple<double, double, std::vector<const void *>>;
  std::map<Question, Tensor> responses;
};

} // namespace ssmc
