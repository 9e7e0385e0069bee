//===- FlexAttention.cpp - attention with subgraphs of its own ------------===//
//
// softmax(score_mod(scale * Q K')) V, with prob_mod between softmax and V. The
// subgraphs are lowered in place, so that what is elementwise of them fuses.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Eval/Evaluator.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

static constexpr StringLiteral kModifiers[] = {"score_mod", "prob_mod"};

/// The type in which the softmax is computed; null for one that is no float.
static Type softmaxType(onnx::NodeOp node, Type input) {
  Builder b(node->getContext());
  if (int64_t stated = node.getInt("softmax_precision", 0)) {
    Type type = elementTypeFromOnnx(node->getContext(), stated);
    return isa_and_nonnull<FloatType>(type) ? type : Type();
  }
  return input.isF64() ? input : b.getF32Type();
}

static LogicalResult inferFlex(InferContext &ctx) {
  const ValueShape &q = ctx.input(0), &k = ctx.input(1), &v = ctx.input(2);
  for (unsigned i : {0, 1, 2})
    if (ctx.input(i).dims.size() != 4 ||
        !isa<FloatType>(ctx.input(i).elementType))
      return ctx.error("Q, K and V must be floats of 4 dimensions");
  auto heads = asConstant(q.dims[1]), shared = asConstant(k.dims[1]),
       values = asConstant(v.dims[1]);
  if (!heads || !shared || shared != values || *shared == 0 ||
      *heads % *shared != 0 || !asConstant(q.dims[3]))
    return ctx.error("the size of heads must be constant, and the number of "
                     "query heads a constant multiple of those of K and V");
  auto differ = [&](AffineExpr a, AffineExpr b) {
    ctx.requireEqual(a, b);
    return asConstant(a) && asConstant(b) && *asConstant(a) != *asConstant(b);
  };
  if (differ(q.dims[0], k.dims[0]) || differ(q.dims[0], v.dims[0]) ||
      differ(q.dims[3], k.dims[3]) || differ(k.dims[2], v.dims[2]))
    return ctx.error("Q, K and V do not fit each other");
  Type type = softmaxType(ctx.node, q.elementType);
  if (!type)
    return ctx.error("softmax_precision is no type of floats");
  ValueShape scores{type, {q.dims[0], q.dims[1], q.dims[2], k.dims[2]}};
  for (StringRef name : kModifiers) {
    int64_t region = ctx.node.getInt(name, -1);
    if (region < 0)
      continue;
    auto yielded = ctx.inferRegion(region, scores);
    if (failed(yielded))
      return failure();
    if (yielded->size() != 1 || yielded->front().elementType != type ||
        yielded->front().dims.size() != 4)
      return ctx.error(name + " does not yield scores like those it gets");
    for (auto [a, b] : llvm::zip(yielded->front().dims, scores.dims))
      if (differ(a, b))
        return ctx.error(name + " changes the shape of the scores");
  }
  ctx.setResult(0, q.elementType, {q.dims[0], q.dims[1], q.dims[2], v.dims[3]});
  return success();
}

/// `modify(name, scores)` applies a subgraph where the node has it; fails if
/// that does.
template <typename B, typename Modify>
static FailureOr<typename B::Value>
attend(B &b, onnx::NodeOp node, typename B::Value q, typename B::Value k,
       typename B::Value v, int64_t heads, int64_t shared, double size,
       Modify modify) {
  using namespace scalar;
  using V = typename B::Value;
  using Operand = typename B::Operand;
  Type type = softmaxType(node, b.elementType(q));
  double scale = node.getFloat("scale", 1 / std::sqrt(size));
  SmallVector<ReassociationIndices> groups{{0}, {1, 2}, {3}, {4}};
  auto batch = b.size(q, 0), rows = b.size(q, 2), columns = b.size(k, 2),
       kv = b.constant(shared), members = b.constant(heads / shared);
  SmallVector<int64_t> all = allLoops(4), kept = allLoops(3);
  // Loops: batch, shared head, member, row, column, element.
  V query = b.expand(q, groups, {batch, kv, members, rows, b.size(q, 3)});
  V products =
      b.generic({Operand{query, {0, 1, 2, 3, 5}}, Operand{k, {0, 1, 4, 5}}},
                {batch, kv, members, rows, columns, b.size(q, 3)}, allLoops(5),
                type, 0.0, [](auto x) { return x[2] + x[0] * x[1]; });
  V scores = b.collapse(products, groups);
  scores = mapLike<B>(b, scores, {Operand{scores, all}}, type,
                      [&](auto x) { return x[0] * literal(x[0], scale); });
  FailureOr<V> modified = modify(kModifiers[0], scores);
  if (failed(modified))
    return failure();
  scores = *modified;
  int64_t axis = 3;
  V top = reduceAxes(b, scores, axis, type, -INFINITY,
                     [](auto x) { return max(x[1], x[0]); });
  V raised = mapLike<B>(b, scores, {Operand{scores, all}, Operand{top, kept}},
                        type, [](auto x) { return exp(x[0] - x[1]); });
  V sum =
      reduceAxes(b, raised, axis, type, 0, [](auto x) { return x[1] + x[0]; });
  V weights = mapLike<B>(b, raised, {Operand{raised, all}, Operand{sum, kept}},
                         type, [](auto x) { return x[0] / x[1]; });
  modified = modify(kModifiers[1], weights);
  if (failed(modified))
    return failure();
  V split = b.expand(*modified, groups, {batch, kv, members, rows, columns});
  V y =
      b.generic({Operand{split, {0, 1, 2, 3, 5}}, Operand{v, {0, 1, 5, 4}}},
                {batch, kv, members, rows, b.size(v, 3), columns}, allLoops(5),
                type, 0.0, [](auto x) { return x[2] + x[0] * x[1]; });
  return convertElements(b, b.collapse(y, groups), b.elementType(q));
}

static LogicalResult evaluateFlex(EvalContext &ctx) {
  const Tensor &q = ctx.inputs[0], &k = ctx.inputs[1], &v = ctx.inputs[2];
  for (const Tensor &input : ctx.inputs)
    if (!input.isFloat() || input.getRank() != 4)
      return ctx.error("operands that do not fit");
  ArrayRef<int64_t> qs = q.getShape(), ks = k.getShape(), vs = v.getShape();
  if (qs[0] != ks[0] || qs[0] != vs[0] || ks[1] != vs[1] || ks[2] != vs[2] ||
      qs[3] != ks[3] || ks[1] == 0 || qs[1] % ks[1] != 0 ||
      !softmaxType(ctx.node, q.getElementType()))
    return ctx.error("operands that do not fit");
  Calculator calculator;
  auto modify = [&](StringRef name, Tensor scores) -> FailureOr<Tensor> {
    int64_t region = ctx.node.getInt(name, -1);
    if (region < 0)
      return scores;
    if (region >= ctx.node->getNumRegions() ||
        !ctx.node->getRegion(region).hasOneBlock() ||
        ctx.node->getRegion(region).front().getNumArguments() != 1)
      return ctx.error("lacks a subgraph of one input");
    Block &block = ctx.node->getRegion(region).front();
    ctx.evaluator.bind(block.getArgument(0), scores);
    auto yielded = ctx.evaluator.runBlock(block);
    if (failed(yielded))
      return failure();
    if (yielded->size() != 1 || !yielded->front().isFloat() ||
        yielded->front().getShape() != scores.getShape())
      return ctx.error("has a subgraph that changes the shape of the scores");
    return yielded->front();
  };
  auto y = attend<Calculator>(calculator, ctx.node, q, k, v, qs[1], ks[1],
                              qs[3], modify);
  if (failed(y))
    return failure();
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  ctx.results[0] = *y;
  return success();
}

static LogicalResult lowerFlex(LowerContext &ctx) {
  Emitter emitter(ctx);
  auto shape = [&](unsigned i) {
    return cast<RankedTensorType>(ctx.input(i).getType()).getShape();
  };
  auto modify = [&](StringRef name, Value scores) -> FailureOr<Value> {
    int64_t region = ctx.node.getInt(name, -1);
    if (region < 0)
      return scores;
    auto type = cast<RankedTensorType>(scores.getType());
    auto expected = cast<RankedTensorType>(
        ctx.node->getRegion(region).front().getArgument(0).getType());
    Value given = castTo(
        ctx.builder, ctx.loc(), scores,
        RankedTensorType::get(expected.getShape(), type.getElementType()));
    auto yielded = ctx.lowerRegion(region, given, ctx.builder);
    if (failed(yielded))
      return failure();
    return castTo(ctx.builder, ctx.loc(), yielded->front(), type);
  };
  auto y = attend<Emitter>(emitter, ctx.node, ctx.input(0), ctx.input(1),
                           ctx.input(2), shape(0)[1], shape(1)[1], shape(0)[3],
                           modify);
  if (failed(y))
    return failure();
  setResult(ctx, 0, *y);
  return success();
}

void ssmc::registerFlexAttentionOperators(OperatorTable &table) {
  table.add({"ai.onnx.preview", "FlexAttention", 1, inferFlex, evaluateFlex,
             lowerFlex, 3, 3});
}
