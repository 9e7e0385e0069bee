//===- OnnxElementType.h - ONNX's numbers of element types ------*- C++ -*-===//

#pragma once

#include "mlir/IR/BuiltinTypes.h"

namespace ssmc {

/// The type that the enumeration TensorProto.DataType numbers `dataType`; null
/// where it is none that the compiler knows (strings, complex numbers, floats
/// of 8 bits, types of less than a byte).
mlir::Type elementTypeFromOnnx(mlir::MLIRContext *context, int64_t dataType);
/// The number that ONNX gives an element type; 0 where it has none.
int64_t elementTypeToOnnx(mlir::Type type);

} // namespace ssmc
