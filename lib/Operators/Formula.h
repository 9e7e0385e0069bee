//===- Formula.h - tensor formulas that are computed or emitted -*- C++ -*-===//
//
// What Scalar.h is for scalars: an operator that is a composition (a softmax,
// a normalisation, attention) is written once, as a function template over a
// backend. `Calculator` computes it on the evaluator's tensors in double
// precision, `Emitter` makes the linalg ops of its lowering.
//
// The one primitive is `generic`: a loop nest in which every operand names the
// loop that each of its dimensions runs over. A loop that is not among the
// result's dimensions is a reduction; the accumulator, which starts from
// `identity`, is then the last argument of the body. The body is a generic
// lambda `(auto x)`, or `(auto x, auto index)` where `index(d)` is the counter
// of loop d.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Broadcast.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace ssmc {

/// A dimension of an operand that is read at 0 throughout.
inline constexpr int64_t kRepeated = -1;

/// Dimension `dim` of an operand is read at dims[dim] * stride + loop *
/// dilation.
struct Window {
  int64_t dim, stride, loop, dilation;
};

/// An operand of a loop nest: `dims[k]` is the loop its dimension k runs over.
template <typename V>
struct LoopOperand {
  V value;
  llvm::SmallVector<int64_t> dims;
  bool isUnsigned = false;
  llvm::SmallVector<Window, 0> windows = {};
};

/// Loops 0 .. rank-1.
llvm::SmallVector<int64_t> allLoops(int64_t rank);
/// Those of 0 .. rank-1 that are not in `axes`.
llvm::SmallVector<int64_t> loopsWithout(int64_t rank,
                                        llvm::ArrayRef<int64_t> axes);

//===----------------------------------------------------------------------===//
// Calculator
//===----------------------------------------------------------------------===//

class Calculator {
public:
  using Value = Tensor;
  using Size = int64_t;
  using Operand = LoopOperand<Tensor>;

  int64_t rank(const Tensor &x) const { return x.getRank(); }
  Size size(const Tensor &x, int64_t d) const { return x.getShape()[d]; }
  mlir::Type elementType(const Tensor &x) const { return x.getElementType(); }
  /// The type to accumulate in.
  mlir::Type accumulatorType(const Tensor &x) const {
    return x.getElementType();
  }
  bool isOne(Size size) const { return size == 1; }
  Size constant(int64_t value) const { return value; }
  Size add(Size a, Size b) const { return a + b; }
  Size subtract(Size a, Size b) const { return a - b; }
  Size multiply(Size a, Size b) const { return a * b; }
  Size divide(Size a, int64_t divisor) const { return a / divisor; }
  bool isEqual(Size a, Size b) const { return a == b; }
  bool areConstant(Size, Size) const { return true; }
  /// A size as a tensor of rank 0.
  Tensor scalar(Size size, mlir::Type type) const {
    return Tensor::scalar(type, double(size));
  }

  /// Elements are given to the body as `S`: double, or int64_t for operators
  /// that must be exact on integers.
  template <typename S = double, typename Body>
  Tensor generic(llvm::ArrayRef<Operand> inputs, llvm::ArrayRef<Size> loops,
                 llvm::ArrayRef<int64_t> resultDims, mlir::Type elementType,
                 std::optional<double> identity, Body body);

  Tensor collapse(const Tensor &x,
                  llvm::ArrayRef<mlir::ReassociationIndices> groups);
  /// Splits dimensions: group k of the new dimensions makes up dimension k.
  Tensor expand(const Tensor &x,
                llvm::ArrayRef<mlir::ReassociationIndices> groups,
                llvm::ArrayRef<Size> sizes);
  Tensor slice(const Tensor &x, int64_t axis, Size offset, Size size);
  Tensor concat(llvm::ArrayRef<Tensor> parts, int64_t axis);
  /// Surrounds `x` by `value`.
  Tensor pad(const Tensor &x, llvm::ArrayRef<Size> low,
             llvm::ArrayRef<Size> high, double value);
  /// The rows of the matrix `table` whose numbers are in `rows`.
  Tensor gatherRows(const Tensor &table, const Tensor &rows);

  /// Set where a result is too large to be held; results are then empty.
  bool failed = false;

private:
  Tensor make(mlir::Type elementType, llvm::ArrayRef<int64_t> shape);
};

//===----------------------------------------------------------------------===//
// Emitter
//===----------------------------------------------------------------------===//

class Emitter {
public:
  using Value = mlir::Value;
  using Size = mlir::OpFoldResult;
  using Operand = LoopOperand<mlir::Value>;

  Emitter(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}
  explicit Emitter(LowerContext &ctx) : Emitter(ctx.builder, ctx.loc()) {}

  int64_t rank(Value x) const { return type(x).getRank(); }
  Size size(Value x, int64_t d);
  mlir::Type elementType(Value x) const { return type(x).getElementType(); }
  /// f32 for the 16-bit floats.
  mlir::Type accumulatorType(Value x) const;
  bool isOne(Size size) const { return mlir::isOneInteger(size); }
  Size constant(int64_t value) { return builder.getIndexAttr(value); }
  Size add(Size a, Size b);
  Size subtract(Size a, Size b);
  Size multiply(Size a, Size b);
  /// `divisor` is positive and divides `a`, or the quotient is rounded down.
  Size divide(Size a, int64_t divisor);
  /// Whether the two are known to be equal.
  bool isEqual(Size a, Size b) const {
    return mlir::isEqualConstantIntOrValue(a, b);
  }
  bool areConstant(Size a, Size b) const {
    return mlir::getConstantIntValue(a) && mlir::getConstantIntValue(b);
  }
  Value scalar(Size size, mlir::Type type);

  template <typename S = double, typename Body>
  Value generic(llvm::ArrayRef<Operand> inputs, llvm::ArrayRef<Size> loops,
                llvm::ArrayRef<int64_t> resultDims, mlir::Type elementType,
                std::optional<double> identity, Body body) {
    return emitGeneric(
        inputs, loops, resultDims, elementType, identity,
        [&](llvm::ArrayRef<scalar::Scalar> x,
            llvm::function_ref<scalar::Scalar(int64_t)> index) {
          if constexpr (std::is_invocable_v<Body,
                                            llvm::ArrayRef<scalar::Scalar>>)
            return body(x);
          else
            return body(x, index);
        });
  }

  Value collapse(Value x, llvm::ArrayRef<mlir::ReassociationIndices> groups);
  Value expand(Value x, llvm::ArrayRef<mlir::ReassociationIndices> groups,
               llvm::ArrayRef<Size> sizes);
  Value slice(Value x, int64_t axis, Size offset, Size size);
  Value concat(llvm::ArrayRef<Value> parts, int64_t axis);
  Value pad(Value x, llvm::ArrayRef<Size> low, llvm::ArrayRef<Size> high,
            double value);
  /// A number out of range is taken for the nearest one in range.
  Value gatherRows(Value table, Value rows);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  using IndexedBody = llvm::function_ref<scalar::Scalar(
      llvm::ArrayRef<scalar::Scalar>,
      llvm::function_ref<scalar::Scalar(int64_t)>)>;
  static mlir::RankedTensorType type(Value x) {
    return mlir::cast<mlir::RankedTensorType>(x.getType());
  }
  Value emitGeneric(llvm::ArrayRef<Operand> inputs, llvm::ArrayRef<Size> loops,
                    llvm::ArrayRef<int64_t> resultDims, mlir::Type elementType,
                    std::optional<double> identity, IndexedBody body);
};

/// Sets result `i` of the node, whose type may be more or less static than
/// that of `value`.
void setResult(LowerContext &ctx, unsigned i, mlir::Value value);

//===----------------------------------------------------------------------===//
// Formulas on either backend
//===----------------------------------------------------------------------===//

/// Extents of `x` as loops.
template <typename B>
llvm::SmallVector<typename B::Size> sizesOf(B &b, typename B::Value x) {
  llvm::SmallVector<typename B::Size> sizes;
  for (int64_t d = 0; d < b.rank(x); ++d)
    sizes.push_back(b.size(x, d));
  return sizes;
}

/// `x` as an operand that is broadcast, aligned at the last loop.
template <typename B>
typename B::Operand aligned(B &b, typename B::Value x,
                            llvm::ArrayRef<typename B::Size> loops,
                            bool isUnsigned = false) {
  typename B::Operand operand{x, {}, isUnsigned};
  int64_t lead = int64_t(loops.size()) - b.rank(x);
  for (int64_t d = 0; d < b.rank(x); ++d)
    operand.dims.push_back(b.isOne(b.size(x, d)) && !b.isOne(loops[lead + d])
                               ? kRepeated
                               : lead + d);
  return operand;
}

/// An elementwise function of operands over the loops of `like`.
template <typename B, typename Body>
typename B::Value mapLike(B &b, typename B::Value like,
                          llvm::ArrayRef<typename B::Operand> operands,
                          mlir::Type elementType, Body body) {
  return b.generic(operands, sizesOf(b, like), allLoops(b.rank(like)),
                   elementType, std::nullopt, body);
}

/// Reduces `axes` away: body(element, accumulator).
template <typename S = double, typename B, typename Body>
typename B::Value reduceAxes(B &b, typename B::Value x,
                             llvm::ArrayRef<int64_t> axes,
                             mlir::Type elementType, double identity, Body body,
                             bool isUnsigned = false) {
  int64_t rank = b.rank(x);
  typename B::Operand operand{x, allLoops(rank), isUnsigned};
  return b.template generic<S>(operand, sizesOf(b, x), loopsWithout(rank, axes),
                               elementType, identity, body);
}

/// `x` in another element type, as Cast does with signed integers.
inline Tensor convertElements(Calculator &, Tensor x, mlir::Type) { return x; }
mlir::Value convertElements(Emitter &b, mlir::Value x, mlir::Type type);

/// Gives the dimensions in `axes` of the result, which `x` lacks, the extent 1.
template <typename B>
typename B::Value insertOnes(B &b, typename B::Value x,
                             llvm::ArrayRef<int64_t> axes) {
  int64_t rank = b.rank(x) + axes.size();
  llvm::SmallVector<typename B::Size> sizes;
  llvm::SmallVector<mlir::ReassociationIndices> groups;
  int64_t next = 0;
  for (int64_t d = 0; d < rank; ++d) {
    bool isNew = llvm::is_contained(axes, d);
    sizes.push_back(isNew ? b.constant(1) : b.size(x, next++));
    // A new dimension joins the group of the one before it; leading ones that
    // of the first.
    if (groups.empty() || (!isNew && next > 1))
      groups.emplace_back();
    groups.back().push_back(d);
  }
  if (b.rank(x) == 0)
    groups.clear();
  return axes.empty() ? x : b.expand(x, groups, sizes);
}

} // namespace ssmc

#include "lib/Operators/Calculator.inc"
