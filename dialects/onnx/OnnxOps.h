//===- OnnxOps.h - the onnx dialect -----------------------------*- C++ -*-===//

#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/onnx/OnnxDialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/onnx/OnnxTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/onnx/OnnxAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/onnx/OnnxOps.h.inc"

namespace mlir::onnx {
/// Initialisers up to this size are copied into the IR; larger ones stay in
/// the mapped file as a resource.
inline constexpr int64_t kInlineBytes = 1024;

/// Attribute names on functions and modules.
inline constexpr llvm::StringLiteral kNameAttr = "onnx.name";
inline constexpr llvm::StringLiteral kSymbolsAttr = "onnx.symbols";
} // namespace mlir::onnx
