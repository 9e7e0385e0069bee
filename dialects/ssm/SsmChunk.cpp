//===- SsmChunk.cpp - a piece of time by products of matrices -------------===//

#include "dialects/ssm/SsmChunk.h"

using namespace mlir;
using namespace mlir::ssm;

using Sizes = SmallVector<OpFoldResult>;
using Args = ValueRange;
using Yield = SmallVector<Value>;

static int64_t numHeadsOf(Value tensor) {
  return cast<ShapedType>(tensor.getType()).getDimSize(2);
}

Chunk::Chunk(OpBuilder &b, Location loc, const Piece &piece, Value decay,
             Value resets, Value values, Value state, bool reverse, Drop drop)
    : b(b), loc(loc), d(b, loc), piece(piece), decay(decay), resets(resets),
      values(part(values)), state(state), reverse(reverse), drop(drop),
      type(cast<ShapedType>(state.getType()).getElementType()),
      batch(tensor::getMixedSize(b, loc, values, 0)),
      steps(tensor::getMixedSize(b, loc, this->values, 1)),
      keys(tensor::getMixedSize(b, loc, state, 2)),
      columns(tensor::getMixedSize(b, loc, state, 3)),
      heads(numHeadsOf(values)) {
  if (isPerStep())
    this->decay = part(decay);
  if (resets)
    this->resets = part(resets);
}

bool Chunk::isPerStep() const {
  return decay && cast<ShapedType>(decay.getType()).getRank() > 2;
}

bool Chunk::isPerKey() const {
  return decay && cast<ShapedType>(decay.getType()).getRank() % 2 == 0;
}

Value Chunk::empty(ArrayRef<OpFoldResult> sizes) {
  return tensor::EmptyOp::create(b, loc, sizes, type);
}

Value Chunk::ones(Sizes sizes) {
  Value one = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 1.0));
  return linalg::FillOp::create(b, loc, one, empty(sizes)).getResult(0);
}

/// B x H, then the steps where each has its own, then the keys.
Sizes Chunk::factorSizes(bool columns) {
  Sizes sizes = {batch, b.getIndexAttr(heads)};
  if (columns)
    sizes.push_back(steps);
  if (isPerKey())
    sizes.push_back(keys);
  return sizes;
}

SmallVector<unsigned> Chunk::factorDims(ArrayRef<unsigned> leading,
                                        unsigned key) {
  SmallVector<unsigned> dims(leading);
  if (isPerKey())
    dims.push_back(key);
  return dims;
}

/// The map that picks these dimensions, of which `head` counts `numHeads` where
/// the operand has only `of`.
AffineMap Chunk::ofHead(unsigned numLoops, ArrayRef<unsigned> picked,
                        unsigned head, int64_t of, int64_t numHeads) {
  SmallVector<AffineExpr> exprs;
  for (unsigned dim : picked) {
    AffineExpr expr = b.getAffineDimExpr(dim);
    exprs.push_back(dim == head ? expr.floorDiv(numHeads / of) : expr);
  }
  return AffineMap::get(numLoops, 0, exprs, b.getContext());
}

//===----------------------------------------------------------------------===//
// Rows of factors
//===----------------------------------------------------------------------===//

/// Zero where a sequence begins at `now`.
Value Chunk::reset(Value factors, Value now) {
  if (!resets)
    return factors;
  unsigned rank = cast<ShapedType>(factors.getType()).getRank();
  return d.map(
      {{d.slice(resets, 1, now), d.dims(rank, {0})},
       {factors, b.getMultiDimIdentityMap(rank)}},
      /*numOuts=*/1, rank, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, Args args) -> Yield {
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
        return {arith::SelectOp::create(b, loc, args[0], zero, args[1])};
      })[0];
}

/// exp(g) of step `now`, with the dimensions of the decay there.
Value Chunk::factorOf(Value now) {
  if (!decay)
    return Value();
  Value g = decay;
  if (isPerStep())
    g = d.slice(decay, 1, now);
  unsigned rank = cast<ShapedType>(g.getType()).getRank();
  AffineMap all = b.getMultiDimIdentityMap(rank);
  return d.map({{g, all}, {d.emptyLike(g, type), all}}, /*numOuts=*/1, rank,
               /*reductions=*/{},
               [&](OpBuilder &b, Location loc, Args args) -> Yield {
                 return {math::ExpOp::create(
                     b, loc, convertFloat(b, loc, args[0], type))};
               })[0];
}

/// Times what `factorOf` gives for a step, if it gives anything.
Value Chunk::forget(Value factors, Value factor) {
  if (!factor)
    return factors;
  unsigned rank = cast<ShapedType>(factors.getType()).getRank();
  SmallVector<unsigned> dims = {1};
  if (isPerStep())
    dims = {0, 1};
  if (isPerKey())
    dims.push_back(rank - 1);
  return d.multiply(
      {{factor, d.dims(rank, dims)}, {factors, b.getMultiDimIdentityMap(rank)}},
      rank);
}

/// One in the column of step `now`.
Value Chunk::markStep(Value factors, Value now) {
  Sizes sizes = factorSizes(/*columns=*/false);
  return d.insert(ones(sizes), factors, 2, now);
}

/// sum over n of reader[now, n] factors[s, n] writer[s, n]: B x R x C.
Value Chunk::contract(const Pair &pair, Value factors, Value now) {
  enum { B, R, S, N };
  int64_t numHeads = pair.numHeads;
  Value reader = d.slice(pair.reader, 1, now);
  int64_t readers = numHeadsOf(pair.reader), writers = numHeadsOf(pair.writer);
  return d.addProducts(
      {{pair.writer, ofHead(4, {B, S, R, N}, R, writers, numHeads)},
       {factors, ofHead(4, {B, R, S, N}, R, heads, numHeads)},
       {reader, ofHead(4, {B, R, N}, R, readers, numHeads)},
       {zeros({batch, b.getIndexAttr(numHeads), steps}), d.dims(4, {B, R, S})}},
      /*numLoops=*/4, /*reductions=*/{N});
}

/// The same for all steps at once, with factors B x H x C x C: a product of
/// matrices for every pair of a reading and a writing head, then the factors.
Value Chunk::product(const Pair &pair, Value factors) {
  enum { B, R, T, S, N };
  int64_t numHeads = pair.numHeads;
  int64_t readers = numHeadsOf(pair.reader), writers = numHeadsOf(pair.writer);
  int64_t pairs = std::max(readers, writers);
  if (pairs % readers != 0 || pairs % writers != 0)
    pairs = numHeads;
  Value products =
      d.addProducts({{pair.reader, ofHead(5, {B, T, R, N}, R, readers, pairs)},
                     {pair.writer, ofHead(5, {B, S, R, N}, R, writers, pairs)},
                     {zeros({batch, b.getIndexAttr(pairs), steps, steps}),
                      d.dims(5, {B, R, T, S})}},
                    /*numLoops=*/5, /*reductions=*/{N});
  Value matrix = empty({batch, b.getIndexAttr(numHeads), steps, steps});
  return d.multiply({{products, ofHead(4, {B, R, T, S}, R, pairs, numHeads)},
                     {factors, ofHead(4, {B, R, T, S}, R, heads, numHeads)},
                     {matrix, d.dims(4, {B, R, T, S})}},
                    /*numLoops=*/4);
}

SmallVector<Value> Chunk::weigh(ArrayRef<Pair> pairs) {
  Value length = getValueOrCreateConstantIndexOp(b, loc, steps);
  // Carried: the row and what is left of the state; then, for each step, what
  // is left of the state early and late; then a matrix for each pair, or, where
  // all keys have one factor, one of the factors for each moment that counts.
  enum { RowOfSteps, OfState, EarlyOfState, LateOfState, Matrices };
  Sizes row = factorSizes(/*columns=*/true);
  Yield carried = {zeros(row), ones(factorSizes(false)), empty(row),
                   empty(row)};
  int64_t factorsAt[] = {-1, -1, -1};
  auto addMatrix = [&](int64_t numHeads) -> int64_t {
    carried.push_back(empty({batch, b.getIndexAttr(numHeads), steps, steps}));
    return carried.size() - 1;
  };
  for (const Pair &pair : pairs)
    if (isPerKey())
      addMatrix(pair.numHeads);
    else if (factorsAt[pair.when] < 0)
      factorsAt[pair.when] = addMatrix(heads);

  Yield made = d.loop(length, carried, [&](Value t, Args carried) -> Yield {
    Value now = d.at(t, length, reverse);
    Yield next(carried);
    auto keep = [&](When when) {
      if (!isPerKey()) {
        if (int64_t i = factorsAt[when]; i >= 0)
          next[i] = d.insert(next[RowOfSteps], next[i], 2, now);
        return;
      }
      for (auto [i, pair] : llvm::enumerate(pairs))
        if (pair.when == when)
          next[Matrices + i] = d.insert(contract(pair, next[RowOfSteps], now),
                                        next[Matrices + i], 2, now);
    };
    auto keepState = [&](unsigned i) {
      next[i] = d.insert(next[OfState], next[i], 2, now);
    };
    auto dropWhere = [&](Drop moment) {
      if (drop != moment)
        return;
      next[RowOfSteps] = reset(next[RowOfSteps], now);
      next[OfState] = reset(next[OfState], now);
    };
    dropWhere(Drop::Before);
    keep(Early);
    keepState(EarlyOfState);
    Value factor = factorOf(now);
    next[RowOfSteps] = forget(next[RowOfSteps], factor);
    next[OfState] = forget(next[OfState], factor);
    keep(After);
    keepState(LateOfState);
    next[RowOfSteps] = markStep(next[RowOfSteps], now);
    keep(Late);
    dropWhere(Drop::Behind);
    return next;
  });
  toEnd = made[RowOfSteps];
  whole = made[OfState];
  earlyOfState = made[EarlyOfState];
  lateOfState = made[LateOfState];
  SmallVector<Value> matrices;
  for (auto [i, pair] : llvm::enumerate(pairs))
    matrices.push_back(isPerKey() ? made[Matrices + i]
                                  : product(pair, made[factorsAt[pair.when]]));
  return matrices;
}

//===----------------------------------------------------------------------===//
// What the matrices are for
//===----------------------------------------------------------------------===//

// The columns of values are the innermost loop, around which lie the sums: rows
// are contiguous, and what they are multiplied by is a scalar.

Value Chunk::nothing(int64_t numHeads) {
  return zeros({batch, steps, b.getIndexAttr(numHeads), columns});
}

Value Chunk::readState(Value reader, When when, Value sum) {
  enum { B, T, R, N, P };
  int64_t numHeads = numHeadsOf(sum);
  // The reader, with what is left of the state at each step.
  Value scaled = d.multiply(
      {{reader, ofHead(4, {B, T, R, N}, R, numHeadsOf(reader), numHeads)},
       {when == Early ? earlyOfState : lateOfState,
        ofHead(4, factorDims({B, R, T}, N), R, heads, numHeads)},
       {empty({batch, steps, b.getIndexAttr(numHeads), keys}),
        d.dims(4, {B, T, R, N})}},
      /*numLoops=*/4);
  return d.addProducts({{scaled, d.dims(5, {B, T, R, N})},
                        {state, ofHead(5, {B, R, N, P}, R, heads, numHeads)},
                        {sum, d.dims(5, {B, T, R, P})}},
                       /*numLoops=*/5, /*reductions=*/{N});
}

Value Chunk::mix(Value matrix, Value values, Value sum) {
  enum { B, T, R, S, P };
  return d.addProducts(
      {{matrix, d.dims(5, {B, R, T, S})},
       {values, ofHead(5, {B, S, R, P}, R, heads, numHeadsOf(sum))},
       {sum, d.dims(5, {B, T, R, P})}},
      /*numLoops=*/5, /*reductions=*/{S});
}

Value Chunk::finalState(ArrayRef<Written> written) {
  enum { B, H, N, S, P };
  Value last = d.multiply({{whole, d.dims(4, factorDims({B, H}, N))},
                           {state, d.dims(4, {B, H, N, S})}},
                          /*numLoops=*/4);
  for (auto [writer, values] : written) {
    // The writer, with what is left of each step at the end.
    Value scaled = d.multiply(
        {{writer, ofHead(4, {B, S, H, N}, H, numHeadsOf(writer), heads)},
         {toEnd, d.dims(4, factorDims({B, H, S}, N))},
         {empty({batch, steps, b.getIndexAttr(heads), keys}),
          d.dims(4, {B, S, H, N})}},
        /*numLoops=*/4);
    last = d.addProducts({{scaled, d.dims(5, {B, S, H, N})},
                          {values, d.dims(5, {B, S, H, P})},
                          {last, d.dims(5, {B, H, N, P})}},
                         /*numLoops=*/5, /*reductions=*/{S});
  }
  return last;
}
