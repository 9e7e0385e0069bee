//===- LongConvTransform.cpp - ssm.long_conv by transforms ----------------===//
//
// With n the next power of two from L on, x and the kernel are polynomials
// modulo z^n - i. Their product has as real parts its first n coefficients
// (those of z^n and beyond are imaginary); a lag of -m is -i z^(n-m). Halving
// the ring,
//
//     a + b z^m  modulo z^2m - w^2   is   a + w b modulo z^m - w
//                                    and  a - w b modulo z^m + w
//
// leads to n numbers. After s halvings coefficient r of the part with the root
// exp(i pi (c + 1/4) / 2^(s-1)) is element 2^s r + c.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/LongConvStrategies.h"

#include "dialects/ssm/SsmDecomposition.h"

#include <cmath>

using namespace mlir;
using namespace mlir::ssm;

namespace {
/// Real and imaginary parts, (B x) n x D.
struct Transform {
  Value re, im;
};

class Transforms {
public:
  Transforms(OpBuilder &b, LongConvOp op)
      : b(b), loc(op.getLoc()), d(b, op.getLoc()), op(op),
        type(cast<FloatType>(
            cast<ShapedType>(op.getK().getType()).getElementType())) {}
  Value build();

private:
  void measure();
  /// As long as a transform, of zeros, in the type of arithmetic.
  Value zeros(Value like);
  /// `zeros` with the first elements of `value`, as many as there are.
  Value pad(Value value);
  /// -ahead, the last first, at the end.
  Value padAhead();
  Transform divide(Transform all);
  Transform join(Transform all);
  Transform multiply(Transform x, Transform g);
  /// For each element of `like`, what `body` makes of the builder and the index
  /// of its element of time, by way of `at`, which reads others of its row.
  using At = function_ref<Value(OpBuilder &, Value tensor, Value index)>;
  Transform forEach(
      Transform like,
      function_ref<std::pair<Value, Value>(OpBuilder &, Value index, At)> body);
  /// exp(i pi (c + 1/4) / 2^s), for c below 2^(s+1).
  std::pair<Value, Value> root(OpBuilder &b, Value c, Value power);

  OpBuilder &b;
  Location loc;
  Decomposition d;
  LongConvOp op;
  FloatType type;
  Value n, levels;
};

/// Arithmetic on scalars, short.
struct Scalars {
  OpBuilder &b;
  Location loc;
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value index(int64_t i) { return arith::ConstantIndexOp::create(b, loc, i); }
  Value plus(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value minus(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value times(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivUIOp::create(b, loc, x, y); }
  Value rem(Value x, Value y) { return arith::RemUIOp::create(b, loc, x, y); }
  Value less(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y);
  }
  Value select(Value c, Value x, Value y) {
    return arith::SelectOp::create(b, loc, c, x, y);
  }
};
} // namespace

/// n and its logarithm; n is 0 where there is no time.
void Transforms::measure() {
  Value length = d.dim(op.getX(), 1);
  Scalars s{b, loc};
  if (std::optional<int64_t> known = getConstantIntValue(length)) {
    unsigned bits = *known > 1 ? llvm::Log2_64_Ceil(*known) : 0;
    n = s.index(*known ? int64_t(1) << bits : 0);
    levels = s.index(bits);
    return;
  }
  Value first = arith::MinUIOp::create(b, loc, length, s.index(1));
  SmallVector<Value> found =
      d.loop(s.index(62), {first, s.index(0)},
             [&](Value, ValueRange carried) -> SmallVector<Value> {
               Value more = s.less(carried[0], length);
               Value twice = s.plus(carried[0], carried[0]);
               Value next = s.plus(carried[1], s.index(1));
               return {s.select(more, twice, carried[0]),
                       s.select(more, next, carried[1])};
             });
  n = found[0];
  levels = found[1];
}

Value Transforms::zeros(Value like) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, like);
  sizes[sizes.size() - 2] = getAsOpFoldResult(n);
  return d.fillZero(tensor::EmptyOp::create(b, loc, sizes, type));
}

Value Transforms::pad(Value value) {
  int64_t time = cast<ShapedType>(value.getType()).getRank() - 2;
  Value count = arith::MinUIOp::create(b, loc, d.dim(value, time), n);
  Piece piece{b.getIndexAttr(0), getAsOpFoldResult(count)};
  Value part = d.part(value, time, piece);
  part = d.convert(part, d.emptyLike(part, type));
  return d.insertPart(part, zeros(value), time, piece);
}

Value Transforms::padAhead() {
  Value ahead = op.getAhead();
  int64_t time = cast<ShapedType>(ahead.getType()).getRank() - 2;
  Value later = d.dim(ahead, time), none = zeros(ahead);
  Value any = Scalars{b, loc}.less(d.constant(0), later);
  auto write = [&](OpBuilder &, Location) {
    auto body = [&](OpBuilder &b, Value at, At read) {
      Scalars s{b, loc};
      Value lag = s.minus(s.minus(n, s.index(1)), at);
      Value exists = s.less(lag, later);
      Value value = read(b, ahead, s.select(exists, lag, s.index(0)));
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
      value = s.select(exists, arith::NegFOp::create(b, loc, value), zero);
      return std::pair(value, value);
    };
    scf::YieldOp::create(b, loc, forEach({none, none}, body).re);
  };
  return scf::IfOp::create(
             b, loc, any, write,
             [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc, none); })
      .getResult(0);
}

Transform Transforms::forEach(
    Transform like,
    function_ref<std::pair<Value, Value>(OpBuilder &, Value, At)> body) {
  Value re = d.emptyLike(like.re, type), im = d.emptyLike(like.re, type);
  unsigned rank = cast<ShapedType>(re.getType()).getRank();
  AffineMap all = b.getMultiDimIdentityMap(rank);
  SmallVector<Value> results = d.map(
      {{re, all}, {im, all}}, /*numOuts=*/2, rank, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange) -> SmallVector<Value> {
        SmallVector<Value> indices;
        for (unsigned i = 0; i < rank; ++i)
          indices.push_back(linalg::IndexOp::create(b, loc, i));
        auto at = [&](OpBuilder &b, Value tensor, Value index) {
          SmallVector<Value> place(indices);
          place[rank - 2] = index;
          return tensor::ExtractOp::create(b, loc, tensor, place).getResult();
        };
        auto [re, im] = body(b, indices[rank - 2], at);
        return {re, im};
      });
  return {results[0], results[1]};
}

// From the middle of its range, where an angle is most exact: c - 2^s turns it
// by half a turn.
std::pair<Value, Value> Transforms::root(OpBuilder &b, Value c, Value power) {
  Scalars s{b, loc};
  auto toFloat = [&](Value index) -> Value {
    Value integer = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
    return arith::SIToFPOp::create(b, loc, type, integer);
  };
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  };
  Value turns = s.add(toFloat(s.minus(c, power)), number(0.25));
  turns = arith::DivFOp::create(b, loc, turns, toFloat(power));
  Value angle = s.mul(turns, number(M_PI));
  return {arith::NegFOp::create(b, loc, math::CosOp::create(b, loc, angle)),
          arith::NegFOp::create(b, loc, math::SinOp::create(b, loc, angle))};
}

Transform Transforms::divide(Transform all) {
  SmallVector<Value> parts = d.loop(
      levels, {all.re, all.im},
      [&](Value level, ValueRange carried) -> SmallVector<Value> {
        auto body = [&](OpBuilder &b, Value at, At read) {
          Scalars s{b, loc};
          Value power = arith::ShLIOp::create(b, loc, s.index(1), level);
          Value both = s.plus(power, power), c = s.rem(at, both);
          Value lo = s.plus(s.times(s.div(at, both), power), s.rem(c, power));
          Value hi = s.plus(lo, s.div(n, s.index(2)));
          auto [wr, wi] = root(b, c, power);
          Value xr = read(b, carried[0], hi), xi = read(b, carried[1], hi);
          return std::pair(s.add(read(b, carried[0], lo),
                                 s.sub(s.mul(wr, xr), s.mul(wi, xi))),
                           s.add(read(b, carried[1], lo),
                                 s.add(s.mul(wr, xi), s.mul(wi, xr))));
        };
        Transform next = forEach({carried[0], carried[1]}, body);
        return {next.re, next.im};
      });
  return {parts[0], parts[1]};
}

Transform Transforms::join(Transform all) {
  SmallVector<Value> parts = d.loop(
      levels, {all.re, all.im},
      [&](Value step, ValueRange carried) -> SmallVector<Value> {
        auto body = [&](OpBuilder &b, Value at, At read) {
          Scalars s{b, loc};
          Value level = s.minus(s.minus(levels, s.index(1)), step);
          Value power = arith::ShLIOp::create(b, loc, s.index(1), level);
          Value half = s.div(n, s.index(2)), i = s.rem(at, half);
          Value c = s.rem(i, power);
          Value plus = s.plus(i, s.minus(i, c)), minus = s.plus(plus, power);
          // Of minus w; what is below half is the sum alone.
          auto [wr, wi] = root(b, s.plus(c, power), power);
          Value pr = read(b, carried[0], plus), pi = read(b, carried[1], plus);
          Value mr = read(b, carried[0], minus),
                mi = read(b, carried[1], minus);
          Value dr = s.sub(mr, pr), di = s.sub(mi, pi);
          Value isLow = s.less(at, half);
          return std::pair(s.select(isLow, s.add(pr, mr),
                                    s.add(s.mul(wr, dr), s.mul(wi, di))),
                           s.select(isLow, s.add(pi, mi),
                                    s.sub(s.mul(wr, di), s.mul(wi, dr))));
        };
        Transform next = forEach({carried[0], carried[1]}, body);
        return {next.re, next.im};
      });
  return {parts[0], parts[1]};
}

/// Their product divided by n.
Transform Transforms::multiply(Transform x, Transform g) {
  enum { B, T, D };
  AffineMap all = d.dims(3, {B, T, D});
  bool isShared = cast<ShapedType>(g.re.getType()).getRank() == 2;
  AffineMap ofG = isShared ? d.dims(3, {T, D}) : all;
  SmallVector<Value> results = d.map(
      {{x.re, all},
       {x.im, all},
       {g.re, ofG},
       {g.im, ofG},
       {d.emptyLike(x.re, type), all},
       {d.emptyLike(x.re, type), all}},
      /*numOuts=*/2, /*numLoops=*/3, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange v) -> SmallVector<Value> {
        Scalars s{b, loc};
        Value size = arith::IndexCastOp::create(b, loc, b.getI64Type(), n);
        size = arith::SIToFPOp::create(b, loc, type, size);
        Value re = s.sub(s.mul(v[0], v[2]), s.mul(v[1], v[3]));
        Value im = s.add(s.mul(v[0], v[3]), s.mul(v[1], v[2]));
        return {arith::DivFOp::create(b, loc, re, size),
                arith::DivFOp::create(b, loc, im, size)};
      });
  return {results[0], results[1]};
}

Value Transforms::build() {
  measure();
  Value x = pad(op.getX());
  Transform input = divide({x, d.fillZero(d.emptyLike(x, type))});
  Value k = pad(op.getK());
  Transform kernel{k, d.fillZero(d.emptyLike(k, type))};
  Transform product;
  if (op.getAhead() && cast<ShapedType>(op.getAhead().getType()).getRank() !=
                           cast<ShapedType>(k.getType()).getRank()) {
    // Of all rows and of each: by themselves.
    Value a = padAhead();
    product = multiply(input, divide(kernel));
    Transform later =
        multiply(input, divide({d.fillZero(d.emptyLike(a, type)), a}));
    AffineMap all = b.getMultiDimIdentityMap(3);
    auto add = [&](Value sum, Value more) {
      return d.map({{more, all}, {sum, all}}, 1, 3, {},
                   [](OpBuilder &b, Location loc, ValueRange v) {
                     return SmallVector<Value>{
                         arith::AddFOp::create(b, loc, v[0], v[1])};
                   })[0];
    };
    product = {add(product.re, later.re), add(product.im, later.im)};
  } else {
    if (op.getAhead())
      kernel.im = padAhead();
    product = multiply(input, divide(kernel));
  }
  Piece all{b.getIndexAttr(0), getAsOpFoldResult(d.dim(op.getX(), 1))};
  Value y = d.part(join(product).re, 1, all);
  return d.convert(y, op.getY());
}

Value mlir::ssm::lowerByTransforms(OpBuilder &b, LongConvOp op) {
  return Transforms(b, op).build();
}
