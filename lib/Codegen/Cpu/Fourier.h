//===- Fourier.h - transforms whose lanes are channels ----------*- C++ -*-===//
//
// A polynomial modulo z^n - i is divided into halves of the ring over and over:
//
//     a + b z^m   modulo z^2m - w^2   is   a + w b modulo z^m - w
//                                     and  a - w b modulo z^m + w
//
// down to n numbers, where products of polynomials are products of numbers.
// Modulo z^n - i, a product of real polynomials has its first n coefficients as
// real parts and the next n as imaginary parts: nothing is padded. Halves stay
// where they are, so numbers come in the order of the divisions and go back
// from it; and one root serves a whole block, so lanes, which are channels,
// share it.
//
// A transform goes through memory as n / 64 x 64: first the columns, of which
// one lies in a scratch, then rows of 64.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

/// Divisions of 2^bits parts each, the coarsest first.
using Divisions = llvm::SmallVector<unsigned, 4>;

class Fourier {
public:
  using Value = mlir::Value;
  using Load = llvm::function_ref<ComplexLanes(Value position)>;
  using Store = llvm::function_ref<void(Value position, ComplexLanes)>;
  static constexpr int64_t row = 64;

  /// `size` is a power of two from 128 on.
  Fourier(KernelBuilder &b, int64_t size);

  int64_t getColumn() const { return size / row; }
  /// Vectors that a column needs as scratch; none, as it fits registers.
  int64_t getScratchRows() const {
    return columns.size() > 1 ? getColumn() : 0;
  }
  /// Points the transforms at the roots, which the module has once; in the body
  /// of the loop that uses them.
  void takeRoots(mlir::ModuleOp module);

  /// Divides a column of n / 64, or puts it together. In between it lies where
  /// `load` and `store` of the scratch say.
  void divideColumn(Load from, Store to, Load again, Store between);
  void joinColumn(Load from, Store to, Load again, Store between);
  /// The same of row `index` of 64, in place.
  void divideRow(Value index, Load load, Store store);
  void joinRow(Value index, Load load, Store store);

private:
  struct Line {
    llvm::ArrayRef<unsigned> divisions;
    int64_t length;
    int64_t firstRoot; // of the coarsest division
    Value index;       // of the line
  };
  void walk(const Line &line, bool isForward, Load from, Store to, Load again,
            Store between);
  void divide(const Line &line, unsigned level, bool isForward, Load load,
              Store store);
  llvm::SmallVector<ComplexLanes> loadRoots(Value entry, unsigned bits);

  KernelBuilder &b;
  int64_t size;
  Divisions columns, rows;
  Value roots;
};

} // namespace ssmc
