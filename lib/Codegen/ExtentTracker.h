//===- ExtentTracker.h - extents by what made them --------------*- C++ -*-===//
//
// Two extents are seen to be equal where they are one expression of what
// tensors were made with. So an extent is followed from a value through its
// destinations, views and slices to the symbols of the signature. A destination
// has the extent of what is written to it because `ssm-check-extents` compares
// the two in front of the op: by induction this holds once all assertions in
// front do. What a loop carries is not followed.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {

class ExtentTracker {
public:
  explicit ExtentTracker(mlir::func::FuncOp entry)
      : entry(entry), b(entry.getContext()), loc(entry.getLoc()) {}

protected:
  using Extents = llvm::SmallVector<mlir::OpFoldResult>;

  /// Reads the signature, and gives the extents that ops ask for the same form.
  void start();
  /// What the signature says about input or output `index`.
  Extents describe(llvm::StringRef field, unsigned index, mlir::Type type);
  /// Extent `d` of a tensor, in terms of what it was made with.
  mlir::OpFoldResult extentOf(mlir::Value value, int64_t d);
  mlir::OpFoldResult product(llvm::ArrayRef<mlir::OpFoldResult> extents);
  mlir::OpFoldResult apply(mlir::AffineExpr expr,
                           llvm::ArrayRef<mlir::OpFoldResult> operands);
  /// a - c, where that is a number.
  std::optional<int64_t> difference(mlir::OpFoldResult a, mlir::OpFoldResult c);

  mlir::func::FuncOp entry;
  /// Where ops are made, and what they are about.
  mlir::OpBuilder b;
  mlir::Location loc;

private:
  /// `tensor.dim`, once for each value, behind it.
  mlir::OpFoldResult dimOf(mlir::Value value, int64_t d);
  /// The extents that the ops ask for, in the terms of `extentOf`: only then
  /// are equal ones seen to be equal.
  void resolveDims();

  llvm::StringMap<mlir::Value> symbols;
  llvm::SmallVector<Extents> arguments;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> dims;
};

} // namespace ssmc
