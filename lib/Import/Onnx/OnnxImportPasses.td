//===- OnnxImportPasses.td - what follows an import --------*- tablegen -*-===//

#ifndef ONNX_IMPORT_PASSES_TD
#define ONNX_IMPORT_PASSES_TD

include "mlir/Pass/PassBase.td"

def OnnxInlineFunctions : Pass<"onnx-inline-functions", "::mlir::ModuleOp"> {
  let summary = "replace calls of model-local functions by their bodies";
  let description = [{
    A model may bring definitions of operators. Where the operator table has a
    lowering for an operator, its nodes stay and the definition is dropped;
    every other call is replaced by the body of its function, with attribute
    references substituted (by the call's attribute, else by the default, else
    left out) and the names of nodes prefixed by the name of the call.
    Recursive functions are an error. No function but the main one is left.
  }];
}

def OnnxReportUnsupported : Pass<"onnx-report-unsupported", "::mlir::ModuleOp"> {
  let summary = "fail with one table of all operators that are not supported";
}

#endif // ONNX_IMPORT_PASSES_TD
