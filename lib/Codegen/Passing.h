//===- Passing.h - how values are passed between functions ------*- C++ -*-===//
//
// Generated functions take buffers as one pointer to the first element and
// only those extents and strides that the type leaves open. So a pointer can be
// marked `noalias`, kernels that differ in an offset are equal, and a static
// stride is a constant inside. Indices are passed as i64.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace ssmc {

/// True if values of this type can be passed: scalars, pointers, and buffers
/// with a strided layout.
bool canPass(mlir::Type type);

/// The type a passed value has on the other side: offsets are gone.
mlir::Type passedType(mlir::Type type);

/// Appends the types of the pieces of a value of (passed) type `type`.
void appendPieceTypes(mlir::Type type,
                      llvm::SmallVectorImpl<mlir::Type> &pieces);

/// Appends the pieces of `value`, the pointer of a buffer first.
void takeApart(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
               llvm::SmallVectorImpl<mlir::Value> &pieces);

/// A value of type `passedType(type)` from its pieces, which are removed from
/// the front of `pieces`.
mlir::Value putTogether(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Type type, mlir::ValueRange &pieces);

/// The pointer that `putTogether` made this buffer of; null for others.
mlir::Value passedPointer(mlir::Value buffer);

} // namespace ssmc
