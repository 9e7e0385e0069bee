//===- SsmRopeOps.td - rotary position embedding --------------*- tablegen -*-===//

#ifndef SSM_ROPE_OPS_TD
#define SSM_ROPE_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_RopeOp : Ssm_BufferOp<"rope"> {
  let summary = "rotary position embedding";
  let description = [{
    Semantics, for every token, head and f < F, with c and s the cosine and sine
    at f:

        y[i] = x[i] * c - x[j] * s
        y[j] = x[i] * s + x[j] * c

    where i = f, j = f + F with `layout(half)` and i = 2f, j = 2f + 1 with
    `layout(interleaved)`. Elements of x from 2F on are copied.

    Shapes: `x` and `y` are B x L x H x P; `cos` and `sin` are both L x F,
    B x L x F or B x L x H x F: of the position, of the token, of token and
    head. What `y` holds before the op is not used.

    Source: Su et al., RoFormer (arXiv:2104.09864), equation 34; the half layout
    is that of GPT-NeoX. Which angles belong to a position, and a scale of them
    (xPos), is the caller's.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) `x` and `y` have one element type, `cos` and `sin` one, both floats
      and the latter no narrower; arithmetic is done in the latter.
    * (C4) 2F is at most P.

    Example:

    ```mlir
    %y = ssm.rope layout(half)
        ins(%x, %cos, %sin : tensor<1x?x4x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
        outs(%y0 : tensor<1x?x4x64xf32>) -> tensor<1x?x4x64xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$x, Ssm_Shaped:$cos, Ssm_Shaped:$sin, Ssm_Shaped:$y,
                       Ssm_RopeLayoutAttr:$layout);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `layout` `` $layout `ins` `(` $x `,` $cos `,` $sin `:` type($x) `,` type($cos) `,` type($sin) `)`
    `outs` `(` $y `:` type($y) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), 3, 1); }
  }];
}

#endif // SSM_ROPE_OPS_TD
