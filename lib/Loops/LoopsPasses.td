//===- LoopsPasses.td - passes on loops of a graph ------------*- tablegen -*-===//

#ifndef SSMC_LOOPS_PASSES_TD
#define SSMC_LOOPS_PASSES_TD

include "mlir/Pass/PassBase.td"

def OnnxLoopToScan : Pass<"onnx-loop-to-scan", "::mlir::ModuleOp"> {
  let summary = "Turn a Loop that walks along sequences into a Scan";
  let description = [{
    A Loop becomes a Scan where its number of iterations is proved: nothing but
    the trip count ends it, or a condition that compares a counter with a limit.
    What the body cuts out of a value at the number of the iteration, forwards
    or backwards, is a sequence that is read; rows that it yields, and tensors
    that grow by a Concat in every iteration, are sequences that are written.
    Counters become sequences of positions. Every other Loop stays.
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def OnnxHoistSteps : Pass<"onnx-hoist-steps", "::mlir::ModuleOp"> {
  let summary = "Move out of a Scan what is done token by token";
  let description = [{
    Where the states of a Scan are affine in the states before, what the step
    computes of its tokens alone (projections, gates, the discretisation) is
    computed for the whole sequence in front of the Scan, and what it computes
    of the states it has read out behind it. What stays is the recurrence
    itself. States and results that nothing needs are dropped, and states that
    have nothing to do with each other get a Scan of their own.
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

#endif // SSMC_LOOPS_PASSES_TD
