//===- OnnxOps.td - ops of the onnx dialect -------------------*- tablegen -*-===//

#ifndef ONNX_OPS_TD
#define ONNX_OPS_TD

include "dialects/onnx/OnnxDialect.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Onnx_Op<string mnemonic, list<Trait> traits = []>
    : Op<Onnx_Dialect, mnemonic, traits>;

def Onnx_Value : AnyTypeOf<[AnyTensor, NoneType, Onnx_UnknownType]>;

def Onnx_NodeOp : Onnx_Op<"node", [Pure]> {
  let summary = "one node of an ONNX graph";
  let description = [{
    `domain` is empty for the standard operators (`ai.onnx`). `version` is the
    operator set of that domain under which the node was written. An optional
    input that is left out is a value of `onnx.none`. Subgraphs are regions;
    their values may use those of the enclosing graph. The ONNX attributes are
    in `attrs`; graph-valued ones are named in `attrs` by their region number.

    Example:
    ```mlir
    %c = onnx.node "Concat"(%a, %b) version 20 {axis = 1 : i64}
       : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<2x7xf32>
    ```
  }];
  let arguments = (ins Variadic<Onnx_Value>:$inputs, StrAttr:$op_type,
                       DefaultValuedStrAttr<StrAttr, "">:$domain,
                       DefaultValuedAttr<I64Attr, "1">:$version,
                       DefaultValuedAttr<DictionaryAttr, "{}">:$attrs);
  let results = (outs Variadic<Onnx_Value>:$outputs);
  let regions = (region VariadicRegion<AnyRegion>:$subgraphs);
  let assemblyFormat = [{
    $op_type `(` $inputs `)` (`domain` $domain^)? (`version` $version^)? (`attrs` $attrs^)?
    attr-dict-with-keyword ($subgraphs^)? `:` functional-type($inputs, $outputs)
  }];
  let extraClassDeclaration = [{
    /// True if input `i` exists and is not an `onnx.none`.
    bool hasInput(unsigned i);
    /// ONNX attributes by name; the default where the node does not have one.
    /// An attribute of another type also reads as the default: the importer
    /// has checked the types of known operators' attributes.
    int64_t getInt(::llvm::StringRef name, int64_t otherwise);
    double getFloat(::llvm::StringRef name, double otherwise);
    ::llvm::StringRef getString(::llvm::StringRef name, ::llvm::StringRef otherwise);
    /// Nothing where the attribute is absent.
    std::optional<::llvm::SmallVector<int64_t>> getInts(::llvm::StringRef name);
    /// `domain.op_type`, or `op_type` in the standard domain; for messages.
    std::string getQualifiedName();
  }];
  let hasCanonicalizer = 0;
}

def Onnx_ConstantOp : Onnx_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a tensor known at compile time";
  let description = [{
    Small values are `dense<...>`. Initialisers of more than
    `onnx::kInlineBytes` bytes are `dense_resource<...>` whose bytes stay in
    the mapped model file.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyTensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Onnx_NoneOp : Onnx_Op<"none", [Pure]> {
  let summary = "an optional input that is left out";
  let results = (outs NoneType:$result);
  let assemblyFormat = "attr-dict";
}

def Onnx_SymbolOp : Onnx_Op<"symbol", [Pure]> {
  let summary = "the run-time value of a named dimension";
  let arguments = (ins StrAttr:$name);
  let results = (outs Index:$result);
  let assemblyFormat = "$name attr-dict";
}

def Onnx_YieldOp : Onnx_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "ends a subgraph";
  let arguments = (ins Variadic<Onnx_Value>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // ONNX_OPS_TD
