//===- SsmKernelOps.td - kernels of state spaces --------------*- tablegen -*-===//

#ifndef SSM_KERNEL_OPS_TD
#define SSM_KERNEL_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_SsmKernelOp : Ssm_BufferOp<"ssm_kernel"> {
  let summary = "what a diagonal state space that is constant in time answers to an impulse";
  let description = [{
    Semantics, for l = 0 .. L-1 and every channel:

        k[l] = Re sum_n c[n] exp(l * a[n])      n = 0 .. N-1

    Convolved with `k`, an input gives what the states h[t] = exp(a) h[t-1] + b x[t]
    read by y[t] = Re sum_n (c / b)[n] h[t,n] do. `a` is the logarithm of a step:
    dt A by zero-order hold. What else there is belongs to `c`: the discretised
    input, a factor of two where of conjugate pairs one is kept (S4D), the
    normaliser of DSS. With c exp(a) h0 in its place, `k` is what a state h0 adds
    to y.

    Shapes: `a` and `c` are D x N where they are real, and 2 x D x N where they are
    complex: real parts, then imaginary ones. `k` is L x D, as `ssm.long_conv` has
    it. What `k` holds before the op is not used.

    Source: Gu, Gupta, Goel, Re, "On the Parameterization and Initialization of
    Diagonal State Space Models".

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, `a` and `c` the same, and equal extents
      agree.
    * (C3) `a` and `c` have one element type, f32 or f64, in which arithmetic is
      done; that of `k` is a float no wider.
    * (C4) Complex numbers have two parts.

    Example:

    ```mlir
    %k = ssm.ssm_kernel ins(%a, %c : tensor<2x96x32xf32>, tensor<2x96x32xf32>)
        outs(%k0 : tensor<?x96xf32>) -> tensor<?x96xf32>
    ```
  }];
  let arguments = (ins Ssm_Shaped:$a, Ssm_Shaped:$c, Ssm_Shaped:$k);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $a `,` $c `:` type($a) `,` type($c) `)`
    `outs` `(` $k `:` type($k) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getKMutable(); }
  }];
}

#endif // SSM_KERNEL_OPS_TD
