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
/// On the module: a dictionary of operator set versions by domain.
inline constexpr llvm::StringLiteral kOpsetsAttr = "onnx.opsets";
/// On a result of the main function: the type that the file declares for it,
/// `?` for extents that are not numbers. A hint.
inline constexpr llvm::StringLiteral kDeclaredAttr = "onnx.declared";
/// On a node that calls a model-local function: its symbol.
inline constexpr llvm::StringLiteral kFunctionAttr = "onnx.function";
/// On a model-local function: a dictionary of its attribute parameters. The
/// value is the default, `unit` where there is none.
inline constexpr llvm::StringLiteral kParametersAttr = "onnx.parameters";

/// The value that the attributes of a Constant node give; null where they are
/// not of a supported kind.
ElementsAttr getConstantValue(DictionaryAttr attrs);
} // namespace mlir::onnx
