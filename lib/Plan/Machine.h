//===- Machine.h - what a processor does in a cycle -------------*- C++ -*-===//
//
// The numbers that costs are weighed with. They are rates of one thread, of the
// kind that benchmarks/cpu measures: of bare loops, not of data sheets. They
// need to be right as far as they order strategies that differ by factors.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/CpuTarget.h"

namespace ssmc {

struct Machine {
  /// Lanes of a vector of f32.
  double lanes = 4;
  /// Multiply-adds of f32.
  double macsPerCycle = 4;
  /// An exponential, in multiply-adds: range reduction, polynomial, scaling.
  double macsPerExp = 9;
  /// What a core gets of the memory's bandwidth, and what loops that each do
  /// little to what lies in the caches get of theirs.
  double bytesPerCycle = 3;
  double cachedBytesPerCycle = 8;
  /// Cycles from one multiply-add to one that needs its result.
  double latency = 4;
  /// Threads that a run may use, cycles until they have begun with a loop, and
  /// operations of a loop from which on they do (ParallelToRuntime).
  double threads = 1;
  double cyclesToStart = 5000;
  double opsOfPart = 1 << 15;
  /// Cycles of a linalg op as loops beside what it computes.
  double cyclesOfOp = 100;

  static Machine of(const CpuTarget &target, unsigned threads);
};

} // namespace ssmc
