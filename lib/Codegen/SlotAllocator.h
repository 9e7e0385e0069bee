//===- SlotAllocator.h - which buffers may share memory ---------*- C++ -*-===//
//
// Buffers have lifetimes on a line (the ops of an entry, in order) and an
// estimated size. Two buffers share a slot only if their lifetimes are
// disjoint. Greedy in the order of birth: the smallest free slot that is large
// enough, else the largest free slot, which grows, else a new slot. The result
// is correct whatever the estimates are.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace ssmc {

struct Lifetime {
  unsigned begin, end; // both inclusive
  int64_t size;        // estimate, in bytes
};

/// Slot number of each buffer; slots count from 0.
llvm::SmallVector<unsigned> assignSlots(llvm::ArrayRef<Lifetime> buffers);

} // namespace ssmc
