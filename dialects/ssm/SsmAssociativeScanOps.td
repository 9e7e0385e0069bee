//===- SsmAssociativeScanOps.td - scans by a given combiner ---*- tablegen -*-===//

#ifndef SSM_ASSOCIATIVE_SCAN_OPS_TD
#define SSM_ASSOCIATIVE_SCAN_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_AssociativeScanOp
    : Ssm_Op<"associative_scan", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "inclusive scan along time by an associative combiner, as a region";
  let description = [{
    Semantics, for t = 0 .. L-1, with elements of n tensors:

        s[t] = combine(s[t-1], x[t])        y[t] = s[t]

    where s[-1] is `states` before the op and s[L-1] is `states` after it. The
    combiner must be associative, combine(combine(a, b), c) = combine(a,
    combine(b, c)), but for rounding; this is not checked, and lets what follows
    choose the order. It need not be commutative: its first n arguments come
    earlier. A scan that nothing comes before begins with the identity of the
    combiner; which that is, the caller knows and writes into `states`. With
    `reverse`, time runs from the last index to the first.

    Shapes: for each i, sequence `xs[i]` and output `ys[i]` have one shape, with L
    at dimension `axes[i]`; `states[i]` is the same without that dimension. The
    region's arguments are n earlier and n later elements, of the types of the
    states, and `ssm.yield` gives the n that they combine to. The region may use
    values from outside. What `ys` hold before the op is not used. L = 0 leaves
    the states as they are.

    It covers attention as a recurrence (Aaren, triples of maximum, sum and
    weighted sum), stabilised gates (mLSTM), max-plus scans, transitions that are
    small matrices, and any scan with a flag that resets it.

    Source: Blelloch, Prefix Sums and Their Applications (1990);
    the triples are from Feng et al., Attention as an RNN (arXiv:2405.13956).

    On buffers this op does not exist: decomposed on tensors it is a loop whose
    body bufferises in place.

    Constraints:

    * (C1) There are as many outputs and states as sequences, and at least one.
    * (C2) `axes` has one entry for each sequence, a dimension of it.
    * (C3) Shapes are those above, and equal extents agree.
    * (C4) `xs[i]` and `ys[i]` have the element type of `states[i]`, in which
      arithmetic is done, or a narrower float if it is a float.
    * (C5) The region has two arguments for each state, of its type up to
      extents unknown on either side.
    * (C6) The region yields as many values as there are states, of their types
      up to extents unknown on either side.

    Example:

    ```mlir
    %y, %last = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>)
        outs(%y0 : tensor<2x?x8xf32>) states(%s0 : tensor<2x8xf32>) {
    ^bb0(%earlier: tensor<2x8xf32>, %later: tensor<2x8xf32>):
      %0 = arith.maximumf %earlier, %later : tensor<2x8xf32>
      ssm.yield %0 : tensor<2x8xf32>
    } -> tensor<2x?x8xf32>, tensor<2x8xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$xs, Variadic<AnyRankedTensor>:$ys,
                       Variadic<AnyRankedTensor>:$states,
                       DenseI64ArrayAttr:$axes, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$step);
  let assemblyFormat = [{
    `axes` `` $axes (`reverse` $reverse^)? `ins` `(` ($xs^ `:` type($xs))? `)`
    `outs` `(` ($ys^ `:` type($ys))? `)` `states` `(` ($states^ `:` type($states))? `)`
    $step attr-dict (`->` type($results)^)?
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      unsigned n = getYs().size() + getStates().size();
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - n, n);
    }
    /// The type of argument `i` of the region.
    ::mlir::RankedTensorType getStepType(unsigned i) {
      return ::llvm::cast<::mlir::RankedTensorType>(
          getStates()[i % getStates().size()].getType());
    }
  }];
}

#endif // SSM_ASSOCIATIVE_SCAN_OPS_TD
