//===- Schema.h - which nodes are well formed --------------------*- C++
//-*-===//
//
// The signature of every operator of ai.onnx in every version: numbers of
// inputs and outputs, names and types of attributes. The table is generated at
// build time from the `onnx` package (schemas.py), which also has what is
// supported of com.microsoft. Shape rules, evaluation and
// lowering rely on what is checked here.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/onnx/OnnxOps.h"

namespace ssmc {

/// True if ai.onnx, or a domain of which we have signatures, defines the
/// operator at this version.
bool isStandardOp(llvm::StringRef domain, llvm::StringRef name,
                  int64_t version);

/// True if any version of it defines, or once defined, the operator. Others,
/// such as SimplifiedLayerNormalization, are ONNX Runtime's own in its domain.
bool isStandardName(llvm::StringRef domain, llvm::StringRef name);

/// Emits an error and fails where a node of a known operator is malformed.
/// Operators that have no signature pass: whether one is supported is another
/// question. Attributes that refer to a function's parameters pass.
mlir::LogicalResult checkNode(mlir::onnx::NodeOp node);

} // namespace ssmc
