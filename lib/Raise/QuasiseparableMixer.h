//===- QuasiseparableMixer.h - matrix states of both directions -*- C++ -*-===//
//
// Linear attention along time and against it, of the same values, summed:
// ssm.quasiseparable, which reads in each direction the state that the token
// has not changed yet. Where a region reads the state behind that, the state is
// decayed once more, which the query can be instead, and the token sees itself,
// which is a number on the diagonal.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/HeadRoles.h"

namespace ssmc {

class QuasiseparableMixer : public Mixer {
public:
  explicit QuasiseparableMixer(const HeadLayout &layout) : layout(layout) {}

  llvm::StringRef getName() const override { return "ssm.quasiseparable"; }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<QuasiseparableMixer>(*this);
  }
  llvm::SmallVector<Role *> getRoles() override;

  /// One direction of time.
  struct Side {
    std::optional<Role> q, k;  // [batch, time, head, key]
    std::optional<Role> decay; // its logarithm: [batch, time, head (, key)]
    /// The token before, along the direction, is what reads.
    bool shifted = false;
    /// The state has decayed at the token that reads it, or what a token adds
    /// decays at once.
    bool decaysQueries = false, decaysKeys = false;
    /// The token that reads it has been added to it.
    bool own = false;
    /// Of what is read out.
    double scale = 1;
  };

  HeadLayout layout;
  std::optional<Role> v; // [batch, time, head, value]
  Side sides[2];         // along time, and against it

private:
  struct Written {
    mlir::Value queries, keys, decays, diagonal;
  };
  mlir::FailureOr<Written> emitSide(GraphWriter &writer, bool reverse) const;
};

} // namespace ssmc
