//===- FoldPasses.td - passes on imported graphs --------------*- tablegen -*-===//

#ifndef SSMC_FOLD_PASSES_TD
#define SSMC_FOLD_PASSES_TD

include "mlir/Pass/PassBase.td"

def OnnxInferShapes : Pass<"onnx-infer-shapes", "::mlir::ModuleOp"> {
  let summary = "Give every value of a graph its shape";
  let description = [{
    Follows each public function from its arguments by the shape rules of the
    operators, shape arithmetic included, and sets the types of all values and
    the results of the function. Extents that are not constant are expressions
    over the symbols of the module; one that only data decides becomes a new
    symbol. The destinations of `ssm` ops are made again where their extents
    have changed.
  }];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def OnnxFold : Pass<"onnx-fold", "::mlir::ModuleOp"> {
  let summary = "Fold constants and shape arithmetic, merge and remove nodes";
  let description = [{
    Infers shapes, then replaces by constants what is known: shape arithmetic,
    and nodes of constant inputs, computed in double precision and rounded to
    their type. Nothing of the size of a weight is computed. Nodes that hand on
    their input disappear (Identity, casts to the same type, Reshape and Expand
    to the same shape, ...), a Reshape of a Reshape, a Transpose of a Transpose
    and a Concat of Concats become one, an If of a constant condition its branch, equal nodes
    one, and dead nodes none.
  }];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def OnnxSimplify : Pass<"onnx-simplify", "::mlir::ModuleOp"> {
  let summary = "Spell equal things alike and cancel transposes";
  let description = [{
    Pow by 2 is a Mul, a quotient of 1 a Reciprocal, its logistic function a
    Sigmoid, log(1 + e^x) a Softplus, with or without a guard for large x, and a
    Gather of consecutive rows a Slice. A Transpose that only one node reads is
    moved behind it where the node is elementwise, a Split, Slice or Concat, and
    merged with the next Transpose.
  }];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def OnnxCancelPads : Pass<"onnx-cancel-pads", "::mlir::ModuleOp"> {
  let summary = "Move a Slice that undoes a Pad in front of what lies between";
  let description = [{
    Where elementwise nodes lie between a Pad and a Slice that keeps just what
    was padded, the Slice is applied to their operands: the Pad is gone, and of
    the other operands only what is kept is computed with. Around a mixer that
    runs in chunks skips and gates so stand on the sequence itself. Nodes that
    others read are not doubled.
  }];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def OnnxFreeLengths : Pass<"onnx-free-lengths", "::mlir::ModuleOp"> {
  let summary = "Give batch and length of a traced graph another value, or none";
  let description = [{
    `dims=INPUT:AXIS=NAME` makes an extent of an input a symbol, `=NUMBER` fixes
    it. An axis that is static must be the batch or the sequence by the axis
    analysis; all inputs that have it follow. Constants that hold the traced
    size are rewritten: targets of Reshape and Expand, ends of Slice, amounts of
    Pad, constants that repeat one value, tables of positions. The node that
    still fixes it is reported: a mask of the traced length, a token read by its
    number. What goes on in the same way by assumption only is listed in the
    attribute `ssmc.lengths` of the module: tables, and every number that reads
    as the traced size but stays, which is warned about.
  }];
  let options = [
    ListOption<"dims", "dims", "std::string", "INPUT:AXIS=NAME|NUMBER">
  ];
  let dependentDialects = [
    "::mlir::onnx::OnnxDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // SSMC_FOLD_PASSES_TD
