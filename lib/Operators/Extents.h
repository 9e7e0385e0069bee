//===- Extents.h - arithmetic on symbolic extents ---------------*- C++ -*-===//
//
// Extents are affine expressions over the symbols of a module. The helpers
// here keep them in one form, so that equal extents are equal expressions, and
// answer the few questions shape rules ask of them. Symbols are extents: they
// are never negative.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"
#include "mlir/IR/BuiltinOps.h"

namespace ssmc {

/// The symbol table of a module (`onnx.symbols`): symbol `i` of an expression
/// is the `i`-th name.
class ModuleSymbols {
public:
  explicit ModuleSymbols(mlir::ModuleOp module);

  mlir::AffineExpr get(llvm::StringRef name);
  /// A symbol of a new name that starts with `hint`.
  mlir::AffineExpr fresh(llvm::StringRef hint);
  llvm::StringRef name(unsigned position) const { return names[position]; }
  unsigned size() const { return names.size(); }
  mlir::MLIRContext *getContext() const { return context; }
  /// Stores the table back into the module.
  void store();

  /// The shape a tensor type describes; nothing for types that are not ranked
  /// tensors. Dynamic extents without a name become fresh symbols.
  std::optional<ValueShape> shapeOf(mlir::Type type, llvm::StringRef hint);
  /// The type of a shape: with an encoding where an extent is not static.
  mlir::RankedTensorType typeOf(const ValueShape &shape) const;

private:
  mlir::ModuleOp module;
  mlir::MLIRContext *context;
  llvm::SmallVector<std::string> names;
  llvm::StringMap<unsigned> positions;
  llvm::StringMap<unsigned> numbers; // by hint: the next that may be free
};

/// The expressions of the extents of a ranked tensor type, by its encoding.
/// Fails on a dynamic extent without a name.
mlir::FailureOr<llvm::SmallVector<mlir::AffineExpr>>
typeExtents(mlir::RankedTensorType type);

/// The constant value of an expression, if it is one.
std::optional<int64_t> constantExtent(mlir::AffineExpr expr);

/// `expr` in the form that equal extents share.
mlir::AffineExpr simplifyExtent(mlir::AffineExpr expr);

/// The product of extents.
mlir::AffineExpr multiplyExtents(llvm::ArrayRef<mlir::AffineExpr> extents,
                                 mlir::MLIRContext *context);

/// The product of `numerator` over the product of `denominator`: common
/// factors cancel, what is left divides with floor. Null where a constant
/// division leaves a rest, or the denominator is zero.
mlir::AffineExpr divideExtents(llvm::ArrayRef<mlir::AffineExpr> numerator,
                               llvm::ArrayRef<mlir::AffineExpr> denominator,
                               mlir::MLIRContext *context);

/// True if both products have the same factors, whatever the symbols are.
bool equalProducts(llvm::ArrayRef<mlir::AffineExpr> a,
                   llvm::ArrayRef<mlir::AffineExpr> b);

/// The least and largest value of an expression over all symbols >= 0, where
/// bounded.
struct ExtentRange {
  std::optional<int64_t> least, most;
};
ExtentRange rangeOf(mlir::AffineExpr expr);

/// True if `a >= b` for all symbols >= 0.
bool provablyAtLeast(mlir::AffineExpr a, mlir::AffineExpr b);

} // namespace ssmc
