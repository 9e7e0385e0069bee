//===- SsmOpBase.td - base class and types of the ssm ops -----*- tablegen -*-===//

#ifndef SSM_OP_BASE_TD
#define SSM_OP_BASE_TD

include "dialects/ssm/SsmDialect.td"
include "dialects/ssm/SsmInterfaces.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// Destinations are the last operands; the ops say how many.
class Ssm_Op<string mnemonic, list<Trait> traits = []>
    : Op<Ssm_Dialect, mnemonic, traits # [
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<Ssm_MixerOpInterface>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<AggregatedOpInterface, ["decomposeOperation"]>]> {
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

// A mixer that also exists on buffers, whose casts it folds.
class Ssm_BufferOp<string mnemonic, list<Trait> traits = []>
    : Ssm_Op<mnemonic, traits> {
  let hasFolder = 1;
}

def Ssm_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;

#endif // SSM_OP_BASE_TD
