//===- AttentionSites.h - attention to keys of another length ---*- C++ -*-===//
//
// Where queries and keys are tokens of one sequence, its axis shows what mixes
// tokens. A graph that continues a sequence - one token, or some, behind a
// cache of keys and values - has no such axis, nor has attention to another
// sequence. There, attention shows in its two products: scores of queries and
// keys, and their weights with values, an exponential between. What stands
// between them is compared with softmax attention like any region; nothing of
// how it is written counts.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/AttentionMixer.h"
#include "lib/Raise/ComparedLengths.h"
#include "lib/Raise/Products.h"
#include "lib/Raise/Recognise.h"
#include "llvm/ADT/StringMap.h"

#include <map>

namespace ssmc {

/// What may be attention.
struct AttentionSite {
  Region region;
  /// With roles in one of the ways in which its products permit them.
  AttentionMixer mixer;
  /// Extents that must be equal although their types do not say so.
  llvm::SmallVector<std::pair<mlir::AffineExpr, mlir::AffineExpr>> equal;
};

/// True where the graph may have any: a look at its nodes alone.
bool mayHaveAttentionSites(mlir::func::FuncOp func);

/// What may be attention and ends with `node`, in all of its ways.
std::vector<AttentionSite> readAttentionSite(const Graph &graph,
                                             mlir::onnx::NodeOp node);

/// Symbols bound so that there are `queries`, and keys `past` for each symbol
/// of theirs, as far as they are free. Where keys are as many as queries, both
/// are so many together.
llvm::StringMap<int64_t> bindLengths(const Graph &graph,
                                     const AttentionSite &site, int64_t queries,
                                     int64_t past);

/// The same site from where its values stand in front of what turns and repeats
/// them: heads that are shared are shared again.
AttentionSite deepenSite(const Problem &problem, const AttentionSite &site);

/// The attention that sites of a graph are, at lengths that are bound for them.
class SiteRecogniser {
public:
  SiteRecogniser(const RegionFinder &finder, const AxisAnalysis &analysis)
      : finder(finder), analysis(analysis), graph(analysis.getGraph()) {}

  void run();
  /// The region of a raise at the lengths of the check; `plan` says which of
  /// them it needs.
  std::vector<Problem> problemsOf(size_t raise, LengthPlan &plan);

  std::vector<Raise> raises; // by their last nodes

private:
  const Graph &bound(const llvm::StringMap<int64_t> &symbols);
  const Graph &findReadable(const AttentionSite &site);
  std::optional<AttentionSite> identify(mlir::onnx::NodeOp node,
                                        double &deviation);
  Problem problemAt(const AttentionSite &site, const Graph &there) const;
  static bool chooseSense(AttentionMixer &mixer, unsigned choice);
  /// With its constants; nothing where it is none at the extents of `there`.
  std::optional<AttentionSite> compare(const AttentionSite &site,
                                       const Graph &there, double &deviation);

  const RegionFinder &finder;
  const AxisAnalysis &analysis;
  const Graph &graph;
  std::vector<AttentionSite> sites; // of the raises
  std::map<std::string, std::unique_ptr<Graph>> graphs;
};

} // namespace ssmc
