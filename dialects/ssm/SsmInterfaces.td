//===- SsmInterfaces.td - what all mixer ops have in common ---*- tablegen -*-===//

#ifndef SSM_INTERFACES_TD
#define SSM_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Ssm_MixerOpInterface : OpInterface<"MixerOpInterface"> {
  let description = [{
    An op whose operands have named extents, some of which are its loops, and
    one of those time. The verifier, tiling, bufferisation and the check for
    parallel time need to know no more of an op.
  }];
  let cppNamespace = "::mlir::ssm";
  let methods = [
    InterfaceMethod<"Extents, loops and operands of the op.",
                    "::mlir::ssm::MixerShape", "getMixerShape", (ins)>
  ];
}

#endif // SSM_INTERFACES_TD
