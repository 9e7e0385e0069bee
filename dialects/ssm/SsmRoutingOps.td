//===- SsmRoutingOps.td - sequences of a data-dependent length -*- tablegen -*-===//

#ifndef SSM_ROUTING_OPS_TD
#define SSM_ROUTING_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_RouteOp : Ssm_BufferOp<"route"> {
  let summary = "how probable it is that a chunk begins at a token";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row:

        p[t] = clamp((1 - cos(q[t-1], k[t])) / 2, 0, 1)
        cos(a, b) = a . b / (max(|a|, 1e-12) * max(|b|, 1e-12))

    and p[t] = 1 where nothing came before: `seen` is false, or a new sequence
    begins (`resets[t]`). q[-1] is `last` before the op; after it, `last` is
    q[L-1] and `seen` is true. L = 0 leaves both as they are.

    A token begins a chunk where p > 0.5, which is left to the caller, as are the
    projections to q and k.

    Shapes: `q` and `k` are B x L x D, `resets` and `p` B x L, `last` B x D,
    `seen` B. What `p` holds before the op is not used.

    Source: the routing module of Hwang et al., H-Net (arXiv:2507.07955),
    section 2.2, as in its implementation, which compares q of the token before
    with k of this one.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) Element types are floats of 16 to 64 bits, none wider than that of `last`, in which
      arithmetic is done; those of `resets` and `seen` are i1.

    Example:

    ```mlir
    %p, %last, %seen = ssm.route ins(%q, %k : tensor<1x?x64xf32>, tensor<1x?x64xf32>)
        outs(%p0, %last0, %seen0 : tensor<1x?xf32>, tensor<1x64xf32>, tensor<1xi1>)
        -> tensor<1x?xf32>, tensor<1x64xf32>, tensor<1xi1>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$q, Ssm_Shaped:$k, Optional<Ssm_Shaped>:$resets,
                       Ssm_Shaped:$p, Ssm_Shaped:$last, Ssm_Shaped:$seen);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $q `,` $k `:` type($q) `,` type($k) `)` (`resets` `(` $resets^ `:` type($resets) `)`)?
    `outs` `(` $p `,` $last `,` $seen `:` type($p) `,` type($last) `,` type($seen) `)`
    attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 3, 3);
    }
  }];
}

def Ssm_CompactOp : Ssm_BufferOp<"compact"> {
  let summary = "the marked rows of a sequence, in order";
  let description = [{
    Semantics, in every batch row:

        z[i]  = x[t] of the i-th t where mask[t] is true     i < min(count, C)
        z[i]  = 0                                            i >= count
        count = number of t where mask[t] is true

    C is the capacity. Marked rows beyond it are left out, and `count` above C
    says so; C = L is always enough.

    Shapes: `x` is B x L x D, `mask` B x L, `z` B x C x D, `count` B. What `z`
    and `count` hold before the op is not used.

    Source: the chunk layer of Hwang et al., H-Net (arXiv:2507.07955), section
    2.2.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) `x` and `z` have one element type, a float; that of `mask` is i1, that
      of `count` i32 or i64.

    Example:

    ```mlir
    %z, %count = ssm.compact ins(%x, %mask : tensor<1x?x64xf32>, tensor<1x?xi1>)
        outs(%z0, %count0 : tensor<1x?x64xf32>, tensor<1xi64>)
        -> tensor<1x?x64xf32>, tensor<1xi64>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$x, Ssm_Shaped:$mask, Ssm_Shaped:$z, Ssm_Shaped:$count);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $x `,` $mask `:` type($x) `,` type($mask) `)`
    `outs` `(` $z `,` $count `:` type($z) `,` type($count) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), 2, 2); }
  }];
}

def Ssm_ExpandOp : Ssm_BufferOp<"expand"> {
  let summary = "each token gets the row of its chunk";
  let description = [{
    Semantics, for t = 0 .. L-1 in every batch row:

        x[t] = z[min(n[t], C) - 1],  or last where n[t] = 0 or C = 0
        n[t] = number of s <= t where mask[s] is true

    where `last` is what it holds before the op: the row of a chunk that began
    earlier. After the op, `last` is x[L-1]. L = 0 leaves it as it is. With what
    `ssm.compact` gives for the same mask, rows go back to where they were and
    are repeated to the next mark.

    Shapes: `z` is B x C x D, `mask` B x L, `x` B x L x D, `last` B x D. What `x`
    holds before the op is not used.

    Source: the upsampler of Hwang et al., H-Net (arXiv:2507.07955), section 2.2.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) `z`, `x` and `last` have one element type, a float; that of `mask` is
      i1.

    Example:

    ```mlir
    %x, %last = ssm.expand ins(%z, %mask : tensor<1x?x64xf32>, tensor<1x?xi1>)
        outs(%x0, %last0 : tensor<1x?x64xf32>, tensor<1x64xf32>)
        -> tensor<1x?x64xf32>, tensor<1x64xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$z, Ssm_Shaped:$mask, Ssm_Shaped:$x, Ssm_Shaped:$last);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $z `,` $mask `:` type($z) `,` type($mask) `)`
    `outs` `(` $x `,` $last `:` type($x) `,` type($last) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), 2, 2); }
  }];
}

#endif // SSM_ROUTING_OPS_TD
