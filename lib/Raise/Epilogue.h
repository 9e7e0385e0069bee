//===- Epilogue.h - skip and gate behind a scan ----------------*- C++ -*-===//
//
// From a scan's y to some later value that is (y + D x) silu(z): the gate is a
// function of one value somewhere in front of what is read, D is read off.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Pieces.h"

namespace ssmc {

/// (y + D x) silu(z), from the scan's y up to some later value.
class Epilogue {
public:
  /// `xs` are views of x, any of which the skip may read.
  Epilogue(const Pieces &pieces, const Role &y, llvm::ArrayRef<Role> xs)
      : pieces(pieces), problem(pieces.problem), xs(xs), y(y), x(xs.front()) {}

  bool find(mlir::Value exit, llvm::ArrayRef<mlir::Value> others);

  std::optional<Role> exit, z;
  Tensor D;
  const Role &getX() const { return x; }

private:
  bool findGate(llvm::ArrayRef<mlir::Value> others);
  Answer check(int64_t time);

  const Pieces &pieces;
  const Problem &problem;
  llvm::ArrayRef<Role> xs;
  Role y, x;
};

} // namespace ssmc
