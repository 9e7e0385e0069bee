//===- Region.h - parts of a graph that mix tokens --------------*- C++ -*-===//
//
// A region is everything between some frontier values and one exit: a function
// of the frontier. It is cut so that the frontier and the exit are per token,
// which makes it a sequence-to-sequence map that a mixer can be compared with.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Extents.h"
#include "lib/Raise/AxisAnalysis.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"

namespace ssmc {

struct Region {
  /// What the region computes from, in order of definition.
  llvm::SmallVector<mlir::Value> frontier;
  /// Its per-token result.
  mlir::Value exit;
  /// States that leave it: results of the graph that are not per token.
  llvm::SmallVector<mlir::Value> states;
};

/// The nodes of a region and the constants they use from outside.
struct Cone {
  llvm::SmallVector<mlir::Operation *> nodes; // in topological order
  llvm::SmallVector<mlir::Value> constants;
};

/// The nodes that `roots` need beyond `frontier`; nothing where the walk meets
/// an input of the graph or more than `limit` nodes.
std::optional<Cone> collectCone(const Graph &graph,
                                llvm::ArrayRef<mlir::Value> roots,
                                llvm::ArrayRef<mlir::Value> frontier,
                                size_t limit = 1u << 20);

/// Nodes that mix tokens or touch a value that is not per token, joined where
/// they share such a value.
struct Component {
  llvm::SmallVector<mlir::Operation *> nodes; // in topological order
};
/// Components that reach each other without passing a weight: one mixer and
/// what is fused with it. In topological order.
using Group = llvm::SmallVector<Component>;

class RegionFinder {
public:
  explicit RegionFinder(const AxisAnalysis &analysis);

  std::vector<Group> findGroups() const;
  /// Which components of a group may be taken off its front, fewest first: as
  /// they stand, and each one alone with what it follows from, which does not
  /// depend on the order of nodes that do not follow from each other.
  std::vector<llvm::SmallBitVector>
  listPeels(llvm::ArrayRef<Component> group) const;
  /// The region that contains the components: their convex hull, and what
  /// follows it up to a single per-token exit of the sequence's length.
  std::optional<Region> close(llvm::ArrayRef<Component> components) const;
  /// The next value on which all that follows `exit` depends, passing per-token
  /// nodes only, at most `limit` of them. Null where there is none. What these
  /// nodes take from elsewhere is added to `others`.
  mlir::Value nextExit(mlir::Value exit,
                       llvm::SmallVectorImpl<mlir::Value> &others,
                       unsigned limit = 16) const;
  /// The same region to the exponential of its exit, where nothing else reads
  /// that: sums in the space of logarithms.
  std::optional<Region> exponentiate(const Region &region) const;
  /// The same region from where its values and to where its exit have all of
  /// the sequence on an axis of its own: in front of paddings and cuts into
  /// chunks, and behind what undoes them.
  Region straighten(const Region &region) const;
  /// The same region to where what it gives has met its own frontier again,
  /// the nearest such exit first.
  llvm::SmallVector<Region> listClosedExits(const Region &region) const;
  /// The same region from deeper: what is computed for every pair of features
  /// from each of them, the matrix that is added to a state for one, and the
  /// exponentials of decays are inside.
  Region deepen(const Region &region) const;
  /// The same region from where its values and, with `behind`, to where its
  /// exit are fewer: in front of what repeats values or multiplies each with
  /// each, and behind what sums such products up.
  Region widen(const Region &region, bool behind) const;
  /// Replaces `value` in `frontier` by what it is computed from; false where
  /// its node is not transparent.
  bool expand(llvm::SmallVectorImpl<mlir::Value> &frontier,
              mlir::Value value) const;
  /// Replaces frontier values that are views of one value by that value.
  void mergeViews(llvm::SmallVectorImpl<mlir::Value> &frontier) const;
  /// Other frontiers of the same region: decays as logarithms or logits, and
  /// outer products as their factors.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>>
  inFrontOfFactors(llvm::ArrayRef<mlir::Value> frontier) const;
  /// Tables that a region reads of data from one value, and what they are
  /// computed from: floats that no input reaches, with an axis for each of
  /// `channels` and one beside it. Those of one length first, then nearest
  /// first.
  llvm::SmallVector<mlir::Value> listTables(const Region &region,
                                            int64_t channels) const;
  /// Drops frontier values that others determine.
  void absorbDominated(llvm::SmallVectorImpl<mlir::Value> &frontier) const;
  /// True for a per-token node that may be moved into a region: neither mixing
  /// nor a product with a weight nor an embedding.
  bool isTransparent(mlir::Operation *op) const;
  bool isCore(mlir::Operation *op) const;

private:
  /// A product with a constant matrix, or a table look-up: what separates one
  /// mixer from the next.
  bool isWeight(mlir::Operation *op) const;
  bool absorbConsumer(llvm::SetVector<mlir::Operation *> &hull,
                      llvm::ArrayRef<mlir::Value> live) const;
  /// Whether a value has all of the sequence on one axis: as many tokens as are
  /// traced and no other number of them; tokens and what completes a multiple;
  /// the tokens at every length.
  enum class Straight { No, AsTraced, Padded, Exactly };
  Straight howStraight(mlir::Value value) const;
  /// How many numbers each token has of a value; 0 where it is not known.
  int64_t widthOf(mlir::Value value) const;
  /// The few values from which `value` is computed token by token and which are
  /// narrower together; empty where there are none.
  llvm::SmallVector<mlir::Value> narrow(mlir::Value value) const;
  bool leaves(const llvm::SetVector<mlir::Operation *> &hull,
              mlir::Operation *user) const;
  /// Values of `hull` that are used outside of it.
  llvm::SmallVector<mlir::Value>
  liveOut(const llvm::SetVector<mlir::Operation *> &hull) const;

  const AxisAnalysis &analysis;
  const Graph &graph;
  mutable ModuleSymbols symbols;
  mlir::AffineExpr length; // of the sequence; null where that is a number
};

/// True for an operator that only changes the shape or layout of its operand.
bool isView(mlir::Operation *op);
/// Sorts values by where they are defined, arguments first.
void sortByDefinition(const Graph &graph,
                      llvm::SmallVectorImpl<mlir::Value> &values);

} // namespace ssmc
