//===- SsmShortConvOps.td - short convolutions along time -----*- tablegen -*-===//

#ifndef SSM_SHORT_CONV_OPS_TD
#define SSM_SHORT_CONV_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_ShortConvOp : Ssm_BufferOp<"short_conv", [AttrSizedOperandSegments]> {
  let summary = "causal depthwise convolution along time, with its tail as state";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row:

        y[t,c] = act(bias[c] + sum_j w[c,W-1-j] * x[t - j*dilation, c])     j = 0 .. W-1

    with x before time 0 taken from the state: x[-i] = state[S-i], oldest
    first. The state after the op holds in the same order the last S inputs
    before time L, those of an older state included. `act` is the identity or,
    with `activation(silu)`, x * sigmoid(x). With `reverse`, time runs from the
    last index to the first: the op is then itself between two flips of `x` and
    `y` along time.

    Where `resets[t]` is true, a new sequence of a packed batch begins at t:
    what is before t, the state too, is then zero for t and all that follow, and
    in the state after the op.

    Shapes: `x` and `y` are B x L x C, `w` is C x W, `bias` is C, `resets` is
    B x L, `state` is B x S x C. What `y` holds before the op is not used. L = 0 leaves the state
    as it is.

    Source: `causal_conv1d_ref` and `causal_conv1d_update_ref` of the
    causal-conv1d package, with dilation.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) `x`, `y` and `state` have one element type, `w` and `bias` one, both
      floats and the latter no narrower; arithmetic is done in the latter.
      The element type of `resets` is i1.
    * (C4) `dilation` is at least 1.
    * (C5) W is static and at least 1.
    * (C6) S is static and equals (W - 1) * dilation.

    Example:

    ```mlir
    %y, %tail = ssm.short_conv activation(silu)
        ins(%x, %w : tensor<2x?x96xf32>, tensor<96x4xf32>) bias(%bias : tensor<96xf32>)
        outs(%y0, %s0 : tensor<2x?x96xf32>, tensor<2x3x96xf32>)
        -> tensor<2x?x96xf32>, tensor<2x3x96xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$x, Ssm_Shaped:$w, Optional<Ssm_Shaped>:$bias, Optional<Ssm_Shaped>:$resets,
                       Ssm_Shaped:$y, Ssm_Shaped:$state,
                       DefaultValuedAttr<Ssm_ActivationAttr, "::mlir::ssm::Activation::None">:$activation,
                       DefaultValuedAttr<I64Attr, "1">:$dilation, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`activation` `` $activation^)? (`dilation` `(` $dilation^ `)`)? (`reverse` $reverse^)?
    `ins` `(` $x `,` $w `:` type($x) `,` type($w) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`resets` `(` $resets^ `:` type($resets) `)`)?
    `outs` `(` $y `,` $state `:` type($y) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
  }];
}

#endif // SSM_SHORT_CONV_OPS_TD
