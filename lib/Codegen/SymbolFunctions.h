//===- SymbolFunctions.h - sizes that depend on symbols alone ---*- C++ -*-===//

#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

namespace ssmc {

/// Values of an entry that are functions of the symbols: can they be computed
/// anywhere, and about how large are they?
class SymbolFunctions {
public:
  /// `symbols` is the entry's argument.
  explicit SymbolFunctions(mlir::Value symbols) : symbols(symbols) {}

  bool contains(mlir::Value value);

  /// The value where every symbol is 256: to compare sizes, never to use them.
  int64_t estimate(mlir::Value value);

  /// Repeats the computation of `value` at the builder; what is in `mapping`
  /// already is not repeated.
  static mlir::Value clone(mlir::OpBuilder &builder, mlir::Value value,
                           mlir::IRMapping &mapping);

  /// A function of the symbols, at the builder, that a size is never above;
  /// null where none is found.
  mlir::Value bound(mlir::OpBuilder &builder, mlir::Value size,
                    mlir::IRMapping &mapping);

private:
  mlir::Value least(mlir::OpBuilder &builder, mlir::Value value,
                    mlir::IRMapping &mapping);
  mlir::Value boundOf(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::AffineMap map, mlir::ValueRange operands,
                      mlir::IRMapping &mapping);

  mlir::Value symbols;
  llvm::DenseMap<mlir::Operation *, bool> known;
  llvm::DenseMap<mlir::Value, int64_t> estimates;
};

} // namespace ssmc
