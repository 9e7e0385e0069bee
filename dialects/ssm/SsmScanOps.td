//===- SsmScanOps.td - recurrences with a diagonal transition -*- tablegen -*-===//

#ifndef SSM_SCAN_OPS_TD
#define SSM_SCAN_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_ScanOp : Ssm_BufferOp<"scan"> {
  let summary = "elementwise affine recurrence along one dimension";
  let description = [{
    Semantics, for t = 0 .. L-1 and every position of the other dimensions:

        h[t] = a[t] * h[t-1] + b[t]        h[-1] = state before the op
                                           state after the op = h[L-1]

    With `reverse`, time runs from the last index to the first: the op is then
    itself between two flips of `a`, `b` and `h` along time.

    Shapes: `a`, `b` and the destination `h` are ... x L x ..., with L at
    `dimension`; `state` is the same without that dimension. What `h` holds
    before the op is not used. L = 0 leaves the state as it is.

    A new sequence of a packed batch begins where `a` is zero.

    It covers RG-LRU, LRU and S5 (complex), exponential moving averages and,
    with `a` = 1, cumulative sums.

    Source: RG-LRU is equation 4 of De et al., Griffin (arXiv:2402.19427), LRU
    is Orvieto et al. (arXiv:2303.06349), S5 is Smith et al. (arXiv:2208.04933).

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) `dimension` is a dimension of `h`.
    * (C3) `a`, `b`, `h` have one rank, `state` one less; equal extents agree.
    * (C4) `a`, `b`, `h` have one element type: float, complex or integer.
    * (C5) `state` has that type too, or a wider float if it is a float;
      arithmetic is done in the element type of `state`.

    Example:

    ```mlir
    %h, %last = ssm.scan dimension(1)
        ins(%a, %b : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
        outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>)
        -> tensor<2x?x64xf32>, tensor<2x64xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$a, Ssm_Shaped:$b, Ssm_Shaped:$h, Ssm_Shaped:$state,
                       I64Attr:$dimension, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `dimension` `(` $dimension `)` (`reverse` $reverse^)?
    `ins` `(` $a `,` $b `:` type($a) `,` type($b) `)`
    `outs` `(` $h `,` $state `:` type($h) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), 2, 2); }
  }];
}

def Ssm_SelectiveScanOp : Ssm_BufferOp<"selective_scan", [AttrSizedOperandSegments]> {
  let summary = "Mamba-1: diagonal state per channel, discretised, read out, gated";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row:

        h[t,d,n] = exp(delta[t,d] * A[d,n]) * h[t-1,d,n] + delta[t,d] * B[t,n] * u[t,d]
        y[t,d]   = (sum_n C[t,n] * h[t,d,n] + D[d] * u[t,d]) * silu(z[t,d])

    where h[-1] is `state` before the op and h[L-1] is `state` after it. Without
    `D` (`skip`) the skip term, without `z` (`gate`) the gate is left out. Where
    `resets[t]` is true, h[t-1] is taken as zero: a new sequence of a packed
    batch begins at t. With `reverse`, time runs from the last index to the first.

    Shapes: `u`, `delta`, `z`, `y` are B x L x D; `A` is D x N; `B` and `C` are
    B x L x N; `D` is D; `resets` is B x L; `state` is B x D x N. `delta` is the step after bias
    and softplus. What `y` holds before the op is not used. L = 0 leaves the
    state as it is.

    Source: Gu and Dao, Mamba (arXiv:2312.00752), section 3.2, with B discretised
    to delta * B as in `selective_scan_ref` of their implementation.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) Element types are floats of 16 to 64 bits, none wider than that of `state`, in which
      arithmetic is done; that of `resets` is i1.

    Example:

    ```mlir
    %y, %last = ssm.selective_scan
        ins(%u, %delta, %A, %B, %C : tensor<1x?x96xf32>, tensor<1x?x96xf32>,
            tensor<96x16xf32>, tensor<1x?x16xf32>, tensor<1x?x16xf32>)
        skip(%D : tensor<96xf32>) gate(%z : tensor<1x?x96xf32>)
        outs(%y0, %s0 : tensor<1x?x96xf32>, tensor<1x96x16xf32>)
        -> tensor<1x?x96xf32>, tensor<1x96x16xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$u, Ssm_Shaped:$delta, Ssm_Shaped:$A, Ssm_Shaped:$B, Ssm_Shaped:$C,
                       Optional<Ssm_Shaped>:$D, Optional<Ssm_Shaped>:$z, Optional<Ssm_Shaped>:$resets,
                       Ssm_Shaped:$y, Ssm_Shaped:$state, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`reverse` $reverse^)?
    `ins` `(` $u `,` $delta `,` $A `,` $B `,` $C `:` type($u) `,` type($delta) `,` type($A) `,` type($B) `,` type($C) `)`
    (`skip` `(` $D^ `:` type($D) `)`)? (`gate` `(` $z^ `:` type($z) `)`)?
    (`resets` `(` $resets^ `:` type($resets) `)`)?
    `outs` `(` $y `,` $state `:` type($y) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
  }];
}

#endif // SSM_SCAN_OPS_TD
