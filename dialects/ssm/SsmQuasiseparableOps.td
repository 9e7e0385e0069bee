//===- SsmQuasiseparableOps.td - both directions of time ------*- tablegen -*-===//

#ifndef SSM_QUASISEPARABLE_OPS_TD
#define SSM_QUASISEPARABLE_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_QuasiseparableOp : Ssm_BufferOp<"quasiseparable", [AttrSizedOperandSegments]> {
  let summary = "decaying matrix states of both directions, and a free diagonal";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row and head h:

        y[t] = F[t-1]^T qf[t] + R[t+1]^T qb[t] + d[t] v[t]
        F[t] = diag(exp(gf[t])) * F[t-1] + kf[t] v[t]^T      F is N x P, F[-1] = 0
        R[t] = diag(exp(gb[t])) * R[t+1] + kb[t] v[t]^T      R is N x P, R[L] = 0

    The log decays gf and gb are `decay`; without it nothing decays. d is
    `diagonal`; without it position t does not see itself. Where `resets[t]` is
    true, a new sequence of a packed batch begins at t: no position before t
    sees one from t on, nor the other way round.

    For one head the mixing matrix has any diagonal d, strictly below it
    sum_n qf[t,n] kf[s,n] exp(gf[s+1,n] + ... + gf[t-1,n]), and strictly above it
    sum_n qb[t,n] kb[s,n] exp(gb[t+1,n] + ... + gb[s-1,n]): N-quasiseparable.

    Shapes: `qf` and `qb` are B x L x J x N, `kf` and `kb` are B x L x G x N, `v`
    is B x L x H x P, `diagonal` is B x L x H, `y` is B x L x Y x P with
    Y = max(J, H), `resets` is B x L. Heads are shared in order: head h uses key
    h*G/H, output j uses query j*J/Y and head j*H/Y. Each of the decays is H
    (constant), H x N (constant for each key), B x L x H (of the token) or
    B x L x H x N (of token and key). What `y` holds before the op is not used.
    Every position sees all others, so there is no state to go on from, and time
    is not a loop that can be tiled.

    It covers Hydra: its output is shifted by a token, which makes qf[t] the
    forward C of token t-1 and qb[t] the backward C of token t+1.

    Source: Hwang et al., Hydra (arXiv:2407.09941).

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) The numbers of heads are static and at least 1; G divides H, and of J
      and H one divides the other. `y` has the larger of them.
    * (C4) Element types are floats of 16 to 64 bits, that of `resets` is i1; arithmetic is done
      in f64 if an operand is f64, else in f32.
    * (C5) Of `decay` both or none are given.

    Example:

    ```mlir
    %y = ssm.quasiseparable
        ins(%qf, %kf, %qb, %kb, %x : tensor<1x?x1x64xf32>, tensor<1x?x24x64xf32>,
            tensor<1x?x1x64xf32>, tensor<1x?x24x64xf32>, tensor<1x?x24x64xf32>)
        diagonal(%d : tensor<1x?x24xf32>)
        decay(%gf, %gb : tensor<1x?x24xf32>, tensor<1x?x24xf32>)
        outs(%y0 : tensor<1x?x24x64xf32>) -> tensor<1x?x24x64xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$qf, Ssm_Shaped:$kf, Ssm_Shaped:$qb, Ssm_Shaped:$kb, Ssm_Shaped:$v,
                       Optional<Ssm_Shaped>:$diagonal,
                       Optional<Ssm_Shaped>:$gf, Optional<Ssm_Shaped>:$gb,
                       Optional<Ssm_Shaped>:$resets, Ssm_Shaped:$y);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $qf `,` $kf `,` $qb `,` $kb `,` $v `:` type($qf) `,` type($kf) `,` type($qb) `,` type($kb) `,` type($v) `)`
    (`diagonal` `(` $diagonal^ `:` type($diagonal) `)`)?
    (`decay` `(` $gf^ `,` $gb `:` type($gf) `,` type($gb) `)`)? (`resets` `(` $resets^ `:` type($resets) `)`)?
    `outs` `(` $y `:` type($y) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getYMutable(); }
  }];
}

#endif // SSM_QUASISEPARABLE_OPS_TD
