//===- SsmLinearOps.td - products with constant weights -------*- tablegen -*-===//

#ifndef SSM_LINEAR_OPS_TD
#define SSM_LINEAR_OPS_TD

include "dialects/ssm/SsmOpBase.td"

def Ssm_LinearOp : Ssm_BufferOp<"linear", [SingleBlock]> {
  let summary = "product with a packed weight, followed by an elementwise map";
  let description = [{
    Semantics, with f the function that the region computes on scalars:

        out[m,n] = f(sum_k x[m,k] * w[n / R, k, n mod R], e_0[m,n], e_1[n], ...)

    The weight is packed in P panels of R columns: column n is lane n mod R of
    panel n / R; lanes beyond N are not used. The region's first argument is the
    sum, the others the elements of the extra operands. It exists so that bias,
    activation and residual are applied while the sum is still in registers,
    for any number of rows.

    Shapes: `x` is M x K, `w` is P x K x R, `out` is M x N, every extra operand
    M x N or N. What `out` holds before the op is not used. The loop is M.

    Source: a matrix product; the panels are those of Goto and van de Geijn,
    Anatomy of High-Performance Matrix Multiplication (2008).

    Constraints:

    * (C1) All operands are tensors or all are buffers.
    * (C2) Operands have the ranks above, and equal extents agree.
    * (C3) R is static, and P panels of R columns hold N columns: P = ceil(N / R).
    * (C4) The region's arguments are a float, the sum, in whose type it is
      added up, then for each extra operand its element type. It yields one
      value of the element type of `out`.
    * (C5) The element types of `x` and `w` are floats no wider than the sum.

    Example:

    ```mlir
    %y = ssm.linear ins(%x, %w : tensor<?x768xf32>, tensor<96x768x16xf32>)
        extras(%bias : tensor<1536xf32>) outs(%init : tensor<?x1536xf32>) {
    ^bb0(%sum: f32, %b: f32):
      %0 = arith.addf %sum, %b : f32
      ssm.yield %0 : f32
    } -> tensor<?x1536xf32>
    ```
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

def Ssm_YieldOp : Op<Ssm_Dialect, "yield", [Pure, Terminator, ReturnLike]> {
  let summary = "ends a region of an ssm op";
  let description = [{
    Ends the region of `ssm.linear` or `ssm.recurrence` and gives it the values.
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // SSM_LINEAR_OPS_TD
