//===- MatMul.cpp - matrix products ---------------------------------------===//
//
// MatMul is lowered to one contraction over the operands as they are: with
// batch dimensions of one operand only (a sequence times a weight matrix) it
// is not a batched product, and stays open to being tiled as one large one.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Contraction.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

static bool isNumber(Type type) {
  return isa<FloatType>(type) || (isa<IntegerType>(type) && !type.isInteger(1));
}

/// Element types and the extents that are summed over must agree.
static LogicalResult checkProduct(InferContext &ctx, AffineExpr left,
                                  AffineExpr right) {
  Type type = ctx.input(0).elementType;
  if (type != ctx.input(1).elementType)
    return ctx.error(
        "operands have different element types: " + describeType(type) +
        " and " + describeType(ctx.input(1).elementType));
  if (!isNumber(type))
    return ctx.error("not defined for elements of type " + describeType(type));
  auto a = asConstant(left), b = asConstant(right);
  if (a && b && *a != *b)
    return ctx.error(
        "the extents to sum over differ: " + describeDims(ctx.input(0).dims) +
        " and " + describeDims(ctx.input(1).dims));
  ctx.requireEqual(left, right);
  return success();
}

//===----------------------------------------------------------------------===//
// MatMul
//===----------------------------------------------------------------------===//

static LogicalResult inferMatMul(InferContext &ctx) {
  ArrayRef<AffineExpr> a = ctx.input(0).dims, b = ctx.input(1).dims;
  if (a.empty() || b.empty())
    return ctx.error("a scalar operand");
  if (failed(checkProduct(ctx, a.back(), b[b.size() < 2 ? 0 : b.size() - 2])))
    return failure();
  auto dims = broadcastDims(ctx, {a.drop_back(std::min<size_t>(a.size(), 2)),
                                  b.drop_back(std::min<size_t>(b.size(), 2))});
  if (failed(dims))
    return failure();
  if (a.size() > 1)
    dims->push_back(a[a.size() - 2]);
  if (b.size() > 1)
    dims->push_back(b.back());
  ctx.setResult(0, ctx.input(0).elementType, *dims);
  return success();
}

static LogicalResult evaluateMatMul(EvalContext &ctx) {
  const Tensor &a = ctx.inputs[0], &b = ctx.inputs[1];
  ArrayRef<int64_t> as = a.getShape(), bs = b.getShape();
  if (as.empty() || bs.empty())
    return ctx.error("a scalar operand");
  int64_t rows = as.size() > 1 ? as[as.size() - 2] : 1, depth = as.back(),
          columns = bs.size() > 1 ? bs.back() : 1;
  if ((bs.size() > 1 ? bs[bs.size() - 2] : bs[0]) != depth ||
      a.isFloat() != b.isFloat())
    return ctx.error("operands that do not fit");
  ArrayRef<int64_t> aBatch = as.drop_back(std::min<size_t>(as.size(), 2)),
                    bBatch = bs.drop_back(std::min<size_t>(bs.size(), 2));
  auto batch = broadcastShapes({aBatch, bBatch});
  if (!batch)
    return ctx.error("shapes do not broadcast");
  SmallVector<int64_t> shape = *batch;
  if (as.size() > 1)
    shape.push_back(rows);
  if (bs.size() > 1)
    shape.push_back(columns);
  Tensor *y = ctx.makeResult(0, a.getElementType(), shape);
  if (!y)
    return failure();
  SmallVector<SmallVector<int64_t>> strides{broadcastStrides(aBatch, *batch),
                                            broadcastStrides(bBatch, *batch)};
  forEachBroadcast(*batch, strides, [&](int64_t i, ArrayRef<int64_t> at) {
    int64_t aOffset = at[0] * rows * depth, bOffset = at[1] * depth * columns,
            offset = i * rows * columns;
    if (a.isFloat())
      multiplyMatrices(a.floats().data() + aOffset, b.floats().data() + bOffset,
                       y->mutableFloats().data() + offset, rows, depth,
                       columns);
    else
      multiplyMatrices(a.ints().data() + aOffset, b.ints().data() + bOffset,
                       y->mutableInts().data() + offset, rows, depth, columns);
  });
  if (!a.isFloat())
    for (int64_t &value : y->mutableInts())
      value = wrapInteger(value, a.getElementType());
  return success();
}

/// The sum of products over the loops that are not in `resultDims`, converted
/// back from the type it is accumulated in.
static Value contract(Emitter &b, Emitter::Operand left, Emitter::Operand right,
                      ArrayRef<OpFoldResult> loops,
                      ArrayRef<int64_t> resultDims) {
  Value sum =
      b.generic({left, right}, loops, resultDims, b.accumulatorType(left.value),
                0.0, [](auto x) { return x[2] + x[0] * x[1]; });
  return convertElements(b, sum, b.elementType(left.value));
}

static LogicalResult lowerMatMul(LowerContext &ctx) {
  Emitter b(ctx);
  Value left = ctx.input(0), right = ctx.input(1);
  int64_t leftRank = b.rank(left), rightRank = b.rank(right);
  int64_t batchRank = std::max<int64_t>({leftRank - 2, rightRank - 2, 0});
  // Loops: the batch, the rows, the columns, the sum.
  SmallVector<OpFoldResult> loops;
  for (int64_t d = 0; d < batchRank; ++d)
    loops.push_back(ctx.resultDim(0, d));
  SmallVector<int64_t> resultDims = allLoops(batchRank);
  Emitter::Operand a{left, {}}, w{right, {}};
  auto batchDims = [&](Emitter::Operand &operand, int64_t rank) {
    for (int64_t d = 0; d < rank - 2; ++d) {
      int64_t loop = batchRank - (rank - 2) + d;
      bool repeated =
          b.isOne(b.size(operand.value, d)) && !b.isOne(loops[loop]);
      operand.dims.push_back(repeated ? kRepeated : loop);
    }
  };
  batchDims(a, leftRank);
  batchDims(w, rightRank);
  if (leftRank > 1) {
    a.dims.push_back(loops.size());
    resultDims.push_back(loops.size());
    loops.push_back(b.size(left, leftRank - 2));
  }
  int64_t column = loops.size();
  if (rightRank > 1) {
    resultDims.push_back(column);
    loops.push_back(b.size(right, rightRank - 1));
  }
  int64_t sum = loops.size();
  loops.push_back(b.size(left, leftRank - 1));
  a.dims.push_back(sum);
  w.dims.push_back(sum);
  if (rightRank > 1)
    w.dims.push_back(column);
  setResult(ctx, 0, contract(b, a, w, loops, resultDims));
  return success();
}

//===----------------------------------------------------------------------===//
// Gemm: alpha * A' * B' + beta * C
//===----------------------------------------------------------------------===//

static LogicalResult inferGemm(InferContext &ctx) {
  ArrayRef<AffineExpr> a = ctx.input(0).dims, b = ctx.input(1).dims;
  if (a.size() != 2 || b.size() != 2)
    return ctx.error("operands must be matrices, have shapes " +
                     describeDims(a) + " and " + describeDims(b));
  bool ta = ctx.node.getInt("transA", 0), tb = ctx.node.getInt("transB", 0);
  if (failed(checkProduct(ctx, a[ta ? 0 : 1], b[tb ? 1 : 0])))
    return failure();
  SmallVector<AffineExpr> dims{a[ta ? 1 : 0], b[tb ? 0 : 1]};
  if (ctx.node.hasInput(2)) {
    const ValueShape &c = ctx.input(2);
    if (c.elementType != ctx.input(0).elementType)
      return ctx.error("operands have different element types");
    auto sum = broadcastDims(ctx, {dims, c.dims});
    if (failed(sum))
      return failure();
    for (auto [expected, found] : llvm::zip_longest(dims, *sum))
      if (!expected || !found || (asConstant(*expected) && *expected != *found))
        return ctx.error("C of shape " + describeDims(c.dims) +
                         " does not broadcast to the product");
  }
  ctx.setResult(0, ctx.input(0).elementType, dims);
  return success();
}

template <typename S, typename B>
static typename B::Value
gemm(B &b, onnx::NodeOp node, typename B::Value left, typename B::Value right,
     std::optional<typename B::Value> addend, bool isUnsigned) {
  bool ta = node.getInt("transA", 0), tb = node.getInt("transB", 0);
  double alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  // Loops: row, column, sum.
  typename B::Operand operands[] = {
      {left, ta ? SmallVector<int64_t>{2, 0} : SmallVector<int64_t>{0, 2},
       isUnsigned},
      {right, tb ? SmallVector<int64_t>{1, 2} : SmallVector<int64_t>{2, 1},
       isUnsigned}};
  typename B::Size loops[] = {b.size(left, ta ? 1 : 0),
                              b.size(right, tb ? 0 : 1),
                              b.size(left, ta ? 0 : 1)};
  typename B::Value result =
      b.template generic<S>(operands, loops, {0, 1}, b.accumulatorType(left),
                            0.0, [](auto x) { return x[2] + x[0] * x[1]; });
  if (!addend && alpha == 1)
    return convertElements(b, result, b.elementType(left));
  SmallVector<typename B::Operand> parts{{result, {0, 1}, isUnsigned}};
  if (addend)
    parts.push_back(
        aligned(b, *addend, ArrayRef(loops).take_front(2), isUnsigned));
  bool isScaled = alpha != 1 || beta != 1;
  return b.template generic<S>(
      parts, ArrayRef(loops).take_front(2), {0, 1}, b.elementType(left),
      std::nullopt, [&](auto x) {
        auto product = x[0];
        if (alpha != 1)
          product = scalar::scaled(product, alpha);
        if (x.size() == 1)
          return product;
        return product + (isScaled ? scalar::scaled(x[1], beta) : x[1]);
      });
}

static LogicalResult evaluateGemm(EvalContext &ctx) {
  const Tensor &a = ctx.inputs[0], &b = ctx.inputs[1];
  bool ta = ctx.node.getInt("transA", 0), tb = ctx.node.getInt("transB", 0);
  if (a.getRank() != 2 || b.getRank() != 2 ||
      a.getShape()[ta ? 0 : 1] != b.getShape()[tb ? 1 : 0] ||
      a.isFloat() != b.isFloat())
    return ctx.error("operands that do not fit");
  std::optional<Tensor> c;
  if (ctx.has(2)) {
    c = ctx.inputs[2];
    int64_t shape[] = {a.getShape()[ta ? 1 : 0], b.getShape()[tb ? 0 : 1]};
    auto sum = broadcastShapes({ArrayRef<int64_t>(shape), c->getShape()});
    if (!sum || ArrayRef(*sum) != ArrayRef<int64_t>(shape) ||
        c->isFloat() != a.isFloat())
      return ctx.error("an addend that does not fit");
  }
  Calculator calculator;
  Tensor y = a.isFloat() ? gemm<double>(calculator, ctx.node, a, b, c, false)
                         : gemm<int64_t>(calculator, ctx.node, a, b, c, false);
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  ctx.results[0] = std::move(y);
  return success();
}

static LogicalResult lowerGemm(LowerContext &ctx) {
  Emitter emitter(ctx);
  std::optional<Value> c;
  if (ctx.node.hasInput(2))
    c = ctx.input(2);
  setResult(ctx, 0,
            gemm<double>(emitter, ctx.node, ctx.input(0), ctx.input(1), c,
                         isUnsignedInput(ctx, 0)));
  return success();
}

void ssmc::registerMatMulOperators(OperatorTable &table) {
  table.add({"", "MatMul", 1, inferMatMul, evaluateMatMul, lowerMatMul, 2, 2});
  table.add({"", "Gemm", 7, inferGemm, evaluateGemm, lowerGemm, 2, 3});
}
