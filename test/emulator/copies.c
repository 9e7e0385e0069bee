/*===- copies.c - what is copied while threads go on -----------------------===*
 *
 * A copy is done as late as PTX allows: when a thread waits for it. Who reads
 * what he has not waited for finds what was there before. Or it is done at once
 * (SSMC_EMULATOR_COPIES=early): who copies to what others still read is seen.
 *===----------------------------------------------------------------------===*/

#include "launch.h"
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

struct copy {
  copy *next;
  int is_tile, is_done, line;
  uint32_t group; /* 0: not committed */
  /* Of bytes: */
  char *to;
  const char *from;
  uint32_t bytes, valid;
  /* Of a tile: */
  const tensor_map *map;
  int32_t at[5];
  uint64_t shared, mbarrier;
  int adds;
};

static copy *append(copy **list, copy value) {
  while (*list)
    list = &(*list)->next;
  *list = malloc(sizeof(copy));
  **list = value;
  return *list;
}

void drop_copies(copy **list) {
  while (*list) {
    copy *next = (*list)->next;
    free(*list);
    *list = next;
  }
}

/*===- Tiles ------------------------------------------------------------===*/

enum { kIn, kOut, kAdd };

static void move_element(uint16_t *shared, uint16_t *global, int how,
                         int is_bf16) {
  if (how == kIn)
    *shared = global ? *global : 0;
  else if (global && how == kOut)
    *global = *shared;
  else if (global) {
    float sum = number16(*global, is_bf16) + number16(*shared, is_bf16);
    *global = is_bf16 ? bitsbf16(sum) : bits16(sum);
  }
}

/* Element by element; those outside of the tensor are zero, or stay. */
static void move_tile(const copy *tile, int how) {
  const tensor_map *map = tile->map;
  uint32_t total = 1, span = map->swizzle == 3   ? 7
                             : map->swizzle == 2 ? 3
                                                 : map->swizzle;
  for (uint32_t d = 0; d < map->rank; ++d)
    total *= map->box[d];
  for (uint32_t i = 0; i < total; ++i) {
    uint64_t offset = (uint64_t)(uintptr_t)map->data,
             shared = tile->shared + 2 * i;
    int is_inside = 1;
    for (uint32_t d = 0, rest = i; d < map->rank; rest /= map->box[d++]) {
      int64_t at = tile->at[d] + (int64_t)(rest % map->box[d]);
      is_inside &= at >= 0 && at < (int64_t)map->extents[d];
      offset += (uint64_t)at * map->strides[d];
    }
    shared ^= (shared >> 7 & span) << 4;
    move_element(shared_at(shared, 2, tile->line),
                 is_inside ? global_at(offset, 2, tile->line) : NULL, how,
                 map->is_bf16);
  }
}

static uint32_t tile_bytes(const tensor_map *map) {
  uint32_t bytes = 2;
  for (uint32_t d = 0; d < map->rank; ++d)
    bytes *= map->box[d];
  return bytes;
}

static copy new_tile(uint64_t map, const int32_t *at, int rank, uint64_t shared,
                     int line) {
  copy tile = {.is_tile = 1,
               .map = (const tensor_map *)(uintptr_t)map,
               .shared = shared,
               .line = line};
  if ((uint32_t)rank != tile.map->rank)
    fault(line, "a tile of %d dimensions of a tensor of %u", rank,
          tile.map->rank);
  if (shared % 128 != 0)
    fault(line,
          "a tile at shared address %llu, which is not aligned to 128 bytes",
          (unsigned long long)shared);
  memcpy(tile.at, at, (size_t)rank * sizeof(*at));
  return tile;
}

/*===- Groups of copies -------------------------------------------------===*/

static void finish_copy(const copy *at) {
  if (at->is_tile)
    move_tile(at, at->adds ? kAdd : kOut);
  else {
    memset(at->to, 0, at->bytes);
    memcpy(at->to, at->from, at->valid);
  }
}

static void begin(copy what) {
  copy *kept = append(&self->copies, what);
  if (copies_are_early) {
    finish_copy(kept);
    kept->is_done = 1;
  }
}

void begin_copy(uint64_t shared, uint64_t global, uint32_t bytes,
                uint32_t valid, int line) {
  if (valid > bytes)
    fault(line, "%u of %u bytes are copied", valid, bytes);
  if (global % bytes != 0)
    slow_address(global, bytes, "global", line);
  for (uint32_t i = 0; i < valid; ++i)
    global_at(global + i, 1, line);
  begin((copy){.to = shared_at(shared, bytes, line),
               .from = (const char *)(uintptr_t)global,
               .bytes = bytes,
               .valid = valid,
               .line = line});
}

void tile_out(uint64_t map, const int32_t *at, int rank, uint64_t shared,
              int adds, int line) {
  copy tile = new_tile(map, at, rank, shared, line);
  tile.adds = adds;
  begin(tile);
}

void commit_copies(int are_tiles) {
  ++self->committed[are_tiles];
  for (copy *at = self->copies; at; at = at->next)
    if (at->is_tile == are_tiles && at->group == 0)
      at->group = self->committed[are_tiles];
}

static void finish_copies(thread *of, int are_tiles, uint32_t last) {
  for (copy **list = &of->copies; *list;) {
    copy *at = *list;
    if (at->is_tile != are_tiles || at->group == 0 || at->group > last) {
      list = &at->next;
      continue;
    }
    if (!at->is_done)
      finish_copy(at);
    *list = at->next;
    free(at);
  }
}

void wait_copies(uint32_t pending, int are_tiles, int line) {
  (void)line;
  if (self->committed[are_tiles] > pending)
    finish_copies(self, are_tiles, self->committed[are_tiles] - pending);
}

void end_copies(thread *of) {
  commit_copies(0);
  finish_copies(of, 0, of->committed[0]);
  if (of->copies)
    fault(of->copies->line, "the thread ends before its tile is read");
}

/*===- Barriers in memory -----------------------------------------------===*/

typedef struct mbarrier {
  uint64_t phase : 1, pending : 20, expected : 20;
  int64_t bytes : 23; /* that are expected and have not come */
} mbarrier;
_Static_assert(sizeof(mbarrier) == 8, "as large as PTX has it");

static mbarrier *mbarrier_at(uint64_t at, int line) {
  return shared_at(at, sizeof(mbarrier), line);
}

void init_mbarrier(uint64_t at, uint32_t count, int line) {
  *mbarrier_at(at, line) = (mbarrier){.pending = count, .expected = count};
}

static void end_phase(mbarrier *at) {
  if (at->pending == 0)
    ++here->phases; /* who waits looks again, for the bytes may be on their way
                     */
  if (at->pending > 0 || at->bytes != 0)
    return;
  at->phase ^= 1;
  at->pending = at->expected;
}

uint64_t arrive_mbarrier(uint64_t address, uint32_t bytes, int line) {
  mbarrier *at = mbarrier_at(address, line);
  if (at->pending == 0)
    fault(line, "more threads arrive at an mbarrier than it expects (%u)",
          (unsigned)at->expected);
  at->bytes += bytes;
  --at->pending;
  end_phase(at);
  return 0;
}

static void finish_tiles(uint64_t address, mbarrier *of) {
  for (copy **list = &here->tiles; *list;) {
    copy *at = *list;
    if (at->mbarrier != address) {
      list = &at->next;
      continue;
    }
    move_tile(at, kIn);
    of->bytes -= tile_bytes(at->map);
    *list = at->next;
    free(at);
  }
  end_phase(of);
}

void tile_in(uint64_t shared, uint64_t map, const int32_t *at, int rank,
             uint64_t mbarrier, int line) {
  copy tile = new_tile(map, at, rank, shared, line);
  tile.mbarrier = mbarrier;
  append(&here->tiles, tile);
  if (copies_are_early)
    finish_tiles(mbarrier, mbarrier_at(mbarrier, line));
}

int wait_mbarrier(uint64_t address, uint32_t parity, int line) {
  mbarrier *at = mbarrier_at(address, line);
  while (at->phase == parity) {
    if (at->pending == 0)
      finish_tiles(address, at);
    if (at->phase == parity)
      wait_while(&here->phases, here->phases);
  }
  return 1;
}
