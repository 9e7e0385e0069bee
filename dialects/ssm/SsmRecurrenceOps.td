//===- SsmRecurrenceOps.td - any step function along time -----*- tablegen -*-===//

#ifndef SSM_RECURRENCE_OPS_TD
#define SSM_RECURRENCE_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_RecurrenceOp : Ssm_Op<"recurrence", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "a step function along time, as a region, with its states carried";
  let description = [{
    Semantics, for t = 0 .. L-1, with i a sequence and j an output:

        states, y_j[t] = step(x_i[t], ..., states)

    The states before the op are the initial ones, those after it the final
    ones. Sequence i has its time at dimension `axes[i]`, output j at
    `axes[#xs + j]`. Where `reverse` (one flag for each entry of `axes`) is set,
    step t takes or gives index L-1-t instead of t.

    The region's arguments are the slices of the sequences, without their time
    dimension, then the states. `ssm.yield` gives the new states, then the
    slices of the outputs. The region may use values from outside. What outputs
    hold before the op is not used. L = 0 leaves the states as they are.

    Source: the operator `Scan` of ONNX, with states and outputs as destinations.

    On buffers this op does not exist: decomposed on tensors it is a loop whose
    body bufferises in place.

    Constraints:

    * (C1) There is at least one sequence or output.
    * (C2) `axes` has one entry for each sequence and output, a dimension of it.
    * (C3) `reverse`, if given, has as many entries as `axes`.
    * (C4) The extents of time agree.
    * (C5) The region has one argument for each sequence and state, of the type
      of its slice or state up to extents unknown on either side.
    * (C6) The region yields as many values as there are states and outputs, of
      their types up to extents unknown on either side.

    Example:

    ```mlir
    %h, %last = ssm.recurrence axes[1, 1] ins(%x : tensor<2x?x8xf32>)
        outs(%h0 : tensor<2x?x8xf32>) states(%s0 : tensor<2x8xf32>) {
    ^bb0(%xt: tensor<2x8xf32>, %s: tensor<2x8xf32>):
      %0 = arith.addf %xt, %s : tensor<2x8xf32>
      %1 = math.tanh %0 : tensor<2x8xf32>
      ssm.yield %1, %1 : tensor<2x8xf32>, tensor<2x8xf32>
    } -> tensor<2x?x8xf32>, tensor<2x8xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$xs, Variadic<AnyRankedTensor>:$ys,
                       Variadic<AnyRankedTensor>:$states,
                       DenseI64ArrayAttr:$axes, OptionalAttr<DenseBoolArrayAttr>:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$step);
  let assemblyFormat = [{
    `axes` `` $axes (`reverse` `` $reverse^)? `ins` `(` ($xs^ `:` type($xs))? `)`
    `outs` `(` ($ys^ `:` type($ys))? `)` `states` `(` ($states^ `:` type($states))? `)`
    $step attr-dict (`->` type($results)^)?
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      unsigned n = getYs().size() + getStates().size();
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - n, n);
    }
    /// The type of operand `i` at one step.
    ::mlir::RankedTensorType getSliceType(unsigned i);
    /// The type of argument `i` of the region.
    ::mlir::RankedTensorType getStepType(unsigned i);
    /// Whether entry `i` of `axes` runs backwards.
    bool isReversed(unsigned i) { return getReverse() && (*getReverse())[i]; }
  }];
}

#endif // SSM_RECURRENCE_OPS_TD
