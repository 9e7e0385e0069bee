/*===- device.h - what a kernel sees of the emulated device ----------------===*
 *
 * A kernel is a C function that runs one thread (translate.py makes it of PTX).
 * The threads of a block are coroutines, which change where PTX lets a thread
 * wait. `self` is the one that runs.
 *===----------------------------------------------------------------------===*/

#ifndef SSMC_EMULATOR_DEVICE_H
#define SSMC_EMULATOR_DEVICE_H

#include <stddef.h>
#include <stdint.h>

enum { kWarp = 32, kBarriers = 16, kGranule = 256 };
/* Where generic addresses of shared memory begin. */
#define SHARED_WINDOW ((uint64_t)1 << 60)

/* Where threads wait for each other; the last to come does what they came for
 * and lets all go. */
typedef struct meeting {
  uint32_t arrived, generation;
  uint32_t expected; /* 0: all that are left */
  void (*finish)(void);
} meeting;

/* What lanes hand to each other. */
typedef struct lane {
  uint64_t address;
  uint32_t words[4], more[2], sums[4], results[4];
  int from;
} lane;

typedef struct warp {
  meeting meets;
  lane lanes[kWarp];
} warp;

/* A product of four warps, as all threads ask for it. */
typedef struct product {
  uint64_t left, right; /* descriptors */
  int columns, is_bf16, left_transposed, right_transposed, line;
  int left_described;
} product;

/* Of a warp. */
typedef struct quarter {
  meeting meets;
  product asked;
  uint32_t left[kWarp][4];
  float sums[kWarp][128];
} quarter;

typedef struct copy copy;

typedef struct thread {
  void *stack, *top;
  uint32_t tid[3], number;
  const uint32_t *waits_for; /* until it is no longer `seen` */
  uint32_t seen;
  int polls, is_done;
  copy *copies;          /* that it began and has not waited for */
  uint32_t committed[2]; /* groups of bytes, and of tiles */
} thread;

typedef struct block {
  uint32_t id[3];
  char *shared;
  thread *threads;
  warp *warps;
  quarter *quarters;
  meeting barriers[kBarriers];
  uint32_t left;
  uint32_t phases; /* of its mbarriers, counted together */
  copy *tiles;     /* under way to its shared memory */
} block;

typedef struct kernel {
  const char *name;
  void (*run)(const char *parameters);
  const uint32_t *parameters; /* offset and bytes of each */
  uint32_t num_parameters, parameter_bytes, shared_bytes, most_threads;
  int exactly; /* so many threads */
} kernel;

extern thread *self;
extern block *here;
extern uint32_t grid_size[3], block_size[3], shared_size;
extern char *heap;          /* of the device */
extern uint64_t heap_bytes; /* reserved */
extern uint64_t *heap_ends; /* of what a granule belongs to */

/* Ends the launch: `what` is wrong at a line of the PTX. */
__attribute__((noreturn, format(printf, 2, 3))) void
fault(int line, const char *what, ...);

void meet(meeting *at, uint32_t expected, void (*finish)(void), int line);
void wait_while(const uint32_t *place, uint32_t is);
void poll_later(void); /* other threads and blocks run first */

/*===- Memory -----------------------------------------------------------===*/

void *slow_address(uint64_t at, uint64_t bytes, const char *space, int line);

static inline void *shared_at(uint64_t at, uint64_t bytes, int line) {
  if (at % bytes == 0 && at + bytes <= shared_size)
    return here->shared + at;
  return slow_address(at, bytes, "shared", line);
}
static inline void *global_at(uint64_t at, uint64_t bytes, int line) {
  uint64_t offset = at - (uint64_t)(uintptr_t)heap;
  if (offset < heap_bytes && at % bytes == 0 &&
      at + bytes <= heap_ends[offset / kGranule])
    return (void *)(uintptr_t)at;
  return slow_address(at, bytes, "global", line);
}
/* Of a thread alone: its stack and its parameters. */
static inline void *local_at(uint64_t at, uint64_t bytes, int line) {
  (void)bytes, (void)line;
  return (void *)(uintptr_t)at;
}
static inline void *generic_at(uint64_t at, uint64_t bytes, int line) {
  if (at >= SHARED_WINDOW)
    return shared_at(at - SHARED_WINDOW, bytes, line);
  if (at - (uint64_t)(uintptr_t)heap < heap_bytes)
    return global_at(at, bytes, line);
  return local_at(at, bytes, line);
}

/*===- Threads together -------------------------------------------------===*/

void barrier(uint32_t id, uint32_t threads, int waits, int line);
void sync_warp(uint32_t mask, int line);
uint32_t shuffle(char kind, uint32_t value, uint32_t by, uint32_t clamp,
                 uint32_t mask, int line);
uint32_t vote(uint32_t mask, int is_set, int line);
void load_matrices(uint32_t *words, int count, int transposed, uint64_t row,
                   int line);
void store_matrices(const uint32_t *words, int count, int transposed,
                    uint64_t row, int line);
/* 16 x 8 sums of 16 products each. */
void multiply_warp(uint32_t *sums, const uint32_t *left, const uint32_t *right,
                   const uint32_t *start, int is_bf16, int line);
/* 64 x `columns` sums of 16 products each; the left operand in registers or
 * described. */
void multiply_group(uint32_t *sums, int columns, int is_bf16,
                    const uint32_t *left, uint64_t left_descriptor,
                    uint64_t right_descriptor, int adds, int left_transposed,
                    int right_transposed, int line);

/*===- Copies that are waited for ---------------------------------------===*/

void begin_copy(uint64_t shared, uint64_t global, uint32_t bytes,
                uint32_t valid, int line);
void commit_copies(int are_tiles);
void wait_copies(uint32_t pending, int are_tiles, int line);

void init_mbarrier(uint64_t at, uint32_t count, int line);
uint64_t arrive_mbarrier(uint64_t at, uint32_t bytes, int line);
int wait_mbarrier(uint64_t at, uint32_t parity, int line);
void tile_in(uint64_t shared, uint64_t map, const int32_t *at, int rank,
             uint64_t mbarrier, int line);
void tile_out(uint64_t map, const int32_t *at, int rank, uint64_t shared,
              int adds, int line);

#endif /* SSMC_EMULATOR_DEVICE_H */
