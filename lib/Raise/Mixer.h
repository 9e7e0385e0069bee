//===- Mixer.h - the catalogue of what a region may be ----------*- C++ -*-===//
//
// A mixer is a hypothesis about a region: which frontier value plays which
// role, in which layout, with which constants. It is written as ops, into a
// block of its own to be compared with the region and into the graph if it is
// right. The catalogue is a list of functions that propose mixers whose roles
// fit a region's shapes; whether one is right is decided by comparing values,
// never here.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Problem.h"
#include "lib/Raise/View.h"

#include <memory>

namespace ssmc {

/// A value in a role.
struct Role {
  mlir::Value value;
  View view;
};

/// The extents of a role's layout.
inline llvm::ArrayRef<int64_t> shapeOf(const Role &role) {
  return role.view.getShape();
}

/// Looks through the views that `role` is, for a value in the mixer's layout.
void skipViews(const AxisAnalysis &analysis, Role &role);

/// Wrong roles deviate by 1e-8 and more, right ones by 1e-13 and less.
constexpr double kMixerTolerance = 1e-9;

class Mixer {
public:
  virtual ~Mixer() = default;
  /// The op it becomes, e.g. "ssm.scan".
  virtual llvm::StringRef getName() const = 0;
  /// Writes it; returns what replaces the exit, then the states.
  virtual mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const = 0;
  /// A mixer that takes in more of the graph around this one's region; null
  /// where there is none. What it returns has been compared piece by piece.
  virtual std::unique_ptr<Mixer> combine(const Problem &problem,
                                         Region &region) {
    return nullptr;
  }
  /// A copy whose roles may be given other values: the mixer of an equal
  /// region. Null where it holds more of its own region than its roles.
  virtual std::unique_ptr<Mixer> clone() const { return nullptr; }
  /// What a check at the traced length cannot show.
  virtual void listAssumptions(llvm::SmallVectorImpl<std::string> &) const {}
  /// The most tokens that it is known for: 0 for any number.
  virtual int64_t getMostTokens() const { return 0; }
  /// How much it may deviate from its region.
  double tolerance = kMixerTolerance;
  /// Its region rounds what it reads of all tokens together, a spectrum say:
  /// deviations are relative to the largest number along both axes.
  bool spreads = false;
  /// True for a node of the region that it computes by, too: a branch that no
  /// input takes is the same branch then.
  virtual bool keepsNode(mlir::Operation *op) const { return false; }
  /// Its operands that are values of the graph.
  virtual llvm::SmallVector<Role *> getRoles() = 0;
};

using MixerList = llvm::SmallVector<std::unique_ptr<Mixer>>;
void proposeScans(const Problem &problem, MixerList &mixers);
void proposeConstantScans(const Problem &problem, MixerList &mixers);
void proposeReadoutScans(const Problem &problem, MixerList &mixers);
/// Linear attention with or without decay, and delta rules.
void proposeMatrixStates(const Problem &problem, MixerList &mixers);
/// ... of both directions.
void proposeQuasiseparable(const Problem &problem, MixerList &mixers);
void proposeMlstm(const Problem &problem, MixerList &mixers);
void proposeAttention(const Problem &problem, MixerList &mixers);
void proposeShortConvs(const Problem &problem, MixerList &mixers);
/// Long convolutions whose kernel is one of the frontier's values ...
void proposeKernelConvs(const Problem &problem, MixerList &mixers);
/// ... or is read off the region.
void proposeImpulseConvs(const Problem &problem, MixerList &mixers);
/// An unrolled loop as it stands: for what no entry of the catalogue matches.
void proposeRecurrences(const Problem &problem, MixerList &mixers);
/// Every entry of the catalogue, in the order in which they are tried.
void proposeMixers(const Problem &problem, MixerList &mixers);

/// Largest |a - b| over the largest |a| near it, along the axis along which
/// that is less or, where it `spreads`, more; infinite where the shapes differ
/// or a value is not finite.
double deviation(const Tensor &a, const Tensor &b, bool spreads = false);

} // namespace ssmc
