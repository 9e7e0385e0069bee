//===- NodeWriter.h - writes nodes without types ----------------*- C++ -*-===//
//
// Nodes that are written around and into loops get their types by inference
// afterwards.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/IR/Builders.h"

namespace ssmc {

class NodeWriter {
public:
  /// Nodes of the place and of the version of `like`.
  NodeWriter(mlir::OpBuilder &builder, mlir::onnx::NodeOp like)
      : builder(builder), loc(like.getLoc()), version(like.getVersion()) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;
  int64_t version;

  mlir::Value node(llvm::StringRef op, mlir::ValueRange inputs,
                   llvm::ArrayRef<mlir::NamedAttribute> attrs = {});
  mlir::NamedAttribute attr(llvm::StringRef name, int64_t value);
  mlir::NamedAttribute attr(llvm::StringRef name,
                            llvm::ArrayRef<int64_t> values);
  mlir::Value ints(llvm::ArrayRef<int64_t> values);
  mlir::Value scalar(int64_t value);
  /// The value itself where there are no axes.
  mlir::Value unsqueeze(mlir::Value value, llvm::ArrayRef<int64_t> axes);
  mlir::Value squeeze(mlir::Value value, llvm::ArrayRef<int64_t> axes);
  /// The value itself where the permutation changes nothing.
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> perm);
  /// Axis `from` moved to where it is `to`.
  mlir::Value moveAxis(mlir::Value value, int64_t rank, int64_t from,
                       int64_t to);
  mlir::Value slice(mlir::Value value, int64_t axis, int64_t first,
                    int64_t end);
  /// The other way round along an axis.
  mlir::Value flip(mlir::Value value, int64_t axis);
  mlir::Value concat(mlir::ValueRange values, int64_t axis);
  /// Extent `axis` of a value, of rank 1.
  mlir::Value extent(mlir::Value value, int64_t axis);

private:
  mlir::Value resize(llvm::StringRef op, mlir::Value value,
                     llvm::ArrayRef<int64_t> axes);
};

} // namespace ssmc
