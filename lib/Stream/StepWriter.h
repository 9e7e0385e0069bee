//===- StepWriter.h - makes nodes of the standard operators -----*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"

namespace ssmc {

/// Makes nodes at the insertion point of `b`. Their types are inferred later.
class StepWriter {
public:
  StepWriter(mlir::OpBuilder &b, mlir::Location loc, mlir::func::FuncOp graph)
      : b(b), loc(loc), graph(graph) {}

  mlir::Value node(llvm::StringRef type, mlir::ValueRange inputs,
                   llvm::ArrayRef<mlir::NamedAttribute> attrs = {});
  /// With an attribute that is a number, or a list of them.
  mlir::Value node(llvm::StringRef type, mlir::ValueRange inputs,
                   llvm::StringRef attr, int64_t value);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> perm);
  mlir::Value integers(llvm::ArrayRef<int64_t> values);
  mlir::Value scalar(int64_t value);
  /// The largest ("Max") or smallest ("Min") of integers, as a tensor of rank
  /// 0.
  mlir::Value largest(llvm::StringRef which, mlir::Value values);
  /// Ends the run with the message where one of `values` is negative.
  void checkNoneNegative(mlir::Value values, llvm::StringRef what);
  /// Or larger than `limit`, a tensor of one element: both are told.
  void checkAtMost(mlir::Value values, mlir::Value limit, llvm::StringRef what);
  /// [0, 1, ..., count - 1]
  mlir::Value count(mlir::AffineExpr count);
  mlir::Value unsqueeze(mlir::Value value, llvm::ArrayRef<int64_t> axes);
  /// Extents of arguments, and sums and products of them, as a tensor. Null
  /// where one is something else.
  mlir::Value shape(llvm::ArrayRef<mlir::AffineExpr> extents);
  mlir::Value reshape(mlir::Value value,
                      llvm::ArrayRef<mlir::AffineExpr> extents);

private:
  mlir::Value extreme(llvm::StringRef which, mlir::Value values);
  mlir::Value extent(mlir::AffineExpr expr);

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::func::FuncOp graph;
};

} // namespace ssmc
