//===- SsmLongConvOps.td - long convolutions along time -------*- tablegen -*-===//

#ifndef SSM_LONG_CONV_OPS_TD
#define SSM_LONG_CONV_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_LongConvOp : Ssm_BufferOp<"long_conv", [AttrSizedOperandSegments]> {
  let summary = "depthwise convolution along time with a kernel of any length";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row and channel:

        y[t] = sum_j k[j] x[t-j]  +  sum_i ahead[i] x[t+1+i]     j = 0 .. W-1, i = 0 .. V-1

    The first sum is causal; the second one, where there is `ahead`, is over what
    comes later. Outside of 0 .. L-1, x is zero. With `state` the past is known:
    x[-i] = state[S-i] for i = 1 .. S, oldest first, and the state after the op
    holds in the same order the last S inputs before time L, those of an older
    state included. Pieces of a sequence one after the other then give what the
    whole does, as long as S is at least W - 1. With `circular` the sequence is a
    ring: every index of x is taken modulo L.

    Kernels have their time first, as x has. What is common in the literature is
    a matter of the kernels: a skip D x is added to k[0]; a kernel of both
    directions whose second part begins at lag 0 adds its first element to k[0],
    and its others are `ahead`; heads share a kernel that is repeated for them.

    Shapes: `x` and `y` are B x L x D, `k` is W x D and `ahead` V x D, each with
    a B in front where rows of the batch have kernels of their own, `state` is
    B x S x D. What `y` holds before the op is not used. L = 0 leaves the state
    as it is. W may be zero, and longer than L.

    Source: Gu, Goel, Re, "Efficiently Modeling Long Sequences with Structured
    State Spaces"; Poli et al., "Hyena Hierarchy"; with kernels for each row and
    `circular`: Karami, Ghodsi, "Orchid".

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) `x`, `y` and `state` have one element type, `k` and `ahead` one, both
      floats and the latter no narrower; arithmetic is done in the latter.
    * (C4) With `state`, the op has neither `ahead` nor `circular`: what comes
      later is not known where a sequence is cut.

    Example:

    ```mlir
    %y = ssm.long_conv ins(%x, %k : tensor<2x?x96xf32>, tensor<?x96xf32>)
        ahead(%a : tensor<?x96xf32>) outs(%y0 : tensor<2x?x96xf32>) -> tensor<2x?x96xf32>
    %z, %past = ssm.long_conv ins(%x, %k : tensor<2x?x96xf32>, tensor<?x96xf32>)
        outs(%y0, %s0 : tensor<2x?x96xf32>, tensor<2x128x96xf32>)
        -> tensor<2x?x96xf32>, tensor<2x128x96xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$x, Ssm_Shaped:$k, Optional<Ssm_Shaped>:$ahead,
                       Ssm_Shaped:$y, Optional<Ssm_Shaped>:$state, UnitAttr:$circular);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`circular` $circular^)? `ins` `(` $x `,` $k `:` type($x) `,` type($k) `)`
    (`ahead` `(` $ahead^ `:` type($ahead) `)`)?
    `outs` `(` $y (`,` $state^)? `:` type($y) (`,` type($state)^)? `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      unsigned inits = getState() ? 2 : 1;
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - inits, inits);
    }
  }];
}

#endif // SSM_LONG_CONV_OPS_TD
