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
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::complex::ComplexDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasCanonicalizer = 1;
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

def Ssm_Strategy : I32EnumAttr<"Strategy", "how a mixer is computed", [
  I32EnumAttrCase<"Recurrent", 0, "recurrent">,
  I32EnumAttrCase<"Chunked", 1, "chunked">,
  I32EnumAttrCase<"AssociativeScan", 2, "associative_scan">,
  I32EnumAttrCase<"Dense", 3, "dense">,
  I32EnumAttrCase<"Fft", 4, "fft">]> {
  let cppNamespace = "::mlir::ssm";
  let genSpecializedAttr = 0;
}

def Ssm_StrategyAttr : AttrDef<Ssm_Dialect, "Strategy"> {
  let mnemonic = "strategy";
  let summary = "the algorithm that computes a mixer";
  let description = [{
    What an op carries as `ssm.strategy` says by which algorithm it is to be
    computed; what it computes does not change. `recurrent` goes step by step,
    `chunked` computes pieces of time by matrix products and carries the state
    from one to the next, `associative_scan` computes pieces independently and
    combines them, `dense` uses the L x L matrix of the mixer, `fft` multiplies
    the transforms of what is convolved. `chunk` is the number of steps of a piece; without it the lowering has one of its own.

    An attribute that names a strategy that the op does not have is an error.

    Example: `{ssm.strategy = #ssm.strategy<chunked, chunk = 64>}`
  }];
  let parameters = (ins EnumParameter<Ssm_Strategy>:$kind,
                        DefaultValuedParameter<"int64_t", "0">:$chunk);
  let assemblyFormat = "`<` $kind (`,` `chunk` `=` $chunk^)? `>`";
  let genVerifyDecl = 1;
}

#endif // SSM_DIALECT_TD
