//===- Tensor.h - a tensor held by the evaluator ----------------*- C++ -*-===//
//
// Floating-point values are held in double whatever their element type, all
// integers and booleans in int64_t. Buffers are shared between copies of a
// tensor and copied when one of them is written to.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/Buffer.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>

namespace ssmc {

class Tensor {
public:
  /// An empty tensor without a type: the value of an omitted input.
  Tensor() = default;
  /// Zeros. `elementType` is a float, integer or i1 type.
  Tensor(mlir::Type elementType, llvm::ArrayRef<int64_t> shape);
  /// Elements of any value, which are all to be written.
  static Tensor uninitialized(mlir::Type elementType,
                              llvm::ArrayRef<int64_t> shape);

  /// Whether a tensor of this shape may be made: no negative extent, and not
  /// more than `kMaxElements` elements. Ask before making a tensor whose shape
  /// comes from a file.
  static bool fits(llvm::ArrayRef<int64_t> shape);
  static constexpr int64_t kMaxElements = int64_t(1) << 28;

  static Tensor scalar(mlir::Type elementType, double value);
  /// Row-major integers (i64).
  static Tensor integers(mlir::MLIRContext *context,
                         llvm::ArrayRef<int64_t> values);
  /// The value of a constant. Fails where the attribute's bytes are not
  /// readable (an elided resource, a type that is not a number).
  static mlir::FailureOr<Tensor> fromAttr(mlir::ElementsAttr attr);
  /// The constant of this value, rounded to the element type.
  mlir::ElementsAttr toAttr() const;

  bool isNull() const { return !elementType; }
  bool isFloat() const { return mlir::isa<mlir::FloatType>(elementType); }
  mlir::Type getElementType() const { return elementType; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t getNumElements() const;

  llvm::ArrayRef<double> floats() const { return *floatBuffer; }
  llvm::ArrayRef<int64_t> ints() const { return *intBuffer; }
  llvm::MutableArrayRef<double> mutableFloats();
  llvm::MutableArrayRef<int64_t> mutableInts();

  /// The same elements under another shape of as many elements.
  Tensor reshaped(llvm::ArrayRef<int64_t> newShape) const;
  /// With extent 1 in `axis`; fails unless all slices there are equal.
  mlir::FailureOr<Tensor> shrink(int64_t axis) const;
  /// Element `i` in row-major order as a double, whatever the type.
  double at(int64_t i) const;

private:
  mlir::Type elementType;
  llvm::SmallVector<int64_t> shape;
  std::shared_ptr<Buffer<double>> floatBuffer;
  std::shared_ptr<Buffer<int64_t>> intBuffer;
};

/// `value` reduced to the width of an integer type, as two's complement.
int64_t wrapInteger(int64_t value, mlir::Type type);
/// Conversion to an integer type, towards zero; of i1, whether it is not 0.
int64_t toInteger(double value, mlir::Type type);
/// The value of `type` nearest to `value`.
double roundToType(double value, mlir::Type type);

/// Row-major strides of a shape.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

} // namespace ssmc
