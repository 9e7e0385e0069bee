//===- StreamPasses.td - passes that make decoders --------*- tablegen -*-===//

#ifndef STREAM_PASSES_TD
#define STREAM_PASSES_TD

include "mlir/Pass/PassBase.td"

def SsmDeriveSteps : Pass<"ssm-derive-steps", "::mlir::ModuleOp"> {
  let summary = "Derive prefill and step from forward";
  let description = [{
    Of a graph whose length is free, whose ops of the `ssm` dialect run forward
    in time, and which does everything else token by token, makes the functions
    that `entries` names, `prefill` and `step`. They compute `forward` on tokens
    that follow on others: each takes the states that the ops had after those,
    and gives the states after its own. `prefill` takes any number of tokens,
    `step` one, and `prefill_lengths` any number of which each row has as many
    as the argument `lengths` says. The states are arguments and results after
    those of `forward`, with the rows of the batch as their first dimension; the
    attribute `ssm.states` of a function lists them.

    `verify` makes two functions: `verify` itself, which is `prefill` with
    further results `brought_0`, ..., and `accept`, which takes these, `lengths`
    and the states before, and gives the states after so many tokens of each row.

    Where something in the graph does not permit that, the node is named: as an
    error where `required` is set, otherwise in the attribute `ssmc.steps` of the
    module.
  }];
  let options = [
    ListOption<"entries", "entries", "std::string",
               "what to keep or make: forward, prefill, prefill_lengths, step, "
               "verify">,
    Option<"maxLength", "max-length", "int64_t", "0",
           "tokens of a sequence that is seen by attention without a window">,
    Option<"required", "required", "bool", "true",
           "fail where an entry cannot be made">
  ];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // STREAM_PASSES_TD
