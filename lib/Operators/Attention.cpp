//===- Attention.cpp - scaled dot product attention -----------------------===//
//
// softmax(scale * Q K' + bias) V, with Q, K, V as batch x heads x sequence x
// size, or as batch x sequence x hidden. Every `group` query heads share one
// head of K and V. Past keys and values come before the new ones; with
// `nonpad_kv_seqlen` the cache is K and V itself, filled to that length.
//
// The bias is never formed: masks, causality, window and padding are applied
// where the scores are scaled. A row in which nothing is allowed gives zeros.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
enum Input { Q, K, V, Mask, PastKey, PastValue, Filled };
enum Output { Y, PresentKey, PresentValue, Scores };

/// An extent where it is a known number.
using Extent = std::optional<int64_t>;
using Extents = SmallVector<Extent>;

/// What attributes and static extents say.
struct Heads {
  bool flat;           // 3-D inputs
  int64_t kv, group;   // heads of K and V; query heads for each of them
  int64_t size, vSize; // of a head of Q and K, of V
};
} // namespace

static bool differ(Extent a, Extent b) { return a && b && *a != *b; }

/// Checks the extents of all inputs (empty where left out) and fills `heads`.
/// Returns what is wrong.
static std::optional<std::string> readHeads(onnx::NodeOp node,
                                            ArrayRef<std::optional<Extents>> in,
                                            Heads &heads) {
  size_t rank = in[Q]->size();
  if ((rank != 3 && rank != 4) || in[K]->size() != rank ||
      in[V]->size() != rank)
    return "Q, K and V must all have 3 or all 4 dimensions";
  heads.flat = rank == 3;
  Extent q, kv, qSize, kSize, vSize;
  if (heads.flat) {
    q = node.getInt("q_num_heads", 0);
    kv = node.getInt("kv_num_heads", 0);
    if (*q <= 0 || *kv <= 0)
      return "3-D inputs need q_num_heads and kv_num_heads";
    for (auto [i, count] : {std::pair(Q, *q), {K, *kv}, {V, *kv}})
      if (!in[i]->back() || *in[i]->back() % count != 0)
        return "a hidden size must be a constant multiple of the heads";
    qSize = *in[Q]->back() / *q;
    kSize = *in[K]->back() / *kv;
    vSize = *in[V]->back() / *kv;
  } else {
    q = (*in[Q])[1];
    kv = (*in[K])[1];
    qSize = in[Q]->back();
    kSize = in[K]->back();
    vSize = in[V]->back();
    if (differ(kv, (*in[V])[1]))
      return "K and V have different numbers of heads";
  }
  if (!q || !kv || !qSize || !vSize || *kv <= 0 || *q % *kv != 0)
    return "the number of query heads must be a constant multiple of those of "
           "K and V";
  if (differ(qSize, kSize))
    return "heads of Q and K have different sizes";
  heads.kv = *kv;
  heads.group = *q / *kv;
  heads.size = *qSize;
  heads.vSize = *vSize;

  int64_t time = heads.flat ? 1 : 2;
  if (differ((*in[Q])[0], (*in[K])[0]) || differ((*in[Q])[0], (*in[V])[0]))
    return "Q, K and V have different batch sizes";
  if (differ((*in[K])[time], (*in[V])[time]))
    return "K and V have different lengths";
  if (in[PastKey].has_value() != in[PastValue].has_value())
    return "past_key and past_value must come together";
  if (in[PastKey] && in[Filled])
    return "nonpad_kv_seqlen excludes past_key and past_value";
  for (auto [i, size] : {std::pair(PastKey, *qSize), {PastValue, *vSize}})
    if (in[i]) {
      const Extents &past = *in[i];
      if (past.size() != 4 || differ(past[0], (*in[Q])[0]) ||
          differ(past[1], kv) || differ(past[3], size))
        return "a past input does not fit K and V";
    }
  if (in[PastKey] && differ((*in[PastKey])[2], (*in[PastValue])[2]))
    return "past_key and past_value have different lengths";
  if (in[Filled] &&
      (in[Filled]->size() != 1 || differ((*in[Filled])[0], (*in[Q])[0])))
    return "nonpad_kv_seqlen must have one element per batch";
  if (in[Mask]) {
    Extent total = (*in[K])[time];
    if (in[PastKey])
      total = total && (*in[PastKey])[2] ? Extent(*total + *(*in[PastKey])[2])
                                         : std::nullopt;
    Extent target[] = {(*in[Q])[0], q, (*in[Q])[time], total};
    size_t maskRank = in[Mask]->size();
    if (maskRank < 1 || maskRank > 4)
      return "the mask must have 1 to 4 dimensions";
    for (size_t k = 0; k < maskRank; ++k) {
      Extent own = (*in[Mask])[k], other = target[4 - maskRank + k];
      // A mask may be shorter than the cache; the rest is then masked.
      bool shorter = k + 1 == maskRank && own && other && *own < *other;
      if (differ(own, other) && *own != 1 && !shorter)
        return "the mask does not broadcast to the scores";
    }
  }
  return std::nullopt;
}

static LogicalResult inferAttention(InferContext &ctx) {
  SmallVector<std::optional<Extents>> in(7);
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i)) {
      in[i].emplace();
      for (AffineExpr dim : ctx.input(i).dims)
        in[i]->push_back(asConstant(dim));
    }
  Heads heads;
  if (auto message = readHeads(ctx.node, in, heads)) {
    for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
      if (in[i])
        *message += (i ? ", input " : ": input ") + std::to_string(i) +
                    " has " + describeDims(ctx.input(i).dims);
    return ctx.error(*message);
  }
  for (unsigned i : {Q, K, V, PastKey, PastValue})
    if (in[i] && !isa<FloatType>(ctx.input(i).elementType))
      return ctx.error("input " + Twine(i) + " must be of floats");
  if (in[Mask] && !isa<FloatType>(ctx.input(Mask).elementType) &&
      !ctx.input(Mask).elementType.isInteger(1))
    return ctx.error("the mask must be of booleans or floats");
  if (in[Filled] && !ctx.input(Filled).elementType.isInteger(64))
    return ctx.error("nonpad_kv_seqlen must be of int64");

  const ValueShape &q = ctx.input(Q), &k = ctx.input(K);
  unsigned time = heads.flat ? 1 : 2;
  for (unsigned i : {K, V, PastKey, PastValue})
    if (in[i])
      ctx.requireEqual(q.dims[0], ctx.input(i).dims[0]);
  ctx.requireEqual(k.dims[time], ctx.input(V).dims[time]);
  if (in[PastKey])
    ctx.requireEqual(ctx.input(PastKey).dims[2], ctx.input(PastValue).dims[2]);
  AffineExpr batch = q.dims[0], rows = q.dims[time], total = k.dims[time];
  if (in[PastKey])
    total = ctx.input(PastKey).dims[2] + total;
  if (in[Mask] && in[Mask]->size() > 1) {
    AffineExpr masked = *std::prev(ctx.input(Mask).dims.end(), 2);
    if (asConstant(masked).value_or(1) != 1)
      ctx.requireEqual(masked, rows);
  }
  auto constant = [&](int64_t value) { return ctx.constantDim(value); };
  int64_t queryHeads = heads.kv * heads.group;
  if (heads.flat)
    ctx.setResult(Y, q.elementType,
                  {batch, rows, constant(queryHeads * heads.vSize)});
  else
    ctx.setResult(Y, q.elementType,
                  {batch, constant(queryHeads), rows, constant(heads.vSize)});
  unsigned outputs = ctx.node->getNumResults();
  if (outputs > PresentKey)
    ctx.setResult(PresentKey, k.elementType,
                  {batch, constant(heads.kv), total, constant(heads.size)});
  if (outputs > PresentValue)
    ctx.setResult(PresentValue, ctx.input(V).elementType,
                  {batch, constant(heads.kv), total, constant(heads.vSize)});
  if (outputs > Scores)
    ctx.setResult(Scores, q.elementType,
                  {batch, constant(queryHeads), rows, total});
  return success();
}

namespace {
/// The attention of one node over a backend.
template <typename B>
struct Formula {
  using Tensor = typename B::Value;
  using Size = typename B::Size;
  using Operand = typename B::Operand;
  // Loops of the scores.
  enum { Batch, Group, Member, Row, Column };

  B &b;
  onnx::NodeOp node;
  Heads heads;
  SmallVector<std::optional<Tensor>> in;
  SmallVector<std::optional<Tensor>> out;
  Size rows, total;

  /// K or V with its past, as batch x heads x sequence x size.
  Tensor cache(Tensor fresh, std::optional<Tensor> past, int64_t size) {
    if (heads.flat) {
      SmallVector<Size> sizes{b.size(fresh, 0), b.size(fresh, 1),
                              b.constant(heads.kv), b.constant(size)};
      Tensor split = b.expand(fresh, {{0}, {1}, {2, 3}}, sizes);
      std::swap(sizes[1], sizes[2]);
      fresh = b.generic(Operand{split, {0, 2, 1, 3}}, sizes, allLoops(4),
                        b.elementType(fresh), std::nullopt,
                        [](auto x) { return x[0]; });
    }
    return past ? b.concat({*past, fresh}, 2) : fresh;
  }

  /// The mask as an operand of the scores, with its head dimension split.
  Operand maskOperand() {
    Tensor mask = *in[Mask];
    int64_t rank = b.rank(mask);
    if (!b.isOne(b.size(mask, rank - 1)) &&
        !b.isEqual(b.size(mask, rank - 1), total) && mayBeShort()) {
      SmallVector<Size> low(rank, b.constant(0)), high = low;
      high[rank - 1] = b.subtract(total, b.size(mask, rank - 1));
      bool isBoolean = b.elementType(mask).isInteger(1);
      mask = b.pad(mask, low, high, isBoolean ? 0 : -INFINITY);
    }
    int64_t loops[] = {Batch, Group, Row, Column};
    Operand operand{mask, {}};
    for (int64_t d = 0; d < rank; ++d) {
      int64_t loop = loops[4 - rank + d];
      bool single = b.isOne(b.size(mask, d));
      operand.dims.push_back(single ? kRepeated : loop);
      if (loop == Group && !single)
        operand.dims.push_back(Member);
    }
    if (operand.dims.size() != size_t(rank)) {
      int64_t head = rank - 3;
      SmallVector<Size> sizes = sizesOf(b, mask);
      sizes[head] = b.constant(heads.kv);
      sizes.insert(sizes.begin() + head + 1, b.constant(heads.group));
      SmallVector<ReassociationIndices> groups;
      for (int64_t d = 0; d < rank; ++d)
        groups.push_back(d == head  ? ReassociationIndices{d, d + 1}
                         : d < head ? ReassociationIndices{d}
                                    : ReassociationIndices{d + 1});
      operand.value = b.expand(mask, groups, sizes);
    }
    return operand;
  }

  /// Only a cache that is filled from outside may be longer than its mask;
  /// constant extents that differ say so themselves.
  bool mayBeShort() {
    Tensor mask = *in[Mask];
    return in[Filled] || b.areConstant(b.size(mask, b.rank(mask) - 1), total);
  }

  /// Scores as they are wanted in result 3: batch x heads x rows x columns.
  Tensor joined(Tensor scores) {
    return convertElements(b, b.collapse(scores, {{0}, {1, 2}, {3}, {4}}),
                           b.elementType(*in[Q]));
  }

  void compute() {
    using namespace scalar;
    Tensor q = *in[Q];
    Type type = b.accumulatorType(q);
    int64_t time = heads.flat ? 1 : 2;
    rows = b.size(q, time);
    Tensor k = cache(*in[K], in[PastKey], heads.size);
    Tensor v = cache(*in[V], in[PastValue], heads.vSize);
    total = b.size(k, 2);
    if (out.size() > PresentKey)
      out[PresentKey] = k;
    if (out.size() > PresentValue)
      out[PresentValue] = v;

    // Query heads as the heads of K and V times the members of a group.
    Size batch = b.size(q, 0), kv = b.constant(heads.kv),
         group = b.constant(heads.group), size = b.constant(heads.size),
         vSize = b.constant(heads.vSize);
    Operand query{q, {}};
    if (heads.flat) {
      query.value =
          b.expand(q, {{0}, {1}, {2, 3, 4}}, {batch, rows, kv, group, size});
      query.dims = {Batch, Row, Group, Member, 5};
    } else {
      query.value =
          b.expand(q, {{0}, {1, 2}, {3}, {4}}, {batch, kv, group, rows, size});
      query.dims = {Batch, Group, Member, Row, 5};
    }
    SmallVector<Size> loops{batch, kv, group, rows, total, size};
    Tensor products = b.generic({query, Operand{k, {Batch, Group, Column, 5}}},
                                loops, allLoops(5), type, 0.0,
                                [](auto x) { return x[2] + x[0] * x[1]; });
    loops.pop_back();
    Tensor scores = bias(products, loops, type);

    // A softmax in which a row without any finite score becomes zeros.
    int64_t columns = Column;
    SmallVector<int64_t> all = allLoops(5), kept = allLoops(4);
    Tensor top = reduceAxes(b, scores, columns, type, -INFINITY,
                            [](auto x) { return max(x[1], x[0]); });
    Tensor raised =
        mapLike<B>(b, scores, {Operand{scores, all}, Operand{top, kept}}, type,
                   [](auto x) {
                     auto zero = literal(x[1], 0);
                     auto least = literal(x[1], -INFINITY);
                     return exp(x[0] - select(equal(x[1], least), zero, x[1]));
                   });
    Tensor sum = reduceAxes(b, raised, columns, type, 0,
                            [](auto x) { return x[1] + x[0]; });
    Tensor weights =
        mapLike<B>(b, raised, {Operand{raised, all}, Operand{sum, kept}}, type,
                   [](auto x) {
                     auto zero = literal(x[1], 0), one = literal(x[1], 1);
                     return x[0] / select(equal(x[1], zero), one, x[1]);
                   });
    if (out.size() > Scores && node.getInt("qk_matmul_output_mode", 0) == 3)
      out[Scores] = joined(weights);

    // Loop 4 is the element of the head, loop 5 the column.
    SmallVector<Size> outer{batch, kv, group, rows, vSize, total};
    SmallVector<int64_t> order = allLoops(5);
    if (heads.flat)
      order = {Batch, Row, Group, Member, 4};
    Tensor y = b.generic({Operand{weights, {Batch, Group, Member, Row, 5}},
                          Operand{v, {Batch, Group, 5, 4}}},
                         outer, order, type, 0.0,
                         [](auto x) { return x[2] + x[0] * x[1]; });
    y = convertElements(b, y, b.elementType(q));
    out[Y] = heads.flat ? b.collapse(y, {{0}, {1}, {2, 3, 4}})
                        : b.collapse(y, {{0}, {1, 2}, {3}, {4}});
  }

  /// Scales, caps and masks the products.
  Tensor bias(Tensor products, ArrayRef<Size> loops, Type type) {
    using namespace scalar;
    double scale = node.getFloat("scale", 1.0 / std::sqrt(double(heads.size)));
    double cap = node.getFloat("softcap", 0);
    int64_t mode = node.getInt("qk_matmul_output_mode", 0);
    auto scaled = [&](auto x) { return x * literal(x, scale); };
    auto capped = [&](auto x) {
      return cap > 0 ? literal(x, cap) * tanh(x / literal(x, cap)) : x;
    };
    SmallVector<int64_t> all = allLoops(5);
    if (out.size() > Scores && mode == 0)
      out[Scores] = joined(mapLike<B>(b, products, Operand{products, all}, type,
                                      [&](auto x) { return scaled(x[0]); }));
    if (out.size() > Scores && mode == 1)
      out[Scores] =
          joined(mapLike<B>(b, products, Operand{products, all}, type,
                            [&](auto x) { return capped(scaled(x[0])); }));

    // Operands: the products, the offset of the first row among the columns
    // (or the filled length and the number of rows), the mask.
    Type integer = IntegerType::get(node.getContext(), 64);
    SmallVector<Operand> operands{{products, all}};
    bool filled = in[Filled].has_value();
    if (filled) {
      operands.push_back({*in[Filled], {Batch}});
      operands.push_back({b.scalar(rows, integer), {}});
    } else {
      Size offset = in[PastKey] ? b.size(*in[PastKey], 2) : b.constant(0);
      operands.push_back({b.scalar(offset, integer), {}});
    }
    unsigned maskAt = operands.size();
    bool booleans = false;
    if (in[Mask]) {
      operands.push_back(maskOperand());
      booleans = b.elementType(*in[Mask]).isInteger(1);
    }
    bool causal = node.getInt("is_causal", 0) != 0;
    int64_t left = node.getInt("left_window_size", -1),
            right = node.getInt("right_window_size", -1);
    bool masked = operands.size() > maskAt;
    Tensor scores = b.generic(
        operands, loops, all, type, std::nullopt, [&](auto x, auto index) {
          auto score = capped(scaled(x[0]));
          auto least = literal(score, -INFINITY);
          auto hide = [&](auto allowed) {
            score = select(allowed, score, least);
          };
          auto row = toElement(x[1], index(Row));
          auto column = toElement(x[1], index(Column));
          auto place = row + (filled ? x[1] - x[2] : x[1]);
          if (masked && !booleans)
            score = score + x[maskAt];
          if (causal)
            hide(lessEqual(column, place));
          if (left >= 0)
            hide(lessEqual(place - column, literal(x[1], double(left))));
          if (right >= 0)
            hide(lessEqual(column - place, literal(x[1], double(right))));
          if (filled)
            hide(less(column, x[1]));
          if (masked && booleans)
            hide(x[maskAt]);
          return score;
        });
    if (out.size() > Scores && mode == 2)
      out[Scores] = joined(scores);
    return scores;
  }
};
} // namespace

static LogicalResult evaluateAttention(EvalContext &ctx) {
  SmallVector<std::optional<Extents>> extents(7);
  SmallVector<std::optional<Tensor>> in(7);
  for (unsigned i = 0; i < ctx.inputs.size(); ++i)
    if (ctx.has(i)) {
      in[i] = ctx.inputs[i];
      extents[i].emplace(in[i]->getShape());
      bool wrong =
          i == Filled ? in[i]->isFloat() : i != Mask && !in[i]->isFloat();
      if (wrong)
        return ctx.error("an operand of the wrong type");
    }
  Heads heads;
  if (auto message = readHeads(ctx.node, extents, heads))
    return ctx.error(*message);
  Calculator calculator;
  Formula<Calculator> formula{
      calculator,
      ctx.node,
      heads,
      in,
      SmallVector<std::optional<Tensor>>(ctx.results.size()),
      0,
      0};
  formula.compute();
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  for (auto [to, from] : llvm::zip(ctx.results, formula.out))
    if (from)
      to = *from;
  return success();
}

static LogicalResult lowerAttention(LowerContext &ctx) {
  SmallVector<std::optional<Extents>> extents(7);
  SmallVector<std::optional<Value>> in(7);
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i)) {
      in[i] = ctx.input(i);
      extents[i].emplace();
      for (int64_t extent : cast<RankedTensorType>(in[i]->getType()).getShape())
        extents[i]->push_back(ShapedType::isDynamic(extent) ? Extent()
                                                            : Extent(extent));
    }
  Heads heads;
  if (auto message = readHeads(ctx.node, extents, heads))
    return ctx.error(*message);
  Emitter emitter(ctx);
  Formula<Emitter> formula{
      emitter,
      ctx.node,
      heads,
      in,
      SmallVector<std::optional<Value>>(ctx.node->getNumResults()),
      {},
      {}};
  formula.compute();
  for (unsigned i = 0; i < formula.out.size(); ++i) {
    if (!formula.out[i])
      return ctx.error("result " + Twine(i) + " is not computed");
    setResult(ctx, i, *formula.out[i]);
  }
  return success();
}

void ssmc::registerAttentionOperators(OperatorTable &table) {
  auto add = [&](int64_t since, unsigned inputs) {
    table.add({"", "Attention", since, inferAttention, evaluateAttention,
               lowerAttention, 3, inputs, 1, 4});
  };
  add(23, 6);
  add(24, 7);
}
