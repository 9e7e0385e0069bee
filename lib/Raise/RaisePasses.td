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

def SsmRaise : Pass<"ssm-raise", "::mlir::ModuleOp"> {
  let summary = "Replace regions that are mixers by ops of the ssm dialect";
  let description = [{
    Regions that mix tokens are cut by the axis analysis and compared, in double
    precision and on random inputs, with the entries of a catalogue: an
    elementwise scan, Mamba's selective scan, a short convolution. One that
    agrees is replaced by the op, with the discretisation, skip, gate, bias or
    activation around it taken in. Any other unrolled loop becomes a Scan, which
    is lowered to a recurrence. Every replacement is checked against the
    nodes it replaces before it is kept; one that deviates is dropped with a
    warning that names the nodes.

    The module gets the attribute `ssmc.report`: for every site what it became,
    the nodes before and after, the largest deviation seen, and assumptions;
    for what looks like a recurrence and was kept, why.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::onnx::OnnxDialect", "::mlir::ssm::SsmDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let options = [
    Option<"plantError", "plant-error", "int64_t", "-1",
           "make the raise of this number wrong by a little (for tests)">
  ];
}

#endif // RAISE_PASSES_TD
