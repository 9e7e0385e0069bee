//===- SsmSemiseparableOps.td - matrix states, rank-one inputs -*- tablegen -*-===//

#ifndef SSM_SEMISEPARABLE_OPS_TD
#define SSM_SEMISEPARABLE_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_SemiseparableOp : Ssm_BufferOp<"semiseparable", [AttrSizedOperandSegments]> {
  let summary = "linear attention with a decaying matrix state";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row and head h:

        S[t] = diag(exp(g[t])) * S[t-1] + c[t] k[t] v[t]^T        S is N x P
        y[t] = S[t]^T q[t] + d v[t]

    where S[-1] is `state` before the op and S[L-1] is `state` after it. The log
    decay g is `decay`; without it nothing decays. c is `scale`, else 1, and d is
    `skip`, else 0. Where `resets[t]` is true,
    S[t-1] is taken as zero: a new sequence of a packed batch begins at t. With
    `reverse`, time runs from the last index to the first.

    For one head the mixing matrix is M[t,s] = sum_n q[t,n] k[s,n] exp(g[s+1,n] +
    ... + g[t,n]) c[s] for t >= s: N-semiseparable; `skip` adds d to its diagonal.

    Shapes: `q` is B x L x J x N, `k` is B x L x G x N, `v` is B x L x H x P, `y`
    is B x L x Y x P with Y = max(J, H), `state` is B x H x N x P, `resets` is
    B x L. Heads are shared in order: state h uses key h*G/H, output j uses query
    j*J/Y and state j*H/Y. `decay` is H (constant), H x N (constant for each
    key), B x L x H (of the token) or B x L x H x N (of token and key), `scale` is
    B x L x H, `skip` is H, and output j has those of its state. What `y`
    holds before the op is not used. L = 0 leaves the state as it is.

    It covers linear attention, RetNet and lightning attention (`decay` H),
    Mamba-2 (`decay` B x L x H, `scale` dt, `skip` D), gated linear attention and RWKV-6
    (`decay` B x L x H x N), mLSTM (a column of ones in v gives the normaliser).

    Source: Dao and Gu, Transformers are SSMs (arXiv:2405.21060), section 5;
    per-key decay is equation 3 of Yang et al., Gated Linear Attention
    (arXiv:2312.06635).

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) The numbers of heads are static and at least 1; G divides H, and of J
      and H one divides the other. `y` has the larger of them.
    * (C4) Element types are floats of 16 to 64 bits, none wider than that of `state`, in which
      arithmetic is done; that of `resets` is i1.

    Example:

    ```mlir
    %y, %last = ssm.semiseparable
        ins(%C, %B, %x : tensor<1x?x1x128xf32>, tensor<1x?x1x128xf32>, tensor<1x?x24x64xf32>)
        decay(%g : tensor<1x?x24xf32>)
        outs(%y0, %s0 : tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>)
        -> tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$q, Ssm_Shaped:$k, Ssm_Shaped:$v,
                       Optional<Ssm_Shaped>:$decay, Optional<Ssm_Shaped>:$scale,
                       Optional<Ssm_Shaped>:$skip, Optional<Ssm_Shaped>:$resets,
                       Ssm_Shaped:$y, Ssm_Shaped:$state, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`reverse` $reverse^)?
    `ins` `(` $q `,` $k `,` $v `:` type($q) `,` type($k) `,` type($v) `)`
    (`decay` `(` $decay^ `:` type($decay) `)`)? (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`skip` `(` $skip^ `:` type($skip) `)`)? (`resets` `(` $resets^ `:` type($resets) `)`)?
    `outs` `(` $y `,` $state `:` type($y) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
  }];
}

#endif // SSM_SEMISEPARABLE_OPS_TD
