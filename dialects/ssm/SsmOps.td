//===- SsmOps.td - ops of the ssm dialect ---------------------*- tablegen -*-===//

#ifndef SSM_OPS_TD
#define SSM_OPS_TD

include "dialects/ssm/SsmDialect.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Ssm_Op<string mnemonic, list<Trait> traits = []>
    : Op<Ssm_Dialect, mnemonic, traits # [
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let hasVerifier = 1;
}

def Ssm_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;

def Ssm_ScanOp : Ssm_Op<"scan"> {
  let summary = "elementwise affine recurrence along one dimension";
  let description = [{
    `h[t] = a[t] * h[t-1] + b[t]`, with `h[-1]` the initial state.
    `a`, `b` and the destination `h` have one shape; `state` has that shape
    without the dimension `dimension`. With `reverse`, time runs from the last
    index to the first.

    ```mlir
    %h, %last = ssm.scan dimension(1) ins(%a, %b : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
        outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
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

def Ssm_SelectiveScanOp : Ssm_Op<"selective_scan", [AttrSizedOperandSegments]> {
  let summary = "Mamba-1: diagonal state per channel, discretised, read out, gated";
  let description = [{
    With `u`, `delta` and the optional `z` of shape B x L x D, `A` D x N,
    `B`, `C` B x L x N, the optional `D` of shape D, state B x D x N:

        h[t,d,n] = exp(delta[t,d] * A[d,n]) * h[t-1,d,n] + delta[t,d] * B[t,n] * u[t,d]
        y[t,d]   = (sum_n C[t,n] * h[t,d,n] + D[d] * u[t,d]) * silu(z[t,d])

    Without `D` the skip, without `z` the gate is left out.
  }];
  let arguments = (ins Ssm_Shaped:$u, Ssm_Shaped:$delta, Ssm_Shaped:$A, Ssm_Shaped:$B, Ssm_Shaped:$C,
                       Optional<Ssm_Shaped>:$D, Optional<Ssm_Shaped>:$z,
                       Ssm_Shaped:$y, Ssm_Shaped:$state, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`reverse` $reverse^)?
    `ins` `(` $u `,` $delta `,` $A `,` $B `,` $C `:` type($u) `,` type($delta) `,` type($A) `,` type($B) `,` type($C) `)`
    (`skip` `(` $D^ `:` type($D) `)`)? (`gate` `(` $z^ `:` type($z) `)`)?
    `outs` `(` $y `,` $state `:` type($y) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
  }];
}

def Ssm_ShortConvOp : Ssm_Op<"short_conv"> {
  let summary = "causal depthwise convolution along time, with its tail as state";
  let description = [{
    With `x` B x L x C, `w` C x W, the optional `bias` C:

        y[t,c] = act(bias[c] + sum_j w[c,W-1-j] * x[t - j*dilation, c])

    The state, B x (W-1)*dilation x C, holds the inputs before time 0, oldest
    first; the final state those before time L.
  }];
  let arguments = (ins Ssm_Shaped:$x, Ssm_Shaped:$w, Optional<Ssm_Shaped>:$bias,
                       Ssm_Shaped:$y, Ssm_Shaped:$state,
                       DefaultValuedAttr<Ssm_ActivationAttr, "::mlir::ssm::Activation::None">:$activation,
                       DefaultValuedAttr<I64Attr, "1">:$dilation, UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`activation` `(` $activation^ `)`)? (`dilation` `(` $dilation^ `)`)? (`reverse` $reverse^)?
    `ins` `(` $x `,` $w `:` type($x) `,` type($w) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    `outs` `(` $y `,` $state `:` type($y) `,` type($state) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 2, 2);
    }
  }];
}

def Ssm_LinearOp : Ssm_Op<"linear", [SingleBlock]> {
  let summary = "product with a packed weight, followed by an elementwise map";
  let description = [{
    With `x` M x K, the weight `w` packed in panels, P x K x R with
    N <= P * R (column n of the weight is panel n / R, lane n mod R; the lanes
    beyond N are zero), and extra operands e_i of shape M x N or N:

        out[m,n] = f(sum_k x[m,k] * w[n / R, k, n mod R], e_0[m,n], e_1[n], ...)

    The region computes f on scalars; its first argument is the sum. It exists
    so that bias, activation and residual are applied while the sum is still in
    registers, for any number of rows M.
  }];
  let arguments = (ins Ssm_Shaped:$x, Ssm_Shaped:$w, Variadic<Ssm_Shaped>:$extras, Ssm_Shaped:$out);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    `ins` `(` $x `,` $w `:` type($x) `,` type($w) `)` (`extras` `(` $extras^ `:` type($extras) `)`)?
    `outs` `(` $out `:` type($out) `)` $epilogue attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - 1, 1);
    }
  }];
}

def Ssm_RecurrenceOp : Ssm_Op<"recurrence", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "a step function along time, as a region, with its state carried";
  let description = [{
    For t = 0 .. L-1 (backwards for the operands marked in `reverse`):

        state, y[t] = step(x_0[t], x_1[t], ..., state)

    Each sequence `xs[i]` has its time dimension at `axes[i]`, each destination
    `ys[i]` at `axes[#xs + i]`. The region's arguments are the slices without
    the time dimension, then the states; `ssm.yield` returns the new states,
    then the slices of the outputs. The region may use values from outside.
  }];
  let arguments = (ins Variadic<Ssm_Shaped>:$xs, Variadic<Ssm_Shaped>:$ys, Variadic<Ssm_Shaped>:$states,
                       DenseI64ArrayAttr:$axes, OptionalAttr<DenseBoolArrayAttr>:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$step);
  let assemblyFormat = [{
    `axes` `` $axes (`reverse` `` $reverse^)? `ins` `(` ($xs^ `:` type($xs))? `)`
    `outs` `(` ($ys^ `:` type($ys))? `)` `states` `(` ($states^ `:` type($states))? `)`
    $step attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      unsigned n = getYs().size() + getStates().size();
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - n, n);
    }
  }];
}

def Ssm_YieldOp : Op<Ssm_Dialect, "yield", [Pure, Terminator, ReturnLike]> {
  let summary = "ends a region of an ssm op";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // SSM_OPS_TD
