//===- CompareFunction.h - functions named like operators -------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"

namespace ssmc {

enum class Agreement { Same, Different, Unknown };

/// Whether `results`, computed from the arguments of the block of `node`, are
/// what the operator `node` gives. Both are evaluated on random arguments of
/// several ranks and types, those of `known` excepted; Unknown where neither
/// rank nor type suits both.
Agreement compareWithOperator(mlir::onnx::NodeOp node, mlir::ValueRange results,
                              llvm::ArrayRef<mlir::ElementsAttr> known);

} // namespace ssmc
