//===- OnnxDialect.td - the onnx dialect: an imported graph ---*- tablegen -*-===//

#ifndef ONNX_DIALECT_TD
#define ONNX_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::mlir::onnx";
  let summary = "An ONNX graph as it was read, before it is given meaning";
  let description = [{
    One generic op stands for every ONNX operator: `onnx.node "MatMul"`. What
    an operator means (versions, shapes, value, lowering) is not part of the
    dialect; it stands in the operator table of the compiler (`lib/Operators`).

    A graph is a `func.func`. Its arguments and results carry their ONNX names
    as `onnx.name`. Dimensions have names: a tensor type whose extents are not
    all static has an encoding `#onnx.dims`, one affine expression per
    dimension over the symbols of the module. Encodings are erased when the
    graph is lowered.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::tensor::TensorDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

class Onnx_Type<string name, string typeMnemonic> : TypeDef<Onnx_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Onnx_UnknownType : Onnx_Type<"Unknown", "unknown"> {
  let summary = "a value whose element type or shape has not been inferred yet";
}

class Onnx_Attr<string name, string attrMnemonic> : AttrDef<Onnx_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Onnx_DimsAttr : Onnx_Attr<"Dims", "dims"> {
  let summary = "the extents of a tensor as expressions over named symbols";
  let description = [{
    `#onnx.dims<["batch", "seq"], affine_map<()[s0, s1] -> (s0, s1 + 1, 64)>>`
    is the encoding of a `tensor<?x?x64xf32>`: one expression per dimension.
    The names are those of the module's symbol table (attribute `onnx.symbols`
    of the module), cut after the last one used, so equal extents have equal
    expressions everywhere in a module.
  }];
  let parameters = (ins "::mlir::ArrayAttr":$symbols, "::mlir::AffineMapAttr":$map);
  let assemblyFormat = "`<` $symbols `,` $map `>`";
}

def Onnx_AttrRefAttr : Onnx_Attr<"AttrRef", "attr_ref"> {
  let summary = "an attribute of the enclosing model-local function, by name";
  let parameters = (ins "::mlir::StringAttr":$name);
  let assemblyFormat = "`<` $name `>`";
}

#endif // ONNX_DIALECT_TD
