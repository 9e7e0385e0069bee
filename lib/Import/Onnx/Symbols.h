//===- Symbols.h - names of dimensions ---------------------------*- C++
//-*-===//
//
// The symbol table of a module: entry `i` names AffineExpr symbol `i`. A
// dimension's name in a file is one of
//
//   seq                     a symbol
//   24                      a number (some exporters write numbers as names)
//   past_seq_len + seq      an affine expression over names that occur by
//                           themselves elsewhere; otherwise, or where it is not
//                           affine, the whole text is one symbol
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace ssmc {

class Symbols {
public:
  explicit Symbols(mlir::MLIRContext *context) : context(context) {}

  /// The symbol of this name, new if there is none.
  mlir::AffineExpr get(llvm::StringRef name);
  /// A new symbol whose name begins with `hint`.
  mlir::AffineExpr fresh(llvm::StringRef hint);
  /// Says that `text` occurs as a dimension; to be called for all dimensions
  /// before any is parsed.
  void note(llvm::StringRef text);
  /// The extent that a dimension's name stands for. Null where it is a negative
  /// number.
  mlir::AffineExpr parse(llvm::StringRef text);

  llvm::ArrayRef<mlir::Attribute> getNames() const { return names; }

private:
  mlir::MLIRContext *context;
  llvm::SmallVector<mlir::Attribute> names;
  llvm::StringMap<unsigned> positions;
  llvm::StringSet<> noted;
};

} // namespace ssmc
