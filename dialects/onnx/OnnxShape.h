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

/// The type of a tensor of these extents. `symbols` are the module's, in order.
RankedTensorType getTensorType(Type elementType, ArrayRef<AffineExpr> dims,
                               ArrayRef<Attribute> symbols);

/// The extents of a type as expressions. Fails where an extent is dynamic and
/// the type does not say which symbol it is.
FailureOr<SmallVector<AffineExpr>> getDims(RankedTensorType type);

/// Makes `#onnx.dims` check that it fits the tensor type it is the encoding of.
void attachDimsVerifier(MLIRContext *context);

} // namespace mlir::onnx
