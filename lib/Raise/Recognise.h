//===- Recognise.h - finds the mixers of a graph ----------------*- C++ -*-===//

#pragma once

#include "lib/Raise/Mixer.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {

/// A region that was recognised.
struct Raise {
  Region region;
  std::unique_ptr<Mixer> mixer;
  size_t nodes = 0;     // of the region
  double deviation = 0; // seen when it was recognised
  size_t structure = 0; // equal for equal layers with other weights
  size_t identity = 0;  // equal for equal layers with equal weights
};

/// A group of nodes that mixes tokens and was not recognised.
struct Leftover {
  llvm::SmallVector<mlir::Operation *> ops; // in topological order
  std::string reason;
  /// So close to an entry of the catalogue that whoever made the model should
  /// know what keeps it from being one.
  bool isNear = false;
};

/// Tries the regions of a graph against the catalogue. Equal regions of equal
/// layers are compared once.
class Recogniser {
public:
  explicit Recogniser(const AxisAnalysis &analysis);
  void run();

  std::vector<Raise> raises; // in topological order of their exits
  std::vector<Leftover> leftovers;

private:
  void solve(Group group);
  using Proposer = void (*)(const Problem &, MixerList &);
  bool recognise(const Region &region, Proposer propose);
  bool tryFrontier(Region region, Proposer propose);
  bool tryKernels(const Region &region);
  /// The proposal that computes what the region does.
  std::unique_ptr<Mixer> identify(const Region &region, Proposer propose,
                                  double &deviation);
  void give(const Component &component, Leftover &leftover) const;

  const AxisAnalysis &analysis;
  const Graph &graph;
  RegionFinder finder;
  /// By the hash of a region without weights: the number of the proposal that
  /// was right.
  llvm::DenseMap<size_t, size_t> known;
  /// By the hash with them: a region and the mixer that it is.
  struct Proof {
    Region region;
    std::unique_ptr<Mixer> mixer;
    double deviation = 0;
  };
  llvm::DenseMap<size_t, Proof> proven;
  /// The mixer of a proof with the values of an equal region in its roles.
  std::unique_ptr<Mixer> transfer(const Proof &proof,
                                  const Region &region) const;
  /// A proposal that was wrong.
  struct Miss {
    std::string text;
    double deviation = 0;
    unsigned regions = 0; // of which that has been said
  };
  void note(const Miss &miss);
  /// By the hash without weights: regions that nothing matched, and what came
  /// closest.
  llvm::DenseMap<size_t, Miss> hopeless;
  /// The closest wrong proposal of the current group.
  Miss closest;
};

} // namespace ssmc
