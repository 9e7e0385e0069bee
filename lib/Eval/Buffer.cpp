//===- Buffer.cpp - memory for the elements of tensors --------------------===//

#include "lib/Eval/Buffer.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

#include <mutex>

using namespace ssmc;

namespace {
/// Smaller blocks come from the heap, which keeps them itself.
constexpr size_t kLarge = size_t(1) << 16;
constexpr size_t kMostKept = size_t(1) << 29;

struct Blocks {
  std::mutex mutex;
  llvm::DenseMap<size_t, llvm::SmallVector<void *>> bySize;
  size_t kept = 0;

  void clear() {
    for (auto &[size, blocks] : bySize)
      for (void *block : blocks)
        ::operator delete(block);
    bySize.clear();
    kept = 0;
  }
};
} // namespace

/// Never destroyed: tensors may be longer-lived than any other static object.
static Blocks &getBlocks() {
  static Blocks &blocks = *new Blocks;
  return blocks;
}

/// An eighth of a power of two: tensors of nearly one size share blocks.
static size_t roundUp(size_t bytes) {
  return llvm::alignTo(bytes, llvm::bit_floor(bytes) / 8);
}

void *ssmc::takeBlock(size_t bytes) {
  if (bytes < kLarge)
    return ::operator new(bytes);
  bytes = roundUp(bytes);
  Blocks &blocks = getBlocks();
  {
    std::lock_guard<std::mutex> lock(blocks.mutex);
    auto found = blocks.bySize.find(bytes);
    if (found != blocks.bySize.end() && !found->second.empty()) {
      blocks.kept -= bytes;
      return found->second.pop_back_val();
    }
  }
  return ::operator new(bytes);
}

void ssmc::giveBlock(void *block, size_t bytes) {
  if (bytes < kLarge)
    return ::operator delete(block);
  bytes = roundUp(bytes);
  Blocks &blocks = getBlocks();
  std::lock_guard<std::mutex> lock(blocks.mutex);
  // Many blocks of many sizes: the next tensors are others than the last.
  if (blocks.kept + bytes > kMostKept)
    blocks.clear();
  if (bytes > kMostKept)
    return ::operator delete(block);
  blocks.bySize[bytes].push_back(block);
  blocks.kept += bytes;
}

void ssmc::releaseBlocks() {
  Blocks &blocks = getBlocks();
  std::lock_guard<std::mutex> lock(blocks.mutex);
  blocks.clear();
}
