//===- Dft.cpp - discrete Fourier transforms ------------------------------===//
//
// y[k] = sum_n x[n] exp(-2 pi i k n / N), or its inverse, along one axis.
// Complex numbers have their parts on the last axis. Of the spectrum of real
// numbers `onesided` keeps the first N / 2 + 1 elements, which tell the others.
// The evaluator factorises N. The lowering is the sum itself: transforms are
// there for convolutions, which an op of their own computes.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

#include <complex>

using namespace mlir;
using namespace ssmc;

namespace {
/// What a node's attributes and its axis say.
struct Transform {
  int64_t axis;
  bool inverse, onesided;
  /// The spectrum of real numbers, or real numbers of such a spectrum.
  bool halves() const { return onesided && !inverse; }
  bool completes() const { return onesided && inverse; }
};
} // namespace

/// Nothing where the axis is none of the signal's.
static std::optional<Transform> readTransform(onnx::NodeOp node, int64_t rank,
                                              std::optional<int64_t> given) {
  int64_t axis = given                    ? *given
                 : node.getVersion() < 20 ? node.getInt("axis", 1)
                                          : -2;
  auto place = normalizeAxis(axis, rank);
  if (!place || *place > rank - 2)
    return std::nullopt;
  return Transform{*place, node.getInt("inverse", 0) != 0,
                   node.getInt("onesided", 0) != 0};
}

static constexpr const char *kAxis =
    "needs a constant axis in front of the last one, which has the parts of "
    "complex numbers";

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// N where no input says it.
static AffineExpr impliedLength(const Transform &t, AffineExpr extent) {
  return t.completes() ? 2 * (extent - 1) : extent;
}

static LogicalResult inferDft(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  std::optional<int64_t> given;
  if (ctx.node.hasInput(2)) {
    auto axis = ctx.constantInts(2);
    if (!axis || axis->size() != 1)
      return ctx.error(kAxis);
    given = axis->front();
  }
  auto t = readTransform(ctx.node, x.dims.size(), given);
  if (!t)
    return ctx.error(kAxis);
  auto parts = constantExtent(x.dims.back());
  if (!isa<FloatType>(x.elementType) || !parts || *parts < 1 || *parts > 2)
    return ctx.error("needs floats with 1 or 2 parts on their last axis");
  if (t->halves() && *parts != 1)
    return ctx.error("keeps one side of the spectrum of real numbers only; "
                     "these are complex");
  AffineExpr length = impliedLength(*t, x.dims[t->axis]);
  if (ctx.node.hasInput(1)) {
    auto known = ctx.knownElements(1);
    if (known && known->size() != 1)
      return ctx.error("needs one number as its length");
    length = known ? known->front() : ctx.freshSymbol("dft");
  }
  length = simplifyExtent(length);
  if (auto number = constantExtent(length);
      number && *number < 1 && ctx.node.hasInput(1))
    return ctx.error("has the length " + Twine(*number) +
                     "; it must be positive");
  SmallVector<AffineExpr> dims(x.dims);
  dims[t->axis] = simplifyExtent(t->halves() ? length.floorDiv(2) + 1 : length);
  dims.back() = ctx.constantDim(t->completes() ? 1 : 2);
  ctx.setResult(0, x.elementType, dims);
  return success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

using Complex = std::complex<double>;

/// Sums of `n` elements `stride` apart, by the prime factors of n. `roots` are
/// all powers of the root of unity; that of n is every `step`-th.
static void transformLine(const Complex *in, int64_t stride, Complex *out,
                          int64_t n, ArrayRef<Complex> roots, int64_t step) {
  if (n == 1) {
    *out = *in;
    return;
  }
  int64_t factor = 2;
  while (n % factor && factor * factor <= n)
    ++factor;
  if (n % factor)
    factor = n;
  int64_t part = n / factor, all = roots.size();
  for (int64_t r = 0; r < factor; ++r)
    transformLine(in + r * stride, stride * factor, out + r * part, part, roots,
                  step * factor);
  SmallVector<Complex> turned(factor);
  for (int64_t k = 0; k < part; ++k) {
    for (int64_t r = 0; r < factor; ++r)
      turned[r] = out[r * part + k] * roots[r * k * step];
    for (int64_t q = 0; q < factor; ++q) {
      Complex sum = 0;
      for (int64_t r = 0; r < factor; ++r)
        sum += turned[r] * roots[r * q % factor * part * step % all];
      out[q * part + k] = sum;
    }
  }
}

static LogicalResult evaluateDft(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  std::optional<int64_t> given;
  if (ctx.has(2)) {
    auto axis = inputInts(ctx, 2);
    if (failed(axis) || axis->size() != 1)
      return ctx.error(kAxis);
    given = axis->front();
  }
  auto t = readTransform(ctx.node, x.getRank(), given);
  int64_t parts = x.getRank() ? x.getShape().back() : 0;
  if (!t || !x.isFloat() || parts < 1 || parts > 2 ||
      (t->halves() && parts != 1))
    return ctx.error("an operand that does not fit");
  int64_t extent = x.getShape()[t->axis];
  int64_t length = t->completes() ? 2 * (extent - 1) : extent;
  if (ctx.has(1)) {
    auto number = inputInts(ctx, 1);
    if (failed(number) || number->size() != 1 || number->front() < 1)
      return ctx.error("needs one positive number as its length");
    length = number->front();
  }
  length = std::max<int64_t>(length, 0);
  SmallVector<int64_t> shape(x.getShape());
  shape[t->axis] = t->halves() ? length / 2 + 1 : length;
  shape.back() = t->completes() ? 1 : 2;
  Tensor *y = ctx.makeResult(0, x.getElementType(), shape);
  if (!y || !Tensor::fits({length}) || length == 0)
    return success(y != nullptr);

  SmallVector<Complex, 0> roots(length), line(length), result(length);
  for (int64_t j = 0; j < length; ++j)
    roots[j] = std::polar(1.0, (t->inverse ? 2 : -2) * M_PI * j / length);
  int64_t inner =
      llvm::product_of(x.getShape().drop_front(t->axis + 1).drop_back());
  int64_t outer = llvm::product_of(x.getShape().take_front(t->axis));
  int64_t terms = std::min(extent, t->completes() ? length / 2 + 1 : length);
  int64_t count = shape[t->axis];
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      llvm::fill(line, Complex());
      for (int64_t n = 0; n < terms; ++n) {
        const double *at = &x.floats()[((o * extent + n) * inner + i) * parts];
        line[n] = {at[0], parts == 2 ? at[1] : 0};
      }
      // The other side of a real signal's spectrum is the conjugate.
      if (t->completes())
        for (int64_t n = length / 2 + 1; n < length; ++n)
          line[n] = std::conj(line[length - n]);
      transformLine(line.data(), 1, result.data(), length, roots, 1);
      double scale = t->inverse ? 1.0 / length : 1.0;
      for (int64_t k = 0; k < count; ++k)
        for (int64_t p = 0; p < shape.back(); ++p)
          y->mutableFloats()[((o * count + k) * inner + i) * shape.back() + p] =
              scale * (p ? result[k].imag() : result[k].real());
    }
  return success();
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

/// cos and sin of 2 pi j / N for j < N, turned as the transform turns and
/// scaled as it scales.
static Value makeRoots(LowerContext &ctx, const Transform &t, Value length,
                       Type type) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Type wide = b.getF64Type();
  auto number = [&](OpBuilder &b, double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(wide, value));
  };
  auto real = [&](OpBuilder &b, Value index) -> Value {
    Value integer = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
    return arith::SIToFPOp::create(b, loc, wide, integer);
  };
  Value n = real(b, length);
  Value unit = arith::DivFOp::create(b, loc, number(b, 2 * M_PI), n);
  Value scale = t.inverse
                    ? arith::DivFOp::create(b, loc, number(b, 1), n).getResult()
                    : number(b, 1);
  Value empty = tensor::EmptyOp::create(
      b, loc, SmallVector<OpFoldResult>{length, b.getIndexAttr(2)}, type);
  return buildElements(
      b, loc, empty, {}, {},
      [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) -> Value {
        Value angle = arith::MulFOp::create(b, loc, real(b, index[0]), unit);
        Value cos = math::CosOp::create(b, loc, angle);
        Value sin = math::SinOp::create(b, loc, angle);
        if (!t.inverse)
          sin = arith::NegFOp::create(b, loc, sin);
        Value isCos = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                            index[1], indexConstant(b, loc, 0));
        Value root = arith::SelectOp::create(b, loc, isCos, cos, sin);
        root = arith::MulFOp::create(b, loc, root, scale);
        return scalar::convert({&b, loc, root}, type, false).value;
      });
}

/// What element n of the signal, part q of it, is multiplied by in part p of
/// element k.
static Value rootAt(OpBuilder &b, Location loc, const Transform &t, Value roots,
                    Value length, Value k, Value p, Value n, Value q) {
  auto equal = [&](Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
  };
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  Value turns = arith::RemUIOp::create(
      b, loc, arith::MulIOp::create(b, loc, k, n), length);
  Value same = equal(p, q);
  Value part = arith::SelectOp::create(b, loc, same, zero, one);
  Value root =
      tensor::ExtractOp::create(b, loc, roots, ValueRange{turns, part});
  // The real part of a product of imaginary parts has the other sign.
  Value isNegative =
      arith::AndIOp::create(b, loc, equal(p, zero), equal(q, one));
  root = arith::SelectOp::create(b, loc, isNegative,
                                 arith::NegFOp::create(b, loc, root), root);
  if (!t.completes())
    return root;
  // All but the first and the middle element of a spectrum stand for two.
  Value twice = arith::AddIOp::create(b, loc, n, n);
  Value isAlone =
      arith::OrIOp::create(b, loc, equal(n, zero), equal(twice, length));
  return arith::SelectOp::create(b, loc, isAlone, root,
                                 arith::AddFOp::create(b, loc, root, root));
}

/// The extent of the result's axis for N = `length`.
static OpFoldResult extentFor(LowerContext &ctx, const Transform &t,
                              OpFoldResult length) {
  AffineExpr half = ctx.builder.getAffineSymbolExpr(0).floorDiv(2) + 1;
  return t.halves() ? apply(ctx.builder, ctx.loc(), half, {length}) : length;
}

/// N at run time.
static FailureOr<OpFoldResult> lengthOf(LowerContext &ctx, const Transform &t) {
  auto known = ctx.knownElements(1);
  if (!ctx.node.hasInput(1)) {
    auto extents = inputExtents(ctx, 0);
    if (failed(extents))
      return failure();
    known = {impliedLength(t, (*extents)[t.axis])};
  }
  if (known && known->size() == 1)
    if (OpFoldResult length = ctx.materialize(known->front()))
      return length;
  Value number = toIndex(ctx.builder, ctx.loc(),
                         extractScalar(ctx.builder, ctx.loc(), ctx.input(1)));
  Value zero = indexConstant(ctx.builder, ctx.loc(), 0);
  checkHolds(ctx.builder, ctx.loc(),
             arith::CmpIOp::create(ctx.builder, ctx.loc(),
                                   arith::CmpIPredicate::sgt, number, zero),
             "the length of a transform is positive");
  checkExtent(ctx, extentFor(ctx, t, number), 0, t.axis);
  return OpFoldResult(number);
}

static LogicalResult lowerDft(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Emitter emitter(ctx);
  Value x = ctx.input(0);
  int64_t rank = emitter.rank(x);
  std::optional<int64_t> given;
  if (ElementsAttr axis = ctx.constant(2)) {
    FailureOr<Tensor> value = Tensor::fromAttr(axis);
    if (succeeded(value) && !value->isFloat() && value->getNumElements() == 1)
      given = value->ints().front();
  }
  auto t = readTransform(ctx.node, rank, given);
  if (!t || (ctx.node.hasInput(2) && !given))
    return ctx.error(kAxis);
  FailureOr<OpFoldResult> length = lengthOf(ctx, *t);
  if (failed(length))
    return failure();
  Type element = emitter.accumulatorType(x);
  Value most = arith::MaxSIOp::create(b, loc, indexValue(b, loc, *length),
                                      indexConstant(b, loc, 1));
  Value roots = makeRoots(ctx, *t, most, element);
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  OpFoldResult terms = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(0, 2, {s0, t->completes() ? s1.floorDiv(2) + 1 : s1},
                     b.getContext()),
      {emitter.size(x, t->axis), *length});
  Value signal = emitter.slice(x, t->axis, b.getIndexAttr(0), terms);

  // Loops: those of the result, then the elements and the parts of the signal.
  SmallVector<AffineExpr> from, to;
  for (int64_t d = 0; d < rank; ++d) {
    to.push_back(b.getAffineDimExpr(d));
    from.push_back(b.getAffineDimExpr(d == t->axis    ? rank
                                      : d == rank - 1 ? rank + 1
                                                      : d));
  }
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.append(2, utils::IteratorType::reduction);
  SmallVector<OpFoldResult> sizes = sizesOf<Emitter>(emitter, x);
  sizes[t->axis] = extentFor(ctx, *t, *length);
  sizes.back() = b.getIndexAttr(t->completes() ? 1 : 2);
  Value zero = zeroOf(b, loc, element);
  Value empty = tensor::EmptyOp::create(b, loc, sizes, element);
  Value sums = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(rank + 2, 0, exprs, b.getContext());
  };
  auto sum = linalg::GenericOp::create(
      b, loc, sums.getType(), signal, sums,
      ArrayRef<AffineMap>{map(from), map(to)}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange in) {
        auto index = [&](int64_t d) -> Value {
          return linalg::IndexOp::create(b, loc, d);
        };
        Value root = rootAt(b, loc, *t, roots, most, index(t->axis),
                            index(rank - 1), index(rank), index(rank + 1));
        Value value = scalar::convert({&b, loc, in[0]}, element, false).value;
        Value term = arith::MulFOp::create(b, loc, value, root);
        Value next = arith::AddFOp::create(b, loc, in[1], term);
        linalg::YieldOp::create(b, loc, next);
      });
  setResult(ctx, 0,
            convertElements(emitter, sum.getResult(0), emitter.elementType(x)));
  return success();
}

void ssmc::registerDftOperators(OperatorTable &table) {
  table.add({"", "DFT", 17, inferDft, evaluateDft, lowerDft, 1, 2});
  table.add({"", "DFT", 20, inferDft, evaluateDft, lowerDft, 1, 3});
}
