//===- StepDegrees.h - how a step depends on its states ---------*- C++ -*-===//
//
// A value in the body of a Scan is free of the states, an affine function of
// them, or something else. Each operator says what its result is from what its
// operands are: that is a proof, whatever the numbers are.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "llvm/ADT/DenseMap.h"

namespace ssmc {

enum class Degree { Free, Affine, Other };

class StepDegrees {
public:
  StepDegrees(mlir::Block &body, llvm::ArrayRef<mlir::Value> states);
  Degree of(mlir::Value value) const {
    auto it = degrees.find(value);
    return it == degrees.end() ? Degree::Free : it->second;
  }

private:
  Degree ofNode(mlir::onnx::NodeOp node) const;

  llvm::DenseMap<mlir::Value, Degree> degrees;
};

} // namespace ssmc
