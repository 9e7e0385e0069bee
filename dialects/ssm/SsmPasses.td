//===- SsmPasses.td - passes on the ssm dialect ---------------*- tablegen -*-===//

#ifndef SSM_PASSES_TD
#define SSM_PASSES_TD

include "mlir/Pass/PassBase.td"

def SsmDecompose : Pass<"ssm-decompose"> {
  let summary = "replace ssm ops on tensors by their reference loop nests";
  let description = [{
    Replaces every op of the dialect by what its `decomposeOperation` builds: a
    loop over time around `linalg` ops for the recurrences, plain `linalg` ops
    for the others. It is the definition of the ops in other terms: slow,
    obvious, for any shape and element type. Code generation at `-O0`, the
    evaluator and the tests use it. An op on buffers is an error. With `only`,
    ops of other names are left alone.
  }];
  let options = [ListOption<"only", "only", "std::string",
                            "names of the ops to decompose; default: all">];
}

def SsmMaterialize : Pass<"ssm-materialize"> {
  let summary = "compute linear mixers by their mixing matrices";
  let description = [{
    A mixer that is linear in one operand x, given the others, is y = M x + c
    with an L x L matrix M and what the initial state gives, c. Replaces y of
    such ops on tensors by this, with M and c computed by the op itself: from the
    columns of the identity and a state of zeros, and from zeros and its state.
    So M can be looked at, and what an op computes can be checked against a
    product: for `ssm.semiseparable`, `ssm.delta_rule`, `ssm.quasiseparable` and
    `ssm.attention` (x is v) M is B x Y x L x L, for `ssm.scan` (x is b),
    `ssm.selective_scan` (u) and `ssm.short_conv` without activation (x) each
    channel has its own. Ops that are not linear, integers and complex numbers
    are left alone. Memory grows with the square of the length; a number that M
    multiplies by zero must be finite.
  }];
}

def SsmLowerStrategies : Pass<"ssm-lower-strategies"> {
  let summary = "lower ssm ops on tensors by the strategies that they carry";
  let description = [{
    Replaces every op on tensors that has an attribute `ssm.strategy` by that
    algorithm, as loops over `linalg` ops or smaller mixers: `recurrent` is the
    op's decomposition; `chunked` computes a piece of time by products of
    matrices and hands the state to the next; `associative_scan` scans pieces
    independently; `dense` computes with the whole L x L matrix. Ops without the
    attribute stay.

    With `kernels`, pairs of an op and a strategy such as
    `ssm.scan:recurrent`, what a target has a kernel for stays too: for
    arithmetic in single precision, and for all types what is `recurrent`;
    `ssm.attention:recurrent@16` is for operands of 16 bits alone, and
    `ssm.attention:recurrent@few` for up to 16 tokens, where that is known.

    Decays between steps are products of the decays of those steps, never
    quotients of cumulative products: they underflow only where the mixer's own
    do. A number that the matrix multiplies by zero must be finite, and so must
    the product of `a` over the steps of a piece of `ssm.scan`.
  }];
  let options = [ListOption<"kernels", "kernels", "std::string",
                            "OP:STRATEGY[@BITS|@few] that the target computes itself">];
}

def SsmVerifyParallelTime : Pass<"ssm-verify-parallel-time"> {
  let summary = "find ssm ops whose time is split over a parallel loop";
  let description = [{
    Every step of a mixer needs the one before it, so tiles of its time must run
    in order. Tiling refuses to make them in a parallel loop; this pass finds
    loops that became parallel afterwards: it follows the operands of each op to
    the slices that they are, and it is an error if where a slice starts along
    time depends on the iteration of `scf.forall`, `scf.parallel` or
    `affine.parallel`. It changes nothing.
  }];
}

#endif // SSM_PASSES_TD
