/*===- memory.c - memory of the emulated device ----------------------------===*
 *
 * One range of addresses, and a table that says of every granule where what it
 * belongs to ends: kernels look there at each access (device.h). Between two
 * pieces of memory is a granule that belongs to none.
 *===----------------------------------------------------------------------===*/

#include "memory.h"
#include "device.h"

#include <string.h>
#include <sys/mman.h>

enum { kMostPieces = 1 << 16 };
#define RESERVED ((uint64_t)8 << 30)

char *heap;
uint64_t heap_bytes;
uint64_t *heap_ends;

/* In the order of addresses. */
static struct piece { uint64_t begin, end; } pieces[kMostPieces];
static int num_pieces;

static void *reserve(uint64_t bytes) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

static int prepare(void) {
  if (!heap && (heap = reserve(RESERVED)) &&
      (heap_ends = reserve(RESERVED / kGranule * sizeof(*heap_ends))))
    heap_bytes = RESERVED;
  return heap_bytes > 0;
}

static void mark(const struct piece *piece, uint64_t end) {
  uint64_t base = (uint64_t)(uintptr_t)heap;
  for (uint64_t g = (piece->begin - base) / kGranule;
       g <= (piece->end - 1 - base) / kGranule; ++g)
    heap_ends[g] = end;
}

uint64_t take_memory(size_t bytes) {
  if (!prepare() || num_pieces == kMostPieces)
    return 0;
  uint64_t at = (uint64_t)(uintptr_t)heap + kGranule;
  uint64_t size = (bytes + kGranule) / kGranule * kGranule + kGranule;
  int i = 0;
  for (; i < num_pieces && pieces[i].begin < at + size; ++i)
    at = (pieces[i].end + 2 * kGranule - 1) / kGranule * kGranule;
  if (size > heap_bytes || at + size > (uint64_t)(uintptr_t)heap + heap_bytes)
    return 0;
  memmove(pieces + i + 1, pieces + i,
          (size_t)(num_pieces - i) * sizeof(*pieces));
  ++num_pieces;
  pieces[i] = (struct piece){at, at + (bytes ? bytes : 1)};
  mark(&pieces[i], pieces[i].end);
  memset((void *)(uintptr_t)at, 0xff, bytes);
  return at;
}

int give_memory(uint64_t at) {
  for (int i = 0; i < num_pieces; ++i) {
    if (pieces[i].begin != at)
      continue;
    mark(&pieces[i], 0);
    memmove(pieces + i, pieces + i + 1,
            (size_t)(--num_pieces - i) * sizeof(*pieces));
    return 1;
  }
  return 0;
}

int is_device_memory(uint64_t at, size_t bytes) {
  uint64_t offset = at - (uint64_t)(uintptr_t)heap;
  return offset < heap_bytes && at + bytes <= heap_ends[offset / kGranule];
}
