//===- OnnxShape.h - tensor types with named extents ------------*- C++ -*-===//
//
// An extent is an affine expression over the symbols of a module; symbol `i` is
// entry `i` of the module's `onnx.symbols`. A type holds the expressions in its
// encoding where not all of them are constants.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/IR/AffineExpr.h"

namespace mlir::onnx {

/// Limits on what a file may ask for: with them products of a tensor's extents
/// and positions within it are far from the end of 64 bits. An extent of 0
/// counts as 1, as do those that are dynamic.
inline constexpr int64_t kMaxRank = 32;
inline constexpr int64_t kMaxTensorBytes = int64_t(1) << 48;

/// What is wrong with a tensor of this shape, as the end of a sentence ("has
/// ..."); nothing where it keeps to the limits.
std::optional<std::string> checkLimits(Type elementType,
                                       ArrayRef<int64_t> shape);

/// The type of a tensor of these extents. `symbols` are the module's, in order.
RankedTensorType getTensorType(Type elementType, ArrayRef<AffineExpr> dims,
                               ArrayRef<Attribute> symbols);

/// The extents of a type as expressions. Fails where an extent is dynamic and
/// the type does not say which symbol it is.
FailureOr<SmallVector<AffineExpr>> getDims(RankedTensorType type);

/// Makes `#onnx.dims` check that it fits the tensor type it is the encoding of.
void attachDimsVerifier(MLIRContext *context);

} // namespace mlir::onnx
