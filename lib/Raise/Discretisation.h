//===- Discretisation.h - exp(delta A) and delta B x -----------*- C++ -*-===//
//
// How these are spelled is not looked at: the nodes in front of a scan's decay
// and drive are taken in until what they are computed from has no axis of
// states left, then the two functions are compared with what they should be; A
// is read off their values.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Pieces.h"

namespace ssmc {

/// exp(delta A) and delta B x.
class Discretisation {
public:
  Discretisation(const Pieces &pieces, const Role &a, const Role &u,
                 int64_t states)
      : pieces(pieces), problem(pieces.problem), a(a), u(u), states(states) {}

  bool find(llvm::SmallVector<mlir::Value> frontier);

  std::optional<Role> x, delta, B;
  Tensor A;

private:
  bool tryFrontier(llvm::ArrayRef<mlir::Value> frontier);
  Answer check(int64_t time);
  Answer readA(int64_t time);

  const Pieces &pieces;
  const Problem &problem;
  const Role &a, &u;
  int64_t states;
};

} // namespace ssmc
