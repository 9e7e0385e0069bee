//===- View.h - a value in the layout of a mixer's operand ------*- C++ -*-===//
//
// Mixers are time-major: batch, time, then what is left. A view says how a
// value of a graph is brought into such a layout: its axes are cut into digits,
// the digits permuted, and neighbours merged. It is applied to tensors when
// candidates are compared and written as nodes when one is kept.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/Tensor.h"
#include "lib/Raise/AxisAnalysis.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"

namespace ssmc {

/// The digits of a value that are neither batch nor time: their extents in
/// order, without ones.
llvm::SmallVector<int64_t> restExtents(const ValueAxes &axes);

class View {
public:
  /// The layout [batch, time, rest...], or without time for a state. `order`
  /// permutes the rest digits, `groups` says how many of them, in that order,
  /// each remaining axis merges. Empty: as they are.
  static std::optional<View> make(const ValueAxes &axes, bool hasTime,
                                  llvm::ArrayRef<unsigned> order = {},
                                  llvm::ArrayRef<unsigned> groups = {});

  /// The value as it is.
  static View identity(const ValueAxes &axes);
  /// The layout [batch, time, rest], all other digits in one.
  static std::optional<View> merged(const ValueAxes &axes);

  /// Extents of the layout, with those of batch and time as analysed.
  llvm::ArrayRef<int64_t> getShape() const { return result; }
  /// The extents of the value itself.
  llvm::SmallVector<int64_t> valueShape() const;
  Tensor apply(const Tensor &value) const;
  /// ... of a value that was computed: nothing where it is no float or of
  /// another shape than the view's.
  std::optional<Tensor> tryApply(const Tensor &value) const;
  Tensor invert(const Tensor &canonical) const;
  /// True where value and layout are the same.
  bool isIdentity() const;
  /// The same view with other extents of batch and time; nothing where an axis
  /// merges them with something or cuts them.
  std::optional<View> resized(int64_t batch, int64_t time) const;

  /// Axes of the value, their digits one after another.
  llvm::SmallVector<llvm::SmallVector<Digit, 1>> axes;
  llvm::SmallVector<unsigned> perm;   // of all digits
  llvm::SmallVector<unsigned> merges; // digits per axis of the layout

private:
  void finish();
  llvm::SmallVector<int64_t> digits, result;
};

/// Elements in another order of axes, as numpy's transpose.
Tensor permute(const Tensor &tensor, llvm::ArrayRef<unsigned> perm);

/// Writes nodes. Extents of batch and time may be symbolic.
class GraphWriter {
public:
  GraphWriter(mlir::OpBuilder &builder, mlir::Location loc,
              const AxisAnalysis &analysis);

  mlir::OpBuilder &builder;
  mlir::Location loc;

  /// Squeeze or Unsqueeze.
  mlir::Value resize(llvm::StringRef op, mlir::Value value,
                     llvm::ArrayRef<int64_t> axes, mlir::Type type);
  mlir::Value node(llvm::StringRef op, mlir::ValueRange inputs, mlir::Type type,
                   llvm::ArrayRef<mlir::NamedAttribute> attrs = {});
  mlir::Value ints(llvm::ArrayRef<int64_t> values);
  mlir::Value constant(const Tensor &tensor, mlir::Type elementType);
  /// A tensor type; extents are expressions over the module's symbols.
  mlir::RankedTensorType type(llvm::ArrayRef<mlir::AffineExpr> extents,
                              mlir::Type elementType);
  mlir::AffineExpr extentOf(const Digit &digit) const;
  mlir::AffineExpr fixed(int64_t extent) const;
  /// What digits of batch and time stand for, of these extents as analysed.
  mlir::AffineExpr batch, time;
  int64_t tracedBatch, tracedTime;
  /// The version of operators that the graph uses.
  int64_t version = 17;
  /// Constants that were written, before rounding to their type.
  llvm::DenseMap<mlir::Value, Tensor> exact;
  /// An uninitialised or zero destination.
  mlir::Value empty(mlir::RankedTensorType type);
  mlir::Value zeros(mlir::RankedTensorType type) { return fill(type, 0); }
  mlir::Value fill(mlir::RankedTensorType type, double value);

  /// `value` under other extents, as many elements in the same order.
  mlir::FailureOr<mlir::Value> reshapeTo(mlir::Value value,
                                         llvm::ArrayRef<mlir::AffineExpr> to);
  /// `value` in the layout of `view`, and back.
  mlir::FailureOr<mlir::Value> apply(const View &view, mlir::Value value);
  mlir::FailureOr<mlir::Value> invert(const View &view, mlir::Value canonical);
  /// The values of integer expressions over the symbols, computed from the
  /// extents of the graph's inputs; null where they do not say.
  mlir::Value elements(llvm::ArrayRef<mlir::AffineExpr> values);
  /// `value` as a tensor of `type`: where that is longer, by what a graph pads
  /// its sequences to multiples of chunks, zeros follow; where it is shorter,
  /// the end is cut off. Null where it is another type altogether.
  mlir::Value fit(mlir::Value value, mlir::Type type);
  /// The values of the tokens before, [batch, time, ...], or with `reverse` of
  /// those behind; zeros where there is none.
  mlir::Value nextToken(mlir::Value value, bool reverse);
  /// What leaves a region from what a mixer gives: its exit, then its states.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  leave(const View &exit, mlir::Value y, llvm::ArrayRef<View> states = {},
        mlir::Value last = {});
  /// Extents of the layout of `view`.
  llvm::SmallVector<mlir::AffineExpr> extents(const View &view) const;

private:
  mlir::FailureOr<mlir::Value> reshape(mlir::Value value,
                                       llvm::ArrayRef<mlir::AffineExpr> from,
                                       llvm::ArrayRef<mlir::AffineExpr> to);
  mlir::Value element(mlir::AffineExpr value);
  const AxisAnalysis &analysis;
  mlir::ArrayAttr symbols;
};

} // namespace ssmc
