//===- Rotary.cpp - rotary position embedding -----------------------------===//
//
// Inputs batch x heads x sequence x size, or batch x sequence x hidden with
// the heads side by side in the last dimension. Of every head the first
// `rotary_embedding_dim` elements are pairs that are rotated by an angle of
// their position: neighbours when `interleaved`, else elements half as many
// apart.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

/// The rotated part of a head of the given size; nothing where it is invalid.
static std::optional<int64_t> rotatedSize(onnx::NodeOp node, int64_t size) {
  int64_t rotated = node.getInt("rotary_embedding_dim", 0);
  if (rotated == 0)
    rotated = size;
  if (rotated < 2 || rotated > size || rotated % 2 != 0)
    return std::nullopt;
  return rotated;
}

/// Size of a head, given the extent of the last dimension.
static std::optional<int64_t> headSize(onnx::NodeOp node, int64_t rank,
                                       int64_t last) {
  if (rank == 4)
    return last;
  int64_t heads = node.getInt("num_heads", 0);
  if (rank != 3 || heads <= 0 || last % heads != 0)
    return std::nullopt;
  return last / heads;
}

static LogicalResult inferRotary(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  int64_t rank = x.dims.size();
  if (rank != 3 && rank != 4)
    return ctx.error("the input must have 3 or 4 dimensions");
  auto last = asConstant(x.dims.back());
  auto head = last ? headSize(ctx.node, rank, *last) : std::nullopt;
  if (!head)
    return ctx.error(
        "the hidden size must be a constant multiple of num_heads");
  auto rotated = rotatedSize(ctx.node, *head);
  if (!rotated)
    return ctx.error("rotary_embedding_dim must be even and at most the size "
                     "of a head, " +
                     Twine(*head));
  size_t cacheRank = ctx.node.hasInput(3) ? 2 : 3;
  for (unsigned i : {1, 2}) {
    const ValueShape &cache = ctx.input(i);
    if (cache.elementType != x.elementType || !isa<FloatType>(x.elementType))
      return ctx.error("input and caches must be of one float type");
    if (cache.dims.size() != cacheRank)
      return ctx.error("input " + Twine(i) + " must have " + Twine(cacheRank) +
                       " dimensions");
    auto width = asConstant(cache.dims.back());
    if (!width || *width != *rotated / 2)
      return ctx.error("the last extent of input " + Twine(i) +
                       " must be half of rotary_embedding_dim, " +
                       Twine(*rotated / 2));
  }
  if (ctx.node.hasInput(3) && (ctx.input(3).dims.size() != 2 ||
                               !isa<IntegerType>(ctx.input(3).elementType)))
    return ctx.error("position_ids must be a matrix of integers");
  auto differ = [](AffineExpr a, AffineExpr b) {
    auto x = asConstant(a), y = asConstant(b);
    return x && y && *x != *y;
  };
  AffineExpr batch = x.dims[0], length = x.dims[rank == 4 ? 2 : 1];
  for (unsigned i : {1, 2, 3}) {
    if (!ctx.node.hasInput(i) || (i < 3 && cacheRank == 2))
      continue;
    // One row serves all.
    const ValueShape &table = ctx.input(i);
    bool one = i < 3;
    if ((differ(table.dims[0], batch) &&
         !(one && asConstant(table.dims[0]) == 1)) ||
        (differ(table.dims[1], length) &&
         !(one && asConstant(table.dims[1]) == 1)))
      return ctx.error(
          "input " + Twine(i) + " of shape " + describeDims(table.dims) +
          " does not fit the batch and length of " + describeDims(x.dims));
    for (auto [own, other] :
         {std::pair(table.dims[0], batch), std::pair(table.dims[1], length)})
      if (!one || asConstant(own).value_or(1) != 1)
        ctx.requireEqual(own, other);
  }
  ctx.setResult(0, x.elementType, x.dims);
  return success();
}

template <typename B>
static typename B::Value
rotate(B &b, onnx::NodeOp node, typename B::Value x, typename B::Value cosines,
       typename B::Value sines, std::optional<typename B::Value> positions,
       int64_t head) {
  using V = typename B::Value;
  using Operand = typename B::Operand;
  Type type = b.elementType(x);
  int64_t rotated = *rotatedSize(node, head), half = rotated / 2;
  bool interleaved = node.getInt("interleaved", 0) != 0;
  bool flat = b.rank(x) == 3;
  if (positions) {
    cosines = b.gatherRows(cosines, *positions);
    sines = b.gatherRows(sines, *positions);
  }
  SmallVector<ReassociationIndices> split{{0}, {1}, {2, 3}};
  if (flat) {
    int64_t heads = node.getInt("num_heads", 1);
    x = b.expand(
        x, split,
        {b.size(x, 0), b.size(x, 1), b.constant(heads), b.constant(head)});
  }
  // Now of rank 4, with the sequence at dimension 1 or 2. The first and second
  // elements of the pairs:
  int64_t time = flat ? 1 : 2;
  V part =
      rotated == head ? x : b.slice(x, 3, b.constant(0), b.constant(rotated));
  auto sizes = sizesOf(b, part);
  int64_t pair = interleaved ? 4 : 3, place = interleaved ? 3 : 4;
  sizes[3] = b.constant(interleaved ? half : 2);
  sizes.push_back(b.constant(interleaved ? 2 : half));
  SmallVector<ReassociationIndices> pairs{{0}, {1}, {2}, {3, 4}};
  V paired = b.expand(part, pairs, sizes);
  V first = b.slice(paired, pair, b.constant(0), b.constant(1));
  V second = b.slice(paired, pair, b.constant(1), b.constant(1));
  SmallVector<int64_t> dims = allLoops(5);
  dims[pair] = kRepeated;
  auto cache = [&](V table) -> Operand {
    auto repeated = [&](int64_t d, int64_t loop) {
      return b.isOne(b.size(table, d)) && !b.isOne(sizes[loop]) ? kRepeated
                                                                : loop;
    };
    return {table, {repeated(0, 0), repeated(1, time), place}};
  };
  V turned = b.generic(
      {Operand{first, dims}, Operand{second, dims}, cache(cosines),
       cache(sines)},
      sizes, allLoops(5), type, std::nullopt, [&](auto x, auto index) {
        using namespace scalar;
        auto which = index(pair);
        return select(equal(which, literal(which, 0)),
                      x[0] * x[2] - x[1] * x[3], x[0] * x[3] + x[1] * x[2]);
      });
  V result = b.collapse(turned, pairs);
  if (rotated != head)
    result = b.concat({result, b.slice(x, 3, b.constant(rotated),
                                       b.constant(head - rotated))},
                      3);
  return flat ? b.collapse(result, split) : result;
}

static LogicalResult evaluateRotary(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  if (!x.isFloat() || x.getRank() < 3)
    return ctx.error("an operand that does not fit");
  auto head = headSize(ctx.node, x.getRank(), x.getShape().back());
  auto rotated = head ? rotatedSize(ctx.node, *head) : std::nullopt;
  if (!rotated)
    return ctx.error("attributes that do not fit the input");
  int64_t batch = x.getShape()[0], length = x.getShape()[x.getRank() - 2];
  if (x.getRank() == 3)
    length = x.getShape()[1];
  std::optional<Tensor> positions;
  if (ctx.has(3)) {
    positions = ctx.inputs[3];
    if (positions->isFloat() ||
        positions->getShape() != ArrayRef<int64_t>({batch, length}))
      return ctx.error("position_ids that do not fit");
  }
  for (const Tensor &cache : {ctx.inputs[1], ctx.inputs[2]}) {
    ArrayRef<int64_t> shape = cache.getShape();
    bool fits = cache.isFloat() && shape.size() == (positions ? 2u : 3u) &&
                shape.back() == *rotated / 2;
    if (fits && !positions)
      fits = (shape[0] == batch || shape[0] == 1) &&
             (shape[1] == length || shape[1] == 1);
    if (!fits)
      return ctx.error("caches that do not fit");
  }
  Calculator calculator;
  Tensor y = rotate<Calculator>(calculator, ctx.node, x, ctx.inputs[1],
                                ctx.inputs[2], positions, *head);
  if (calculator.failed)
    return ctx.error("a position beyond the caches");
  ctx.results[0] = std::move(y);
  return success();
}

static LogicalResult lowerRotary(LowerContext &ctx) {
  Emitter emitter(ctx);
  auto type = cast<RankedTensorType>(ctx.input(0).getType());
  auto head = headSize(ctx.node, type.getRank(), type.getShape().back());
  if (!head || !rotatedSize(ctx.node, *head))
    return ctx.error("attributes that do not fit the input");
  std::optional<Value> positions;
  if (ctx.node.hasInput(3)) {
    positions = ctx.input(3);
    checkIndices(ctx, 3, 0,
                 tensor::getMixedSize(ctx.builder, ctx.loc(), ctx.input(1), 0),
                 /*fromEnd=*/false);
  }
  setResult(ctx, 0,
            rotate<Emitter>(emitter, ctx.node, ctx.input(0), ctx.input(1),
                            ctx.input(2), positions, *head));
  return success();
}

void ssmc::registerRotaryOperators(OperatorTable &table) {
  table.add({"", "RotaryEmbedding", 23, inferRotary, evaluateRotary,
             lowerRotary, 3, 4});
}
