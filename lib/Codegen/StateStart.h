//===- StateStart.h - what a mixer's state begins with ----------*- C++ -*-===//
//
// A mixer continues its state in place, so what it begins with, zeros or the
// state of an earlier call, is stored there first, by a launch that writes what
// the next one reads. A kernel that is told can begin with it instead.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"

namespace ssmc {

struct StateStart {
  /// The op right in front of the mixer that stores the state; null where there
  /// is none.
  mlir::Operation *op = nullptr;
  /// What it copies, of the state's type; null where it stores zeros.
  mlir::Value source;
  bool isZero() const { return op && !source; }
  /// Where the state is read.
  mlir::Value bufferOr(mlir::Value state) const {
    return source ? source : state;
  }
};

/// In an entry: where the mixer may also read later what is copied, since it
/// writes nothing there. `written` is the other buffer that it writes.
StateStart findJoinableStart(mlir::Operation *mixer, mlir::Value state,
                             mlir::Value written);
/// Puts the two in a region, which becomes one kernel's function.
void joinStart(const StateStart &start, mlir::Operation *mixer);

/// In a kernel's function: what has been joined.
StateStart findJoinedStart(mlir::Operation *mixer, mlir::Value state);
/// Where a kernel that reads the state once, before it writes it, begins: with
/// what has been copied there, and the copy is erased; or with the state.
mlir::Value takeBegin(mlir::Operation *mixer, mlir::Value state);

} // namespace ssmc
