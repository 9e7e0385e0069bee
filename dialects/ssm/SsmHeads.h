//===- SsmHeads.h - mixers with heads that share operands -------*- C++ -*-===//
//
// The mixers with a state of H x N x P have J query heads, G key heads, H value
// and state heads and Y = max(J, H) output heads. Fewer heads are shared in
// order: of n heads, head i of m uses head i*n/m.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmVerify.h"

namespace mlir::ssm {

/// The numbers of heads of a mixer.
struct Heads {
  int64_t queries, keys, states;
  int64_t outputs() const { return std::max(queries, states); }
  /// No head is shared.
  bool isPlain() const { return queries == keys && keys == states; }
};

/// The extents of such a mixer, in the order of its shape. H is a loop if no
/// head is shared.
namespace heads {
enum Extent { B, L, P, H, N, G, J, Y };
} // namespace heads

/// A shape with these extents and no operands yet. Without shared heads G, J
/// and Y are H. Heads that are not static yet, or not valid, count as shared.
MixerShape getHeadsShape(const Heads &numHeads);
/// What extent `extent`, one of G, J and Y, is in such a shape.
inline int64_t headExtent(const Heads &numHeads, heads::Extent extent) {
  return numHeads.isPlain() ? heads::H : extent;
}
/// The numbers of heads of queries B x L x J x N, keys B x L x G x N and values
/// B x L x H x P; of another rank they are not static.
Heads getNumHeads(Value queries, Value keys, Value values);
/// The dimensions of a decay by its rank: H, H x N, B x L x H or B x L x H x N,
/// of which `extents` are the last. Another rank gives those too, which the
/// verifier then reports.
llvm::SmallVector<int64_t, 4> getDecayDims(Value decay,
                                           llvm::ArrayRef<int64_t> extents);
/// Adds a decay and resets (B x L) to such a shape, where they are given.
void addDecayAndResets(MixerShape &shape, Value decay, Value resets,
                       bool reverse);

/// Heads are static and at least 1, and those of fewer divide those of more.
LogicalResult verifyHeads(MixerOpInterface op, const Heads &numHeads,
                          Value output);

} // namespace mlir::ssm
