//===- SsmDialect.td - the ssm dialect ------------------------*- tablegen -*-===//

#ifndef SSM_DIALECT_TD
#define SSM_DIALECT_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Ssm_Dialect : Dialect {
  let name = "ssm";
  let cppNamespace = "::mlir::ssm";
  let summary = "State-space and matrix mixers";
  let description = [{
    Ops state mathematics, never an algorithm; algorithms are strategies. All
    ops are in destination style on tensors or buffers. A state is a
    destination: its value before the op is the initial state, its result the
    final state. An absent initial state is a fill with zero.

    Shapes are named: B batch, L length (time), D channels, N state, W width.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::complex::ComplexDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let useDefaultAttributePrinterParser = 1;
}

def Ssm_Activation : I32EnumAttr<"Activation", "what follows a convolution", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Silu", 1, "silu">]> {
  let cppNamespace = "::mlir::ssm";
  let genSpecializedAttr = 0;
}
def Ssm_ActivationAttr : EnumAttr<Ssm_Dialect, Ssm_Activation, "activation"> {
  let assemblyFormat = "`(` $value `)`";
}

def Ssm_RopeLayout : I32EnumAttr<"RopeLayout", "which elements are rotated together", [
  I32EnumAttrCase<"Half", 0, "half">, I32EnumAttrCase<"Interleaved", 1, "interleaved">]> {
  let cppNamespace = "::mlir::ssm";
  let genSpecializedAttr = 0;
}
def Ssm_RopeLayoutAttr : EnumAttr<Ssm_Dialect, Ssm_RopeLayout, "rope_layout"> {
  let assemblyFormat = "`(` $value `)`";
}

#endif // SSM_DIALECT_TD
