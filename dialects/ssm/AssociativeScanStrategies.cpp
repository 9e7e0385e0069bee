//===- AssociativeScanStrategies.cpp - ssm.associative_scan in pieces -----===//
//
// Of K pieces of C steps, the last one shorter where C does not divide L,
//
//     in parallel, k < K-1:  s = k ? x[first] : combine(states, x[first]);
//                            the piece from there on; end[k] = the last s
//     for 0 < k < K-1:       end[k] = combine(end[k-1], end[k])
//     in parallel, k > 0:    the piece once more, behind end[k-1]
//
// No piece needs the combiner's identity, which the op does not know. The first
// piece is done after the first pass and the last one takes no part in it, so
// that K-1 threads walk 2 C steps, and not K of them. A single piece takes part
// in the first pass only.
//
// The ends stand behind the states in one tensor. The second pass reads it and
// writes to it where the pieces end, so that it works on a copy, of which the
// last entry, if there are any steps, is the final state.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/AssociativeScanSteps.h"
#include "dialects/ssm/SsmStep.h"
#include "dialects/ssm/SsmStrategy.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
class PiecesOfScan {
public:
  PiecesOfScan(OpBuilder &b, AssociativeScanOp op, int64_t chunk)
      : b(b), loc(op.getLoc()), op(op), d(b, loc), kept(findKept(op)),
        steps(b, op, kept), chunk(chunk), count(kept.size()),
        length(tensor::getMixedSize(b, loc, op.getXs()[0], op.getAxes()[0])) {}

  SmallVector<Value> build();

private:
  OpFoldResult index(AffineExpr expr, ArrayRef<OpFoldResult> values) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, values);
  }
  Value asValue(OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, loc, value);
  }
  Value behind(Value k) {
    return arith::AddIOp::create(b, loc, k, d.constant(1));
  }
  /// An output that nothing uses would be memory of each thread.
  static SmallVector<unsigned> findKept(AssociativeScanOp op) {
    SmallVector<unsigned> kept;
    for (unsigned i = 0; i < op.getXs().size(); ++i)
      if (!op->getResult(i).use_empty())
        kept.push_back(i);
    return kept;
  }
  /// Where piece k lies in memory.
  Piece pieceAt(Value k);
  Value part(Value tensor, unsigned i, const Piece &piece) {
    return d.part(tensor, op.getAxes()[i], piece);
  }
  SmallVector<Value> inputs(const Piece &piece);
  SmallVector<Value> outputs(ValueRange ys, const Piece &piece);
  /// The states at an entry of `ends`.
  SmallVector<Value> endsAt(ValueRange ends, OpFoldResult entry);
  /// One pass: `step` gets a piece's number, where it lies, its outputs and
  /// the ends, and gives its outputs and its end.
  using Step = function_ref<SmallVector<Value>(Value, const Piece &, ValueRange,
                                               ValueRange)>;
  SmallVector<Value> pass(OpFoldResult from, OpFoldResult to, ValueRange ys,
                          ValueRange ends, Step step);
  /// The first step of a piece, where only the first one has states before it.
  SmallVector<Value> begin(Value k, ValueRange element);
  SmallVector<Value> chain(ValueRange ends, OpFoldResult to);

  OpBuilder &b;
  Location loc;
  AssociativeScanOp op;
  Decomposition d;
  SmallVector<unsigned> kept;
  AssociativeScanSteps steps;
  int64_t chunk;
  size_t count;
  OpFoldResult length;
};
} // namespace

Piece PiecesOfScan::pieceAt(Value k) {
  AffineExpr x, y, z;
  bindSymbols(b.getContext(), x, y, z);
  OpFoldResult first = index(x * chunk, {k}), size = b.getIndexAttr(chunk);
  std::optional<int64_t> known = getConstantIntValue(length);
  if (!known || *known % chunk != 0)
    size = affine::makeComposedFoldedAffineMin(
        b, loc,
        AffineMap::get(0, 2, {b.getAffineConstantExpr(chunk), y - x * chunk},
                       b.getContext()),
        {k, length});
  if (op.getReverse())
    first = index(x - y - z, {length, first, size});
  return {first, size};
}

SmallVector<Value> PiecesOfScan::inputs(const Piece &piece) {
  SmallVector<Value> parts;
  for (auto [i, x] : llvm::enumerate(op.getXs()))
    parts.push_back(part(x, i, piece));
  return parts;
}

SmallVector<Value> PiecesOfScan::outputs(ValueRange ys, const Piece &piece) {
  SmallVector<Value> parts;
  for (auto [i, y] : llvm::zip_equal(kept, ys))
    parts.push_back(part(y, i, piece));
  return parts;
}

SmallVector<Value> PiecesOfScan::endsAt(ValueRange ends, OpFoldResult entry) {
  SmallVector<Value> states;
  for (Value end : ends)
    states.push_back(d.slice(end, 0, asValue(entry)));
  return states;
}

SmallVector<Value> PiecesOfScan::pass(OpFoldResult from, OpFoldResult to,
                                      ValueRange ys, ValueRange ends,
                                      Step step) {
  SmallVector<Value> outs(ys);
  llvm::append_range(outs, ends);
  OpFoldResult one = b.getIndexAttr(1);
  // Filled where it stands: what affine ops make of its counter has to know.
  auto loop = scf::ForallOp::create(b, loc, ArrayRef(from), ArrayRef(to),
                                    ArrayRef(one), outs, std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getTerminator());
  Value k = loop.getInductionVar(0);
  ValueRange shared = loop.getRegionOutArgs();
  Piece piece = pieceAt(k), end{behind(k), one};
  SmallVector<Value> found = step(k, piece, shared.take_front(count), ends);
  SmallVector<std::pair<int64_t, Piece>> places;
  for (unsigned i : kept)
    places.push_back({op.getAxes()[i], piece});
  places.append(ends.size(), {0, end});
  for (auto [value, into, place] : llvm::zip_equal(found, shared, places)) {
    b.setInsertionPoint(loop.getTerminator());
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, into);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
        strides(sizes.size(), one);
    auto [axis, part] = place;
    offsets[axis] = part.first;
    sizes[axis] = part.size;
    b.setInsertionPointToEnd(loop.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(b, loc, value, into, offsets, sizes,
                                          strides);
  }
  return loop.getResults();
}

SmallVector<Value> PiecesOfScan::begin(Value k, ValueRange element) {
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, k, d.constant(0));
  auto choice = scf::IfOp::create(
      b, loc, isFirst,
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(b, loc, steps.combine(op.getStates(), element));
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc, element); });
  return choice.getResults();
}

SmallVector<Value> PiecesOfScan::chain(ValueRange ends, OpFoldResult to) {
  auto loop = scf::ForOp::create(
      b, loc, d.constant(1), asValue(to), d.constant(1), ends,
      [&](OpBuilder &, Location, Value k, ValueRange carried) {
        Value next = behind(k);
        SmallVector<Value> combined =
            steps.combine(endsAt(carried, k), endsAt(carried, next));
        SmallVector<Value> inserted;
        for (auto [value, into] : llvm::zip_equal(combined, carried))
          inserted.push_back(d.insert(value, into, 0, next));
        scf::YieldOp::create(b, loc, inserted);
      });
  return loop.getResults();
}

SmallVector<Value> PiecesOfScan::build() {
  AffineExpr x = b.getAffineSymbolExpr(0);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult pieces = index(x.ceilDiv(chunk), {length});
  // One piece is the first, not the last.
  OpFoldResult early = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(0, 1, {x, b.getAffineConstantExpr(1)}, b.getContext()),
      {pieces});
  early = affine::makeComposedFoldedAffineMax(
      b, loc,
      AffineMap::get(0, 2, {x - 1, b.getAffineSymbolExpr(1)}, b.getContext()),
      {pieces, early});

  SmallVector<Value> ends;
  for (Value state : op.getStates()) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, state);
    sizes.insert(sizes.begin(), index(x + 1, {pieces}));
    Value empty = tensor::EmptyOp::create(b, loc, sizes, element(state));
    ends.push_back(d.insert(state, empty, 0, d.constant(0)));
  }
  Value none = d.constant(0), second = d.constant(1);
  SmallVector<Value> ys;
  for (unsigned i : kept)
    ys.push_back(op.getYs()[i]);
  auto first = [&](Value k, const Piece &piece, ValueRange ys, ValueRange) {
    SmallVector<Value> xs = inputs(piece);
    Value size = asValue(piece.size), now = d.at(none, size, op.getReverse());
    SmallVector<Value> states = begin(k, steps.take(xs, now));
    return steps.walk(xs, steps.put(states, outputs(ys, piece), now), states,
                      size, second);
  };
  auto again = [&](Value k, const Piece &piece, ValueRange ys,
                   ValueRange ends) {
    return steps.walk(inputs(piece), outputs(ys, piece), endsAt(ends, k),
                      asValue(piece.size), none);
  };
  SmallVector<Value> whole = pass(zero, early, ys, ends, first);
  ValueRange found(whole);
  ends = chain(found.drop_front(count), early);
  SmallVector<Value> last =
      pass(one, pieces, found.take_front(count), ends, again);
  SmallVector<Value> results(op.getYs());
  for (auto [i, y] : llvm::zip(kept, last))
    results[i] = y;
  llvm::append_range(results,
                     endsAt(ValueRange(last).drop_front(count), pieces));
  return results;
}

SmallVector<Value> mlir::ssm::lowerByAssociativity(OpBuilder &b,
                                                   AssociativeScanOp op,
                                                   int64_t chunk) {
  // Upstream has no slice of an empty extent.
  for (Value x : op.getXs())
    if (llvm::is_contained(shaped(x).getShape(), 0))
      return *op.decomposeOperation(b);
  return PiecesOfScan(b, op, chunk).build();
}
