//===- OnnxToLinalgPasses.td ----------------------------------*- tablegen -*-===//

#ifndef SSMC_ONNX_TO_LINALG_PASSES_TD
#define SSMC_ONNX_TO_LINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertOnnxToLinalg : Pass<"convert-onnx-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lower graphs to linalg and tensor ops";
  let description = [{
    Builds each public function anew from the lowerings of its nodes' operators.
    Types lose their encodings and the signs of integers; the extents of inputs
    and outputs stay as function attribute `ssm.signature`. Extents inside of
    the function are computed from `onnx.symbol` ops at its entry. Constants
    keep their resources. `ssm` ops are kept. Functions that are not public are
    removed: nodes that called them have been inlined or are known operators.
  }];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::ssm::SsmDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // SSMC_ONNX_TO_LINALG_PASSES_TD
