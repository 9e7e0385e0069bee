//===- RaisePasses.td - passes that recover recurrences -------*- tablegen -*-===//

#ifndef RAISE_PASSES_TD
#define RAISE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SsmPrintAxes : Pass<"ssm-print-axes", "::mlir::ModuleOp"> {
  let summary = "Print which axes of every value are batch and time";
  let description = [{
    Adds to every node of a graph the attributes `ssm.axes`, one string per
    result: its class (`token` where every position of time occurs once,
    `mixed`, `constant`) and its axes, each a product of digits `b:extent`,
    `t:extent`, `extent`; a time digit whose stride is not 1 has it behind a
    slash. Nodes that mix tokens get `ssm.mixes`. For tests and debugging.
  }];
}

#endif // RAISE_PASSES_TD
