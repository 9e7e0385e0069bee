//===- Buffer.h - memory for the elements of tensors ------------*- C++ -*-===//
//
// A region is evaluated many times, and every time takes and gives back the
// same large blocks. Fresh ones from the system are cleared page by page as
// they are touched, which costs more than most operators do; so large blocks
// are kept for the next tensor of their size, as long as they are not many.
//
//===----------------------------------------------------------------------===//

#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace ssmc {

void *takeBlock(size_t bytes);
void giveBlock(void *block, size_t bytes);
/// Gives what is kept back to the system.
void releaseBlocks();

/// Elements are not initialised unless a value is given for them.
template <typename T>
struct BufferAllocator {
  using value_type = T;
  BufferAllocator() = default;
  template <typename U>
  BufferAllocator(const BufferAllocator<U> &) {}

  T *allocate(size_t count) {
    return static_cast<T *>(takeBlock(count * sizeof(T)));
  }
  void deallocate(T *block, size_t count) {
    giveBlock(block, count * sizeof(T));
  }
  template <typename U>
  void construct(U *at) {
    ::new (static_cast<void *>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U *at, Args &&...args) {
    ::new (static_cast<void *>(at)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const BufferAllocator &, const BufferAllocator &) {
    return true;
  }
  friend bool operator!=(const BufferAllocator &, const BufferAllocator &) {
    return false;
  }
};

template <typename T>
using Buffer = std::vector<T, BufferAllocator<T>>;

} // namespace ssmc
