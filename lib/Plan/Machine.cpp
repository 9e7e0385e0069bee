//===- Machine.cpp - what a processor does in a cycle ---------------------===//

#include "lib/Plan/Machine.h"

using namespace ssmc;

Machine Machine::of(const CpuTarget &target, unsigned threads) {
  Machine machine;
  machine.threads = threads;
  machine.lanes = target.lanes;
  // One instruction of 512 bits, or two of 256 or 128.
  machine.macsPerCycle = target.lanes * (target.avx512 ? 1 : 2);
  if (!target.fma)
    machine.macsPerCycle /= 2;
  return machine;
}
