//===- Logical.cpp - comparisons, booleans and selection ------------------===//

#include "lib/Operators/Broadcast.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

namespace {
enum class Operands { Numbers, Any, Booleans };

struct Relation {
  StringRef name;
  int64_t since;
  Operands operands;
  bool (*real)(double, double); // null for booleans
  bool (*integer)(int64_t, int64_t);
  Scalar (*emit)(Scalar, Scalar);
  std::optional<bool> (*extent)(AffineExpr, AffineExpr) = nullptr;
};
} // namespace

static std::optional<bool> negated(std::optional<bool> value) {
  return value ? std::optional<bool>(!*value) : value;
}

namespace ssmc::scalar {
static const Relation relations[] = {
    {"Equal", 7, Operands::Any, equal<double>, equal<int64_t>, equal, isEqual},
    {"Less", 7, Operands::Numbers, less<double>, less<int64_t>, less, isLess},
    {"LessOrEqual", 12, Operands::Numbers, lessEqual<double>,
     lessEqual<int64_t>, lessEqual,
     [](AffineExpr a, AffineExpr b) { return negated(isLess(b, a)); }},
    {"Greater", 7, Operands::Numbers, [](double a, double b) { return a > b; },
     [](int64_t a, int64_t b) { return a > b; },
     [](Scalar a, Scalar b) { return less(b, a); },
     [](AffineExpr a, AffineExpr b) { return isLess(b, a); }},
    {"GreaterOrEqual", 12, Operands::Numbers,
     [](double a, double b) { return a >= b; },
     [](int64_t a, int64_t b) { return a >= b; },
     [](Scalar a, Scalar b) { return lessEqual(b, a); },
     [](AffineExpr a, AffineExpr b) { return negated(isLess(a, b)); }},
    {"And", 7, Operands::Booleans, nullptr,
     [](int64_t a, int64_t b) { return a && b; }, logicalAnd},
    {"Or", 7, Operands::Booleans, nullptr,
     [](int64_t a, int64_t b) { return a || b; }, logicalOr},
    {"Xor", 7, Operands::Booleans, nullptr, notEqual<int64_t>, notEqual},
};
} // namespace ssmc::scalar

static const Relation *findRelation(onnx::NodeOp node) {
  for (const Relation &relation : scalar::relations)
    if (relation.name == node.getOpType())
      return &relation;
  return nullptr;
}

static Type booleanType(MLIRContext *context) {
  return IntegerType::get(context, 1);
}

/// One operand alone may decide: false of And, true of Or.
static void propagateDecided(InferContext &ctx, ArrayRef<AffineExpr> dims) {
  bool decides = ctx.node.getOpType() == "Or";
  auto count = dims.empty()       ? std::optional<int64_t>(1)
               : dims.size() == 1 ? constantExtent(dims[0])
                                  : std::nullopt;
  if (!count || (!decides && ctx.node.getOpType() != "And"))
    return;
  for (unsigned i : {0, 1}) {
    auto known = ctx.knownElements(i);
    if (known && llvm::all_of(*known, [&](AffineExpr element) {
          return asConstant(element) == int64_t(decides);
        }))
      ctx.setElements(
          0, SmallVector<AffineExpr>(*count, ctx.constantDim(decides)));
  }
}

static LogicalResult inferRelation(InferContext &ctx) {
  const Relation *relation = findRelation(ctx.node);
  Type type = ctx.input(0).elementType;
  if (type != ctx.input(1).elementType)
    return ctx.error(
        "operands have different element types: " + describeType(type) +
        " and " + describeType(ctx.input(1).elementType));
  bool isBoolean = type.isInteger(1);
  if (!type.isIntOrFloat() ||
      (relation->operands == Operands::Booleans && !isBoolean) ||
      (relation->operands == Operands::Numbers && isBoolean))
    return ctx.error("not defined for elements of type " + describeType(type));
  auto dims = broadcastInputs(ctx);
  if (failed(dims))
    return failure();
  ctx.setResult(0, booleanType(ctx.getContext()), *dims);
  if (relation->extent && isa<IntegerType>(type))
    propagateElements(ctx, 2, [&](ArrayRef<AffineExpr> x) {
      auto truth = relation->extent(x[0], x[1]);
      return truth ? ctx.constantDim(*truth) : AffineExpr();
    });
  if (isBoolean)
    propagateDecided(ctx, *dims);
  return success();
}

static LogicalResult evaluateRelation(EvalContext &ctx) {
  const Relation *relation = findRelation(ctx.node);
  const Tensor &a = ctx.inputs[0], &b = ctx.inputs[1];
  auto shape = broadcastShapes({a.getShape(), b.getShape()});
  if (!shape)
    return ctx.error("shapes do not broadcast");
  if (a.isFloat() != b.isFloat() || (a.isFloat() && !relation->real))
    return ctx.error("operands of the wrong types");
  Tensor *y = ctx.makeResult(0, booleanType(ctx.node.getContext()), *shape);
  if (!y)
    return failure();
  SmallVector<SmallVector<int64_t>> strides{
      broadcastStrides(a.getShape(), *shape),
      broadcastStrides(b.getShape(), *shape)};
  // The order of unsigned 64-bit integers is not that of their bit patterns.
  int64_t bias = a.getElementType().isUnsignedInteger(64)
                     ? std::numeric_limits<int64_t>::min()
                     : 0;
  auto to = y->mutableInts();
  forEachBroadcast(*shape, strides, [&](int64_t i, ArrayRef<int64_t> at) {
    to[i] = a.isFloat() ? relation->real(a.floats()[at[0]], b.floats()[at[1]])
                        : relation->integer(a.ints()[at[0]] ^ bias,
                                            b.ints()[at[1]] ^ bias);
  });
  return success();
}

static LogicalResult lowerRelation(LowerContext &ctx) {
  const Relation *relation = findRelation(ctx.node);
  ctx.setResult(0, elementwise(ctx, 0, {ctx.input(0), ctx.input(1)},
                               [&](ArrayRef<Scalar> x) {
                                 return relation->emit(x[0], x[1]);
                               }));
  return success();
}

//===----------------------------------------------------------------------===//
// Tests of one operand: Not, BitwiseNot, IsNaN, IsInf
//===----------------------------------------------------------------------===//

static LogicalResult inferTest(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  StringRef name = ctx.node.getOpType();
  bool isBoolean = x.elementType.isInteger(1);
  bool fits = name == "Not" ? isBoolean
              : name == "BitwiseNot"
                  ? isa<IntegerType>(x.elementType) && !isBoolean
                  : isa<FloatType>(x.elementType);
  if (!fits)
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  ctx.setResult(
      0, name == "BitwiseNot" ? x.elementType : booleanType(ctx.getContext()),
      x.dims);
  return success();
}

/// Whether IsInf looks for infinities of either sign.
static std::pair<bool, bool> infinitySigns(onnx::NodeOp node) {
  return {node.getInt("detect_negative", 1) != 0,
          node.getInt("detect_positive", 1) != 0};
}

static LogicalResult evaluateTest(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  StringRef name = ctx.node.getOpType();
  bool onIntegers = name == "Not" || name == "BitwiseNot";
  if (x.isFloat() == onIntegers)
    return ctx.error("an operand of the wrong type");
  Type type = name == "BitwiseNot" ? x.getElementType()
                                   : booleanType(ctx.node.getContext());
  Tensor *y = ctx.makeResult(0, type, x.getShape());
  if (!y)
    return failure();
  auto to = y->mutableInts();
  const std::pair<bool, bool> signs = infinitySigns(ctx.node);
  for (int64_t i = 0, e = x.getNumElements(); i < e; ++i) {
    if (onIntegers)
      to[i] = name == "Not" ? !x.ints()[i] : wrapInteger(~x.ints()[i], type);
    else if (name == "IsNaN")
      to[i] = std::isnan(x.floats()[i]);
    else
      to[i] = (signs.second && x.floats()[i] == INFINITY) ||
              (signs.first && x.floats()[i] == -INFINITY);
  }
  return success();
}

static LogicalResult lowerTest(LowerContext &ctx) {
  StringRef name = ctx.node.getOpType();
  const std::pair<bool, bool> signs = infinitySigns(ctx.node);
  ctx.setResult(0, elementwise(ctx, 0, ctx.input(0), [&](ArrayRef<Scalar> in) {
                  Scalar x = in[0];
                  if (!x.isFloat())
                    return x.make<arith::XOrIOp>(x.value, x.constant(-1).value);
                  if (name == "IsNaN")
                    return x.make<arith::CmpFOp>(arith::CmpFPredicate::UNO,
                                                 x.value, x.value);
                  // Not equal to itself: false for every x.
                  Scalar found = scalar::less(x, x);
                  if (signs.second)
                    found = scalar::logicalOr(
                        found, scalar::equal(x, x.constant(INFINITY)));
                  if (signs.first)
                    found = scalar::logicalOr(
                        found, scalar::equal(x, x.constant(-INFINITY)));
                  return found;
                }));
  return success();
}

//===----------------------------------------------------------------------===//
// Where
//===----------------------------------------------------------------------===//

static LogicalResult inferWhere(InferContext &ctx) {
  if (!ctx.input(0).elementType.isInteger(1))
    return ctx.error("the condition must be of booleans");
  Type type = ctx.input(1).elementType;
  if (type != ctx.input(2).elementType)
    return ctx.error(
        "operands have different element types: " + describeType(type) +
        " and " + describeType(ctx.input(2).elementType));
  auto dims = broadcastInputs(ctx);
  if (failed(dims))
    return failure();
  ctx.setResult(0, type, *dims);
  if (isa<IntegerType>(type))
    propagateElements(ctx, 3, [](ArrayRef<AffineExpr> x) {
      auto condition = asConstant(x[0]);
      return x[1] == x[2] ? x[1]
             : !condition ? AffineExpr()
                          : x[*condition ? 1 : 2];
    });
  return success();
}

static LogicalResult evaluateWhere(EvalContext &ctx) {
  const Tensor &c = ctx.inputs[0], &a = ctx.inputs[1], &b = ctx.inputs[2];
  auto shape = broadcastShapes({c.getShape(), a.getShape(), b.getShape()});
  if (!shape)
    return ctx.error("shapes do not broadcast");
  if (c.isFloat() || a.isFloat() != b.isFloat())
    return ctx.error("operands of the wrong types");
  Tensor *y = ctx.makeUninitialized(0, a.getElementType(), *shape);
  if (!y)
    return failure();
  SmallVector<SmallVector<int64_t>> strides{
      broadcastStrides(c.getShape(), *shape),
      broadcastStrides(a.getShape(), *shape),
      broadcastStrides(b.getShape(), *shape)};
  auto choose = [&](auto as, auto bs, auto to) {
    forEachRun(*shape, strides,
               [&](int64_t i, int64_t length, ArrayRef<int64_t> at,
                   ArrayRef<int64_t> steps) {
                 const int64_t *test = c.ints().data() + at[0];
                 auto *x = as.data() + at[1], *z = bs.data() + at[2];
                 int64_t stepC = steps[0], stepX = steps[1], stepZ = steps[2];
                 for (int64_t k = 0; k < length; ++k)
                   to[i + k] = test[k * stepC] ? x[k * stepX] : z[k * stepZ];
               });
  };
  if (a.isFloat())
    choose(a.floats(), b.floats(), y->mutableFloats());
  else
    choose(a.ints(), b.ints(), y->mutableInts());
  return success();
}

static LogicalResult lowerWhere(LowerContext &ctx) {
  ctx.setResult(0,
                elementwise(ctx, 0, {ctx.input(0), ctx.input(1), ctx.input(2)},
                            [](ArrayRef<Scalar> x) {
                              return scalar::select(x[0], x[1], x[2]);
                            }));
  return success();
}

void ssmc::registerLogicalOperators(OperatorTable &table) {
  for (const Relation &relation : scalar::relations)
    table.add({"", relation.name, relation.since, inferRelation,
               evaluateRelation, lowerRelation, 2, 2});
  for (auto [name, since] :
       std::initializer_list<std::pair<StringRef, int64_t>>{
           {"Not", 1}, {"BitwiseNot", 18}, {"IsNaN", 9}, {"IsInf", 10}})
    table.add({"", name, since, inferTest, evaluateTest, lowerTest});
  table.add({"", "Where", 9, inferWhere, evaluateWhere, lowerWhere, 3, 3});
}
