//===- Signature.h - what a model takes and gives ---------------*- C++ -*-===//
//
// The signature of each entry, read from the module attribute `ssm.entries`
// that code generation leaves (see lib/Codegen/Codegen.h).
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace ssmc {

struct Dimension {
  std::string text;    // "24", "batch", "past + seq"
  int32_t symbol = -1; // index of the symbol that it is, or -1
  int64_t extent = -1; // where it is a constant
};

struct ValueSignature {
  std::string name;
  int32_t dtype = 0;
  std::vector<Dimension> dims;

  /// Bytes where every extent is a constant, -1 otherwise.
  int64_t getStaticBytes() const;
};

/// A state: which input takes it, which output gives it.
struct StateSignature {
  std::string name;
  int32_t input = 0, output = 0;
  double initial = 0;
  bool inPlace = false;
  /// The bytes of a row before the first token; empty: `initial` everywhere.
  std::string initialRow;
};

struct EntrySignature {
  std::string name;
  std::vector<std::string> symbols;
  std::vector<ValueSignature> inputs, outputs;
  std::vector<StateSignature> states; // equal for all entries that have some
};

/// The first entry with states, or null.
const EntrySignature *findStates(llvm::ArrayRef<EntrySignature> entries);

/// Fails with a diagnostic where a signature cannot be part of the interface:
/// more than SSMRT_MAX_RANK dimensions, an unknown element type, or a symbol
/// that no input's extent gives.
mlir::FailureOr<std::vector<EntrySignature>>
readSignatures(mlir::ModuleOp module);

/// `expr` with names in place of symbols: "past + seq", "2*L", "24".
std::string formatExtent(mlir::AffineExpr expr,
                         llvm::ArrayRef<std::string> symbols);

} // namespace ssmc
