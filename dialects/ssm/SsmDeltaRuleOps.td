//===- SsmDeltaRuleOps.td - matrix states that are corrected --*- tablegen -*-===//

#ifndef SSM_DELTA_RULE_OPS_TD
#define SSM_DELTA_RULE_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_DeltaRuleOp : Ssm_BufferOp<"delta_rule", [AttrSizedOperandSegments]> {
  let summary = "linear attention whose matrix state is corrected by a rank-one transition";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row and head h. With `beta` the
    state decays first, and what it then holds for the key is corrected:

        D[t] = diag(exp(g[t])) * S[t-1]                      S is N x P
        S[t] = D[t] + k[t] (beta[t] * (v[t] - D[t]^T k[t]))^T
        y[t] = S[t]^T q[t]

    With `erase` the vectors of the transition are given, and what is erased is
    read from the state that has not decayed:

        S[t] = diag(exp(g[t])) * S[t-1] + b[t] (a[t]^T S[t-1]) + k[t] v[t]^T
        y[t] = S[t]^T q[t]

    where S[-1] is `state` before the op and S[L-1] is `state` after it. The log
    decay g is `decay`; without it nothing decays. Where `resets[t]` is true,
    S[t-1] is taken as zero: a new sequence of a packed batch begins at t. With
    `reverse`, time runs from the last index to the first.

    Shapes: `q` is B x L x J x N, `k`, `a` and `b` are B x L x G x N, `v` is
    B x L x H x P, `beta` is B x L x H, `y` is B x L x Y x P with Y = max(J, H),
    `state` is B x H x N x P, `resets` is B x L. Heads are shared in order:
    state h uses key h*G/H, output j uses query j*J/Y and state j*H/Y. `decay`
    is H (constant), H x N (constant for each key), B x L x H (of the token) or
    B x L x H x N (of token and key). What `y` holds before the op is not used.
    L = 0 leaves the state as it is.

    It covers DeltaNet (`beta`), Gated DeltaNet (`beta`, `decay` B x L x H), KDA
    (`beta`, `decay` B x L x H x N), DeltaProduct (several steps for a token, of
    which the first decays and the last is read) and RWKV-7 (`erase`, with
    a = -kappa and b = kappa * in-context rate).

    Source: Yang et al., Parallelizing Linear Transformers with the Delta Rule
    over Sequence Length (arXiv:2406.06484); Yang et al., Gated Delta Networks
    (arXiv:2412.06464); Peng et al., RWKV-7 (arXiv:2503.14456).

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) The numbers of heads are static and at least 1; G divides H, and of J
      and H one divides the other. `y` has the larger of them.
    * (C4) Element types are floats of 16 to 64 bits, none wider than that of `state`, in which
      arithmetic is done; that of `resets` is i1.
    * (C5) Exactly one of `beta` and `erase` is given.

    Example:

    ```mlir
    %y, %last = ssm.delta_rule
        ins(%q, %k, %v : tensor<1x?x4x128xf32>, tensor<1x?x4x128xf32>, tensor<1x?x8x64xf32>)
        beta(%beta : tensor<1x?x8xf32>) decay(%g : tensor<1x?x8xf32>)
        outs(%y0, %s0 : tensor<1x?x8x64xf32>, tensor<1x8x128x64xf32>)
        -> tensor<1x?x8x64xf32>, tensor<1x8x128x64xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$q, Ssm_Shaped:$k, Ssm_Shaped:$v,
                       Optional<Ssm_Shaped>:$beta,
                       Optional<Ssm_Shaped>:$a, Optional<Ssm_Shaped>:$b,
                       Optional<Ssm_Shaped>:$decay, Optional<Ssm_Shaped>:$resets,
                       Ssm_Shaped:$y, Ssm_Shaped:$state, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`reverse` $reverse^)?
    `ins` `(` $q `,` $k `,` $v `:` type($q) `,` type($k) `,` type($v) `)`
    (`beta` `(` $beta^ `:` type($beta) `)`)?
    (`erase` `(` $a^ `,` $b `:` type($a) `,` type($b) `)`)?
    (`decay` `(` $decay^ `:` type($decay) `)`)? (`resets` `(` $resets^ `:` type($resets) `)`)?
    `outs` `(` $y `,` $state `:` type($y) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
  }];
}

#endif // SSM_DELTA_RULE_OPS_TD
