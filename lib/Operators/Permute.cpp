//===- Permute.cpp - Transpose, DepthToSpace, SpaceToDepth ----------------===//
//
// DepthToSpace and SpaceToDepth are a reshape, a permutation and a reshape;
// their rules are stated by that permutation.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

// The permutation of a Transpose; by default all dimensions reversed.
static FailureOr<SmallVector<int64_t>> permutation(onnx::NodeOp node,
                                                   int64_t rank) {
  if (auto perm = node.getInts("perm")) {
    if (static_cast<int64_t>(perm->size()) != rank)
      return failure();
    return normalizeAxes(*perm, rank);
  }
  SmallVector<int64_t> reversed;
  for (int64_t d = rank; d-- > 0;)
    reversed.push_back(d);
  return reversed;
}

static FailureOr<Tensor> permuted(EvalContext &ctx, const Tensor &in,
                                  ArrayRef<int64_t> perm) {
  SmallVector<int64_t> strides = rowMajorStrides(in.getShape());
  SmallVector<int64_t> shape, outStrides;
  for (int64_t d : perm) {
    shape.push_back(in.getShape()[d]);
    outStrides.push_back(strides[d]);
  }
  return pickStrided(ctx, in, shape, 0, outStrides);
}

static LogicalResult inferTranspose(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  auto perm = permutation(ctx.node, in.dims.size());
  if (failed(perm))
    return ctx.error("has a permutation that does not fit its input of rank " +
                     Twine(in.dims.size()));
  SmallVector<AffineExpr> dims;
  for (int64_t d : *perm)
    dims.push_back(in.dims[d]);
  ctx.setResult(0, in.elementType, dims);
  if (dims.size() < 2)
    if (auto elements = ctx.knownElements(0))
      ctx.setElements(0, *elements);
  return success();
}

static LogicalResult evaluateTranspose(EvalContext &ctx) {
  auto perm = permutation(ctx.node, ctx.inputs[0].getRank());
  if (failed(perm))
    return ctx.error("has a permutation that does not fit its input");
  return finish(ctx, permuted(ctx, ctx.inputs[0], *perm));
}

static LogicalResult lowerTranspose(LowerContext &ctx) {
  auto perm = permutation(ctx.node, ctx.resultType(0).getRank());
  if (failed(perm))
    return ctx.error("has a permutation that does not fit its input");
  auto transpose = linalg::TransposeOp::create(
      ctx.builder, ctx.loc(), ctx.input(0), ctx.emptyResult(0), *perm);
  ctx.setResult(0, transpose->getResult(0));
  return success();
}

namespace {
// DepthToSpace or SpaceToDepth of [N, C, H, W] as a permutation of six digits.
struct BlockMove {
  SmallVector<AffineExpr> digits, result;
  SmallVector<int64_t> perm;
};
} // namespace

static FailureOr<BlockMove> blockMove(onnx::NodeOp node,
                                      ArrayRef<AffineExpr> in,
                                      function_ref<void(StringRef)> report) {
  int64_t block = node.getInt("blocksize", 0);
  if (in.size() != 4 || block <= 0 || block > 1 << 20) {
    report("needs an input of rank 4 and a positive block size");
    return failure();
  }
  MLIRContext *context = node->getContext();
  AffineExpr s = getAffineConstantExpr(block, context);
  // Which is outer among the channels of the deep tensor: the place in the
  // block, or the channel of the wide one.
  StringRef mode = node.getString("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") {
    report("has a mode that is neither DCR nor CRD");
    return failure();
  }
  bool depthFirst = mode == "DCR";
  BlockMove move;
  bool toSpace = node.getOpType() == "DepthToSpace";
  if (toSpace) {
    AffineExpr depth = divideExtents({in[1]}, {s, s}, context);
    if (!depth) {
      report("has channels that are no multiple of the squared block size");
      return failure();
    }
    move.digits =
        depthFirst ? SmallVector<AffineExpr>{in[0], s, s, depth, in[2], in[3]}
                   : SmallVector<AffineExpr>{in[0], depth, s, s, in[2], in[3]};
    move.perm = depthFirst ? SmallVector<int64_t>{0, 3, 4, 1, 5, 2}
                           : SmallVector<int64_t>{0, 1, 4, 2, 5, 3};
    move.result = {in[0], depth, simplifyExtent(in[2] * block),
                   simplifyExtent(in[3] * block)};
    return move;
  }
  AffineExpr height = divideExtents({in[2]}, {s}, context);
  AffineExpr width = divideExtents({in[3]}, {s}, context);
  if (!height || !width) {
    report("has an image that is no multiple of the block size");
    return failure();
  }
  move.digits = {in[0], in[1], height, s, width, s};
  move.perm = depthFirst ? SmallVector<int64_t>{0, 3, 5, 1, 2, 4}
                         : SmallVector<int64_t>{0, 1, 3, 5, 2, 4};
  move.result = {in[0], multiplyExtents({in[1], s, s}, context), height, width};
  return move;
}

static LogicalResult inferBlockMove(InferContext &ctx) {
  auto move = blockMove(ctx.node, ctx.input(0).dims,
                        [&](StringRef why) { (void)ctx.error(why); });
  if (failed(move))
    return failure();
  ctx.setResult(0, ctx.input(0).elementType, move->result);
  return success();
}

static SmallVector<int64_t> constants(ArrayRef<AffineExpr> exprs) {
  SmallVector<int64_t> values;
  for (AffineExpr expr : exprs)
    values.push_back(constantExtent(expr).value_or(0));
  return values;
}

static LogicalResult evaluateBlockMove(EvalContext &ctx) {
  SmallVector<AffineExpr> dims;
  for (int64_t extent : ctx.inputs[0].getShape())
    dims.push_back(getAffineConstantExpr(extent, ctx.node->getContext()));
  auto move =
      blockMove(ctx.node, dims, [&](StringRef why) { (void)ctx.error(why); });
  if (failed(move))
    return failure();
  auto result = permuted(ctx, ctx.inputs[0].reshaped(constants(move->digits)),
                         move->perm);
  if (failed(result))
    return failure();
  ctx.results[0] = result->reshaped(constants(move->result));
  return success();
}

static LogicalResult lowerBlockMove(LowerContext &ctx) {
  auto from = inputExtents(ctx, 0);
  if (failed(from))
    return failure();
  auto move =
      blockMove(ctx.node, *from, [&](StringRef why) { (void)ctx.error(why); });
  if (failed(move))
    return failure();
  if (!ctx.resultType(0).hasStaticShape())
    return ctx.error("is not supported with extents that are not static");
  OpBuilder &b = ctx.builder;
  Type element = ctx.resultType(0).getElementType();
  SmallVector<int64_t> digits = constants(move->digits), shape;
  SmallVector<AffineExpr> dims;
  for (int64_t d : move->perm) {
    shape.push_back(digits[d]);
    dims.push_back(move->digits[d]);
  }
  auto split = RankedTensorType::get(digits, element);
  Value value =
      buildReshape(b, ctx.loc(), ctx.input(0), *from, split, move->digits,
                   getAsIndexOpFoldResult(b.getContext(), digits));
  Value empty = tensor::EmptyOp::create(b, ctx.loc(), shape, element);
  value = linalg::TransposeOp::create(b, ctx.loc(), value, empty, move->perm)
              ->getResult(0);
  ctx.setResult(0, buildReshape(b, ctx.loc(), value, dims, ctx.resultType(0),
                                move->result, resultSizes(ctx, 0)));
  return success();
}

namespace ssmc {
void registerPermuteOperators(OperatorTable &table) {
  table.add(
      {"", "Transpose", 1, inferTranspose, evaluateTranspose, lowerTranspose});
  for (StringRef name : {"DepthToSpace", "SpaceToDepth"})
    table.add({"", name, 1, inferBlockMove, evaluateBlockMove, lowerBlockMove});
}
} // namespace ssmc
