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

def OnnxExpandContrib : Pass<"onnx-expand-contrib", "::mlir::ModuleOp"> {
  let summary = "write operators of com.microsoft that are formulas as these";
  let description = [{
    LinearAttentionGate and GatedRMSNorm become standard nodes. What does not
    fit their definition stays, to be reported.
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def OnnxUpdateScans : Pass<"onnx-update-scans", "::mlir::ModuleOp"> {
  let summary = "write a Scan of version 8 as a Scan over its batch of Scans";
  let description = [{
    One with lengths of its sequences stays, to be reported.
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def OnnxReportUnsupported : Pass<"onnx-report-unsupported", "::mlir::ModuleOp"> {
  let summary = "fail with one table of all operators that are not supported";
}

#endif // ONNX_IMPORT_PASSES_TD
