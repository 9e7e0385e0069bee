//===- SsmAttentionOps.td - softmax attention -----------------*- tablegen -*-===//

#ifndef SSM_ATTENTION_OPS_TD
#define SSM_ATTENTION_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_AttentionOp : Ssm_BufferOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "softmax attention";
  let description = [{
    Semantics, for query i and key j in every batch row and head h:

        s[i,j] = cap(scale * q[i] . k[j]) + bias[h,i,j] - slopes[h] * |qp[i] - kp[j]|
        y[i]   = sum_j exp(s[i,j] - lse[i]) * v[j]
        lse[i] = log(sum_j exp(s[i,j]) + exp(sinks[h]))

    over the keys that query i sees. cap(x) is `softcap` * tanh(x / `softcap`),
    or x without `softcap`; `scale` is 1 / sqrt(N) if it is not given; terms
    whose operand is not given are left out. A sink takes part of the weight
    and has no value. Query i sees key j where

        qs[i] == ks[j]  and  kp[j] >= 0  and
        (kp[j] < prefix  or
         kp[j] - qp[i] <= right  and  (qp[i] - kp[j] <= left  or  kp[j] < global))

    with qs, ks from `segments` and qp, kp from `positions`. Without `segments`
    the first test is left out; without `left` or `right` there is no limit on
    that side. Without `positions`, kp[j] = j and qp[i] = i + Lk - Lq: the last
    query stands at the last key. A key whose bias is -infinity is not seen. A
    query that sees nothing has y = 0 and lse = -infinity (with a sink: the
    sink). What k and v hold for keys that are not seen is not used, NaN too, which
    PyTorch and ONNX Runtime hand on.

    Causal attention is `right(0)`, a sliding window of W keys
    `left(W-1) right(0)`. A cache of keys, also one that is overwritten in
    turns, is `k` and `v` with the positions of what it holds, -1 where it is
    empty. Two parts of the keys are put together by `ssm.lse_merge`.

    Shapes: `q` is B x Lq x J x N, `k` B x Lk x G x N, `v` B x Lk x G x P, `bias`
    B x J x Lq x Lk, of which extents that are 1 are repeated, `slopes` and
    `sinks` J, `segments` and `positions` each B x Lq and B x Lk, `prefix` B,
    `y` B x Lq x J x P, `lse` B x Lq x J. Query head h uses key h*G/J. What `y` and
    `lse` hold before the op is not used.

    Source: Vaswani et al. (arXiv:1706.03762), section 3.2; the linear bias is
    Press et al., ALiBi (arXiv:2108.12409); `lse`, and the place of the last
    query, as in Dao et al., FlashAttention (arXiv:2205.14135) and its
    implementation; the sinks are those of gpt-oss.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) The numbers of heads are static and at least 1; G divides J.
    * (C4) Element types are floats of 16 to 64 bits, none wider than that of `lse`, in which
      arithmetic is done; those of `segments`, `positions` and `prefix` are i32
      or i64.
    * (C5) `left`, `right` and `global` are at least 0.
    * (C6) `scale` and `softcap` are finite, `softcap` is above 0.
    * (C7) Of `segments` and `positions` both operands are given or none.

    Example:

    ```mlir
    // Four query heads on two key heads, causal, the last 128 keys.
    %y, %lse = ssm.attention left(127) right(0)
        ins(%q, %k, %v : tensor<1x?x4x64xf32>, tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>)
        outs(%y0, %lse0 : tensor<1x?x4x64xf32>, tensor<1x?x4xf32>)
        -> tensor<1x?x4x64xf32>, tensor<1x?x4xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$q, Ssm_Shaped:$k, Ssm_Shaped:$v,
                       Optional<Ssm_Shaped>:$bias, Optional<Ssm_Shaped>:$slopes, Optional<Ssm_Shaped>:$sinks,
                       Optional<Ssm_Shaped>:$query_segments, Optional<Ssm_Shaped>:$key_segments,
                       Optional<Ssm_Shaped>:$query_positions, Optional<Ssm_Shaped>:$key_positions,
                       Optional<Ssm_Shaped>:$prefix, Ssm_Shaped:$y, Ssm_Shaped:$lse,
                       OptionalAttr<F64Attr>:$scale, OptionalAttr<F64Attr>:$softcap,
                       OptionalAttr<I64Attr>:$left, OptionalAttr<I64Attr>:$right,
                       DefaultValuedAttr<I64Attr, "0">:$global);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`scale` `(` $scale^ `)`)? (`softcap` `(` $softcap^ `)`)?
    (`left` `(` $left^ `)`)? (`right` `(` $right^ `)`)? (`global` `(` $global^ `)`)?
    `ins` `(` $q `,` $k `,` $v `:` type($q) `,` type($k) `,` type($v) `)`
    (`bias` `(` $bias^ `:` type($bias) `)`)? (`slopes` `(` $slopes^ `:` type($slopes) `)`)?
    (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`segments` `(` $query_segments^ `,` $key_segments `:` type($query_segments) `,` type($key_segments) `)`)?
    (`positions` `(` $query_positions^ `,` $key_positions `:` type($query_positions) `,` type($key_positions) `)`)?
    (`prefix` `(` $prefix^ `:` type($prefix) `)`)?
    `outs` `(` $y `,` $lse `:` type($y) `,` type($lse) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
    /// Whether a query's index says where it stands, so that queries cannot be
    /// cut.
    bool countsQueries() {
      return !getQueryPositions() && (getLeft() || getRight() || getSlopes());
    }
  }];
}

def Ssm_LseMergeOp : Ssm_BufferOp<"lse_merge"> {
  let summary = "attention over two parts of the keys, put together";
  let description = [{
    Semantics, for every query and head:

        lse = log(exp(la) + exp(lb))
        y   = exp(la - lse) * ya + exp(lb - lse) * yb

    so that with `ya`, `la` and `yb`, `lb` from `ssm.attention` over two parts of
    the keys, `y` and `lse` are those over all of them. Where `la` is -infinity
    what `ya` holds is not used, likewise for b; where both are, y = 0 and lse =
    -infinity. The op is commutative and associative. A sink belongs to one of
    the parts.

    Shapes: `ya`, `yb` and `y` are B x L x J x P, `la`, `lb` and `lse` are
    B x L x J. What `y` and `lse` hold before the op is not used.

    Source: Dao et al., FlashAttention (arXiv:2205.14135), section 3.1.

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) Element types are floats of 16 to 64 bits, none wider than that of `lse`, in which
      arithmetic is done.

    Example:

    ```mlir
    %y, %lse = ssm.lse_merge
        ins(%ya, %la, %yb, %lb : tensor<1x?x4x64xf32>, tensor<1x?x4xf32>,
            tensor<1x?x4x64xf32>, tensor<1x?x4xf32>)
        outs(%y0, %lse0 : tensor<1x?x4x64xf32>, tensor<1x?x4xf32>)
        -> tensor<1x?x4x64xf32>, tensor<1x?x4xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$ya, Ssm_Shaped:$la, Ssm_Shaped:$yb, Ssm_Shaped:$lb,
                       Ssm_Shaped:$y, Ssm_Shaped:$lse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $ya `,` $la `,` $yb `,` $lb `:` type($ya) `,` type($la) `,` type($yb) `,` type($lb) `)`
    `outs` `(` $y `,` $lse `:` type($y) `,` type($lse) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOperation(), 4, 2); }
  }];
}

#endif // SSM_ATTENTION_OPS_TD
