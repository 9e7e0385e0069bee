//===- Control.cpp - If and Loop ------------------------------------------===//
//
// If becomes scf.if. Loop becomes scf.for where it is proved that nothing but
// its trip count ends it, and scf.while otherwise. Values whose shapes change
// from one iteration to the next have extents that only data decides.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxShape.h"
#include "lib/Eval/Evaluator.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"
#include "lib/Operators/LoopNode.h"
#include "lib/Operators/ShapeArithmetic.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ssmc;

static Block *bodyOf(onnx::NodeOp node, unsigned region) {
  if (region >= node->getNumRegions() || !node->getRegion(region).hasOneBlock())
    return nullptr;
  Block &block = node->getRegion(region).front();
  if (block.empty() || !block.back().hasTrait<OpTrait::IsTerminator>())
    return nullptr;
  return &block;
}

// One shape for values of either shape; nothing where ranks or types differ.
static std::optional<ValueShape> join(InferContext &ctx, const ValueShape &a,
                                      const ValueShape &b, StringRef hint) {
  if (a.elementType != b.elementType || a.dims.size() != b.dims.size())
    return std::nullopt;
  ValueShape result = a;
  for (auto [dim, other] : llvm::zip(result.dims, b.dims))
    if (dim != other)
      dim = ctx.freshSymbol(hint);
  return result;
}

// The first element as a condition; fails where there is not one element.
static FailureOr<bool> condition(EvalContext &ctx, const Tensor &tensor) {
  if (tensor.isNull() || tensor.getNumElements() != 1)
    return ctx.error("needs a condition of one element");
  return tensor.at(0) != 0;
}

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

static std::pair<unsigned, unsigned> branches(onnx::NodeOp node) {
  return {node.getInt("then_branch", 0), node.getInt("else_branch", 1)};
}

static LogicalResult inferIf(InferContext &ctx) {
  const ValueShape &taken = ctx.input(0);
  if (!taken.elementType.isInteger(1) ||
      llvm::any_of(taken.dims, [](AffineExpr dim) {
        auto extent = asConstant(dim);
        return extent && *extent != 1;
      }))
    return ctx.error("needs a condition of one boolean");
  auto [then, otherwise] = branches(ctx.node);
  auto a = ctx.inferRegion(then, {});
  if (failed(a))
    return failure();
  auto b = ctx.inferRegion(otherwise, {});
  if (failed(b))
    return failure();
  if (a->size() != ctx.node->getNumResults() || b->size() != a->size())
    return ctx.error("has branches that do not yield its outputs");
  for (size_t i = 0; i < a->size(); ++i) {
    auto shape = join(ctx, (*a)[i], (*b)[i], "if");
    if (!shape)
      return ctx.error("has branches that yield different ranks or types");
    ctx.setResult(i, shape->elementType, shape->dims);
  }
  return success();
}

static LogicalResult evaluateIf(EvalContext &ctx) {
  auto taken = condition(ctx, ctx.inputs[0]);
  if (failed(taken))
    return failure();
  auto [then, otherwise] = branches(ctx.node);
  Block *block = bodyOf(ctx.node, *taken ? then : otherwise);
  if (!block)
    return ctx.error("lacks a branch");
  auto yielded = ctx.evaluator.runBlock(*block);
  if (failed(yielded))
    return failure();
  if (yielded->size() != ctx.results.size())
    return ctx.error("has branches that do not yield its outputs");
  llvm::copy(*yielded, ctx.results.begin());
  return success();
}

static LogicalResult lowerIf(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  auto [then, otherwise] = branches(ctx.node);
  SmallVector<Type> types;
  for (unsigned i = 0; i < ctx.node->getNumResults(); ++i)
    types.push_back(ctx.resultType(i));
  Value taken = extractScalar(b, loc, ctx.input(0));
  auto branch = scf::IfOp::create(b, loc, types, taken, true, true);
  auto fill = [&](Block *block, unsigned region) -> LogicalResult {
    b.setInsertionPointToEnd(block);
    auto yielded = ctx.lowerRegion(region, {}, b);
    if (failed(yielded))
      return failure();
    for (auto [i, value] : llvm::enumerate(*yielded))
      value = castTo(b, loc, value, cast<RankedTensorType>(types[i]));
    scf::YieldOp::create(b, loc, *yielded);
    return success();
  };
  // Created with terminators, which these replace.
  for (Block *block : {branch.thenBlock(), branch.elseBlock()})
    block->clear();
  if (failed(fill(branch.thenBlock(), then)) ||
      failed(fill(branch.elseBlock(), otherwise)))
    return failure();
  b.setInsertionPointAfter(branch);
  for (auto [i, result] : llvm::enumerate(branch.getResults()))
    ctx.setResult(i, result);
  return success();
}

//===----------------------------------------------------------------------===//
// Loop: body(iteration, condition, carried...) -> condition, carried, scanned
//===----------------------------------------------------------------------===//

FailureOr<LoopParts> ssmc::readLoop(onnx::NodeOp node) {
  Block *body = bodyOf(node, node.getInt("body", 0));
  int64_t carried = static_cast<int64_t>(node.getInputs().size()) - 2;
  int64_t scanned = static_cast<int64_t>(node->getNumResults()) - carried;
  if (!body || carried < 0 || scanned < 0 ||
      body->getNumArguments() != carried + 2 ||
      body->back().getNumOperands() != carried + scanned + 1)
    return failure();
  return LoopParts{body, carried, scanned};
}

static bool isTrue(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return false;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  return dense && dense.isSplat() && dense.getElementType().isInteger(1) &&
         dense.getSplatValue<bool>();
}

bool ssmc::onlyCounts(onnx::NodeOp node, Block &body) {
  if (node.hasInput(1) && !isTrue(node.getInputs()[1]))
    return false;
  Value next = body.back().getOperand(0);
  while (auto through = next.getDefiningOp<onnx::NodeOp>()) {
    if (through.getOpType() != "Identity" || !through.getDomain().empty())
      return false;
    next = through.getInputs()[0];
  }
  return next == body.getArgument(1) || isTrue(next);
}

static constexpr const char *kMalformedLoop =
    "has inputs, outputs and a body that do not fit together";

static LogicalResult inferLoop(InferContext &ctx) {
  auto parts = readLoop(ctx.node);
  if (failed(parts))
    return ctx.error(kMalformedLoop);
  int64_t carried = parts->carried, scanned = parts->scanned;
  Block &body = *parts->body;
  Builder builder(ctx.getContext());
  SmallVector<ValueShape> arguments{{builder.getI64Type(), {}},
                                    {builder.getI1Type(), {}}};
  for (int64_t i = 0; i < carried; ++i) {
    if (!ctx.node.hasInput(i + 2))
      return ctx.error("leaves out input " + Twine(i + 2));
    arguments.push_back(ctx.input(i + 2));
  }
  // Extents that the body changes become symbols, until none does. Those that
  // it has changed at an earlier visit are symbols from the start.
  llvm::DenseSet<int64_t> &varying = ctx.notes();
  auto place = [](int64_t i, size_t d) {
    return i * onnx::kMaxRank + int64_t(d);
  };
  for (int64_t i = 0; i < carried; ++i)
    for (size_t d = 0; d < arguments[i + 2].dims.size(); ++d)
      if (varying.contains(place(i, d)))
        arguments[i + 2].dims[d] = ctx.freshSymbol("loop");
  FailureOr<SmallVector<ValueShape>> yielded = failure();
  for (bool changed = true; changed;) {
    changed = false;
    yielded = ctx.inferRegion(ctx.node.getInt("body", 0), arguments);
    if (failed(yielded))
      return failure();
    for (int64_t i = 0; i < carried; ++i) {
      ValueShape &before = arguments[i + 2];
      const ValueShape &after = (*yielded)[i + 1];
      if (before.elementType != after.elementType ||
          before.dims.size() != after.dims.size())
        return ctx.error("has a body that changes the rank or type of value " +
                         Twine(i));
      for (size_t d = 0; d < before.dims.size(); ++d) {
        if (before.dims[d] == after.dims[d] ||
            !varying.insert(place(i, d)).second)
          continue;
        before.dims[d] = ctx.freshSymbol("loop");
        changed = true;
      }
    }
  }
  AffineExpr trips;
  if (ctx.node.hasInput(0) && onlyCounts(ctx.node, body))
    if (auto count = ctx.knownElements(0); count && count->size() == 1) {
      auto constant = constantExtent((*count)[0]);
      trips = constant && *constant < 0 ? ctx.constantDim(0) : (*count)[0];
    }
  if (!trips && scanned > 0)
    trips = ctx.freshSymbol("trips");
  for (int64_t i = 0; i < carried; ++i) {
    ValueShape shape = arguments[i + 2];
    for (size_t d = 0; d < shape.dims.size(); ++d)
      if (varying.contains(place(i, d)))
        shape.dims[d] = ctx.freshSymbol("loop_result");
    ctx.setResult(i, shape.elementType, shape.dims);
  }
  for (int64_t i = 0; i < scanned; ++i) {
    ValueShape shape = (*yielded)[carried + 1 + i];
    shape.dims.insert(shape.dims.begin(), trips);
    ctx.setResult(carried + i, shape.elementType, shape.dims);
  }
  return success();
}

static LogicalResult evaluateLoop(EvalContext &ctx) {
  constexpr int64_t limit = 1 << 20;
  auto parts = readLoop(ctx.node);
  if (failed(parts))
    return ctx.error(kMalformedLoop);
  int64_t carried = parts->carried, scanned = parts->scanned;
  Block &body = *parts->body;
  MLIRContext *context = ctx.node->getContext();
  int64_t trips = std::numeric_limits<int64_t>::max();
  if (ctx.has(0)) {
    auto given = inputInts(ctx, 0);
    if (failed(given) || given->size() != 1)
      return ctx.error("needs one trip count");
    trips = (*given)[0];
  }
  FailureOr<bool> go = true;
  if (ctx.has(1))
    go = condition(ctx, ctx.inputs[1]);
  if (failed(go))
    return failure();
  SmallVector<Tensor> values(ctx.inputs.drop_front(2));
  SmallVector<SmallVector<Tensor>> rows(scanned);
  for (int64_t i = 0; i < trips && *go; ++i) {
    if (i == limit)
      return ctx.error("runs too long to be evaluated");
    ctx.evaluator.bind(body.getArgument(0),
                       Tensor::integers(context, i).reshaped({}));
    ctx.evaluator.bind(body.getArgument(1),
                       Tensor::scalar(IntegerType::get(context, 1), *go));
    for (auto [argument, value] :
         llvm::zip(body.getArguments().drop_front(2), values))
      ctx.evaluator.bind(argument, value);
    auto yielded = ctx.evaluator.runBlock(body);
    if (failed(yielded))
      return failure();
    go = condition(ctx, yielded->front());
    if (failed(go))
      return failure();
    values.assign(yielded->begin() + 1, yielded->begin() + 1 + carried);
    for (int64_t k = 0; k < scanned; ++k)
      rows[k].push_back((*yielded)[carried + 1 + k]);
  }
  for (auto [i, value] : llvm::enumerate(values))
    ctx.results[i] = value;
  for (int64_t k = 0; k < scanned; ++k) {
    if (rows[k].empty())
      return ctx.error("scans no rows, of unknown shape");
    const Tensor &first = rows[k].front();
    SmallVector<int64_t> shape(first.getShape());
    shape.insert(shape.begin(), rows[k].size());
    Tensor *out = ctx.makeResult(carried + k, first.getElementType(), shape);
    if (!out)
      return failure();
    int64_t at = 0;
    for (const Tensor &row : rows[k]) {
      if (row.getShape() != first.getShape() ||
          row.isFloat() != first.isFloat())
        return ctx.error("has a body whose output changes its shape");
      if (row.isFloat())
        llvm::copy(row.floats(), out->mutableFloats().begin() + at);
      else
        llvm::copy(row.ints(), out->mutableInts().begin() + at);
      at += row.getNumElements();
    }
  }
  return success();
}

// Row `i` of `rows` is `row`.
static Value insertRow(OpBuilder &b, Location loc, Value row, Value rows,
                       Value i) {
  auto type = cast<RankedTensorType>(rows.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  offsets[0] = i;
  sizes[0] = b.getIndexAttr(1);
  auto rowType = RankedTensorType::get(type.getShape().drop_front(),
                                       type.getElementType());
  return tensor::InsertSliceOp::create(b, loc, castTo(b, loc, row, rowType),
                                       rows, offsets, sizes, strides);
}

static LogicalResult lowerLoop(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  auto parts = readLoop(ctx.node);
  if (failed(parts))
    return ctx.error(kMalformedLoop);
  int64_t carried = parts->carried, scanned = parts->scanned;
  unsigned region = ctx.node.getInt("body", 0);
  Block &body = *parts->body;
  bool counting = onlyCounts(ctx.node, body);
  if (!ctx.input(0) && scanned > 0)
    return ctx.error("collects rows without a limit on their number");

  // Values are carried under the types of the body's arguments; rows are
  // collected in a tensor for as many as there can be.
  SmallVector<Value> initial;
  SmallVector<RankedTensorType> types;
  for (int64_t i = 0; i < carried; ++i) {
    auto type = cast<RankedTensorType>(body.getArgument(i + 2).getType());
    types.push_back(RankedTensorType::get(
        type.getShape(),
        cast<RankedTensorType>(ctx.resultType(i)).getElementType()));
    initial.push_back(castTo(b, loc, ctx.input(i + 2), types.back()));
  }
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1), trips;
  if (ctx.input(0)) {
    trips = toIndex(b, loc, extractScalar(b, loc, ctx.input(0)));
    trips = arith::MaxSIOp::create(b, loc, trips, zero);
  }
  for (int64_t i = 0; i < scanned; ++i) {
    RankedTensorType type = ctx.resultType(carried + i);
    SmallVector<OpFoldResult> sizes{trips};
    for (int64_t d = 1; d < type.getRank(); ++d) {
      sizes.push_back(ctx.resultDim(carried + i, d));
      if (!sizes.back())
        return ctx.error("collects rows whose extents only data decides");
    }
    Value rows = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
    types.push_back(cast<RankedTensorType>(rows.getType()));
    initial.push_back(rows);
  }

  // Runs the body in iteration `i`; returns the condition and what is carried.
  auto iterate = [&](OpBuilder &b, Value i, Value go,
                     ValueRange values) -> FailureOr<SmallVector<Value>> {
    auto scalar = [&](Value value) -> Value {
      auto type = RankedTensorType::get({}, value.getType());
      return tensor::FromElementsOp::create(b, loc, type, value);
    };
    Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), i);
    SmallVector<Value> arguments{scalar(number), scalar(go)};
    llvm::append_range(arguments, values.take_front(carried));
    auto yielded = ctx.lowerRegion(region, arguments, b);
    if (failed(yielded))
      return failure();
    SmallVector<Value> next{extractScalar(b, loc, yielded->front())};
    for (int64_t k = 0; k < carried; ++k) {
      next.push_back(castTo(b, loc, (*yielded)[k + 1], types[k]));
      // What has one shape in every iteration stays in one buffer.
      RankedTensorType type = types[k];
      if (type.hasStaticShape())
        next.back() = writeInto(b, loc, next.back(), values[k]);
    }
    for (int64_t k = 0; k < scanned; ++k)
      next.push_back(insertRow(b, loc, (*yielded)[carried + 1 + k],
                               values[carried + k], i));
    return next;
  };

  LogicalResult lowered = success();
  SmallVector<Value> results;
  Value count = trips;
  if (counting && trips) {
    auto loop = scf::ForOp::create(
        b, loc, zero, trips, one, initial,
        [&](OpBuilder &nested, Location loc, Value i, ValueRange values) {
          Value go = arith::ConstantIntOp::create(nested, loc, 1, 1);
          auto next = iterate(nested, i, go, values);
          lowered = next;
          scf::YieldOp::create(nested, loc,
                               succeeded(next) ? ValueRange(*next).drop_front()
                                               : values);
        });
    llvm::append_range(results, loop.getResults());
  } else {
    Value go = ctx.input(1) ? extractScalar(b, loc, ctx.input(1))
                            : arith::ConstantIntOp::create(b, loc, 1, 1);
    SmallVector<Value> all{zero, go};
    llvm::append_range(all, initial);
    SmallVector<Type> allTypes(ValueRange(all).getTypes());
    auto loop = scf::WhileOp::create(
        b, loc, allTypes, all,
        [&](OpBuilder &nested, Location loc, ValueRange values) {
          Value go = values[1];
          if (trips) {
            Value more = arith::CmpIOp::create(
                nested, loc, arith::CmpIPredicate::slt, values[0], trips);
            go = arith::AndIOp::create(nested, loc, go, more);
          }
          scf::ConditionOp::create(nested, loc, go, values);
        },
        [&](OpBuilder &nested, Location loc, ValueRange values) {
          auto next =
              iterate(nested, values[0], values[1], values.drop_front(2));
          lowered = next;
          SmallVector<Value> yielded{
              arith::AddIOp::create(nested, loc, values[0], one)};
          if (succeeded(next))
            llvm::append_range(yielded, *next);
          else
            llvm::append_range(yielded, values.drop_front());
          scf::YieldOp::create(nested, loc, yielded);
        });
    count = loop.getResult(0);
    llvm::append_range(results, loop.getResults().drop_front(2));
  }
  if (failed(lowered))
    return failure();
  for (int64_t i = 0; i < carried + scanned; ++i) {
    Value result = results[i];
    if (i >= carried && !(counting && trips)) {
      // Only the rows that were written.
      auto rank = cast<RankedTensorType>(result.getType()).getRank();
      SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
      SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
      SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, result);
      sizes[0] = count;
      result = takeSlice(b, loc, result, offsets, sizes, strides);
    }
    ctx.setResult(i, castTo(b, loc, result, ctx.resultType(i)));
  }
  return success();
}

namespace ssmc {
void registerControlOperators(OperatorTable &table) {
  table.add(
      {"", "If", 1, inferIf, evaluateIf, lowerIf, 1, 1, 0, Operator::kAny});
  table.add({"", "Loop", 1, inferLoop, evaluateLoop, lowerLoop, 0,
             Operator::kAny, 0, Operator::kAny});
}
} // namespace ssmc
