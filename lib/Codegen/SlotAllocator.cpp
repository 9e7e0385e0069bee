//===- SlotAllocator.cpp - which buffers may share memory -----------------===//

#include "lib/Codegen/SlotAllocator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"

llvm::SmallVector<unsigned>
ssmc::assignSlots(llvm::ArrayRef<Lifetime> buffers) {
  struct Slot {
    unsigned busyUntil;
    int64_t size;
  };
  llvm::SmallVector<Slot> slots;
  llvm::SmallVector<unsigned> result(buffers.size());
  auto order = llvm::to_vector(llvm::seq<unsigned>(0, buffers.size()));
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(buffers[a].begin, a) < std::pair(buffers[b].begin, b);
  });
  for (unsigned index : order) {
    const Lifetime &buffer = buffers[index];
    int best = -1;
    for (auto [i, slot] : llvm::enumerate(slots)) {
      if (slot.busyUntil >= buffer.begin)
        continue;
      if (best < 0) {
        best = i;
        continue;
      }
      int64_t held = slots[best].size;
      bool fits = slot.size >= buffer.size;
      if (fits ? (held < buffer.size || slot.size < held) : slot.size > held)
        best = i;
    }
    if (best < 0) {
      best = slots.size();
      slots.push_back({0, 0});
    }
    slots[best].busyUntil = buffer.end;
    slots[best].size = std::max(slots[best].size, buffer.size);
    result[index] = best;
  }
  return result;
}
