//===- Work.h - what a strategy of a mixer has to do ------------*- C++ -*-===//
//
// Counted from the equations, not measured: multiply-adds, exponentials, bytes
// that leave or enter the caches or go through them, and the longest chain of
// operations that wait for each other. Who does it, a kernel or loops over
// linalg ops, decides what share of the processor's rate is reached.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmStrategy.h"
#include "lib/Plan/Extents.h"
#include "lib/Plan/Machine.h"

namespace ssmc {

struct Work {
  double macs = 0;
  double exps = 0;
  /// Operands and results, each once.
  double bytes = 0;
  /// What is written for a later step or op and read again.
  double cachedBytes = 0;
  /// Multiply-adds of which each needs the one before.
  double chain = 0;
  /// Ops that run one after the other, where loops over linalg ops do it.
  double ops = 0;
  /// Extent of the innermost loop of products of matrices as loops.
  double columns = HUGE_VAL;
  /// Parts that threads can do at once, and loops over such.
  double parts = 1;
  double loops = 1;
};

/// Whether the processor's target computes an op by a strategy itself.
bool hasKernel(mlir::Operation *op, mlir::ssm::Strategy strategy);

/// What an op costs by a strategy. `chunk` is 0 where the strategy has none or
/// a kernel has its own.
Work countWork(mlir::Operation *op, mlir::ssm::Strategy strategy, int64_t chunk,
               const Extents &extents, const Machine &machine);

/// Cycles until it is done: whatever takes longest of arithmetic, memory and
/// the chain, as far as threads divide it.
double estimateCycles(const Work &work, mlir::Operation *op,
                      mlir::ssm::Strategy strategy, const Machine &machine);

} // namespace ssmc
