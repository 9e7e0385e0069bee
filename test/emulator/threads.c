/*===- threads.c - the threads of a launch ---------------------------------===*
 *
 * Blocks run one after the other, or side by side where they were launched
 * together. A warp goes as far as it can before a later one runs at all, from
 * the last to the first or, with SSMC_EMULATOR_ORDER=forward, from the first:
 * what is not ordered by a barrier is then seen in the wrong order, and
 * uninitialised shared memory holds no numbers.
 *===----------------------------------------------------------------------===*/

#include "launch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kLongestPoll = 200000 };

thread *self;
block *here;
uint32_t grid_size[3], block_size[3], shared_size;
int copies_are_early;

static jmp_buf failure;
static char message[512];
static const launch_request *running;
static uint32_t count; /* threads of a block */
static int is_reversed;
static uint64_t at_work; /* how often a thread did more than to poll */

/*===- Waiting ------------------------------------------------------------===*/

static void release(meeting *at) {
  if (at->finish)
    at->finish();
  at->arrived = 0;
  ++at->generation;
}

uint32_t lanes_left(uint32_t first, uint32_t lanes) {
  uint32_t left = 0;
  for (uint32_t t = first; t < first + lanes && t < count; ++t)
    left += !here->threads[t].is_done;
  return left;
}

/* Those that wait for all do not wait for who is gone. */
static void leave(void) {
  self->is_done = 1;
  --here->left;
  end_copies(self);
  for (int i = 0; i < kBarriers; ++i) {
    meeting *at = &here->barriers[i];
    if (at->arrived > 0 && at->expected == 0 && at->arrived == here->left)
      release(at);
  }
  uint32_t number = self->number / kWarp;
  meeting *warp = &here->warps[number].meets;
  if (warp->arrived > 0 && warp->arrived == lanes_left(number * kWarp, kWarp))
    release(warp);
}

static void thread_main(void) {
  running->kernel->run(running->parameters);
  leave();
  let_others_run();
}

static void begin_thread(thread *at, uint32_t number) {
  void *stack = at->stack ? at->stack : new_stack();
  *at = (thread){.stack = stack,
                 .top = first_frame(stack, thread_main),
                 .number = number,
                 .tid = {number % block_size[0],
                         number / block_size[0] % block_size[1],
                         number / block_size[0] / block_size[1]}};
}

void wait_while(const uint32_t *place, uint32_t is) {
  self->waits_for = place;
  self->seen = is;
  let_others_run();
}

void poll_later(void) {
  self->polls = 1;
  let_others_run();
}

void meet(meeting *at, uint32_t expected, void (*finish)(void), int line) {
  if (at->arrived > 0 && (at->expected != expected || at->finish != finish))
    fault(line, "%u threads are there that wait for something else",
          at->arrived);
  at->expected = expected;
  at->finish = finish;
  if (++at->arrived == (expected ? expected : here->left))
    release(at);
  else
    wait_while(&at->generation, at->generation);
}

void barrier(uint32_t id, uint32_t threads, int waits, int line) {
  if (id >= kBarriers || threads % kWarp != 0 || threads > count)
    fault(line, "barrier %u of %u threads", id, threads);
  meeting *at = &here->barriers[id];
  if (waits)
    return meet(at, threads, NULL, line);
  at->expected = threads;
  if (++at->arrived == (threads ? threads : here->left))
    release(at);
}

/*===- Launches ---------------------------------------------------------===*/

void fault(int line, const char *what, ...) {
  va_list args;
  int used = snprintf(message, sizeof(message),
                      "%s, line %d of its PTX, block "
                      "(%u, %u, %u), thread %u: ",
                      running->kernel->name, line, here->id[0], here->id[1],
                      here->id[2], self->number);
  va_start(args, what);
  vsnprintf(message + used, sizeof(message) - (size_t)used, what, args);
  va_end(args);
  longjmp(failure, 1);
}

void *slow_address(uint64_t at, uint64_t bytes, const char *space, int line) {
  fault(line, "%u bytes at %s address 0x%llx are %s", (unsigned)bytes, space,
        (unsigned long long)at,
        at % bytes ? "not aligned" : "outside of what was allocated");
}

static block *new_block(void) {
  block *made = calloc(1, sizeof(block));
  uint32_t warps = (count + kWarp - 1) / kWarp;
  made->threads = calloc(count, sizeof(thread));
  made->warps = calloc(warps, sizeof(warp));
  made->quarters = calloc(warps, sizeof(quarter));
  made->shared = aligned_alloc(1024, (shared_size + 2048) / 1024 * 1024);
  return made;
}

static void free_block(block *old) {
  for (uint32_t t = 0; t < count; ++t) {
    drop_copies(&old->threads[t].copies);
    if (old->threads[t].stack)
      free_stack(old->threads[t].stack);
  }
  drop_copies(&old->tiles);
  free(old->threads);
  free(old->warps);
  free(old->quarters);
  free(old->shared);
  free(old);
}

static void begin_block(block *at, uint64_t number) {
  at->id[0] = (uint32_t)(number % grid_size[0]);
  at->id[1] = (uint32_t)(number / grid_size[0] % grid_size[1]);
  at->id[2] = (uint32_t)(number / grid_size[0] / grid_size[1]);
  at->left = count;
  drop_copies(&at->tiles);
  memset(at->shared, 0xff, shared_size); /* not numbers */
  memset(at->barriers, 0, sizeof(at->barriers));
  for (uint32_t w = 0; w < (count + kWarp - 1) / kWarp; ++w)
    at->warps[w].meets = (meeting){0};
  for (uint32_t t = 0; t < count; ++t)
    begin_thread(&at->threads[t], t);
}

static uint32_t in_order(uint32_t i, uint32_t all) {
  return is_reversed ? all - 1 - i : i;
}

static int is_ready(const thread *at) {
  return !at->is_done && (!at->waits_for || *at->waits_for != at->seen);
}

/* Threads of a warp, as far as they come; whether more than polls was done. */
static int run_warp(const block *at, uint32_t warp, int *any) {
  uint64_t before = at_work, last;
  do {
    last = at_work;
    for (uint32_t i = 0; i < kWarp; ++i) {
      uint32_t number = warp * kWarp + in_order(i, kWarp);
      thread *next = &at->threads[number];
      if (number >= count || !is_ready(next))
        continue;
      next->waits_for = NULL;
      next->polls = 0;
      run_thread(next);
      *any = 1;
      at_work += !next->polls;
    }
  } while (at_work != last);
  return at_work != before;
}

/* Warps in their order, and again from the first whenever one has done
 * something others may have waited for; whether a thread ran. */
static int pass(block *at) {
  int any = 0;
  uint32_t warps = (count + kWarp - 1) / kWarp;
  here = at;
  for (uint32_t w = 0; w < warps;)
    w = run_warp(at, in_order(w, warps), &any) && w > 0 ? 0 : w + 1;
  return any;
}

static void run_blocks(block **blocks, uint64_t side_by_side) {
  uint64_t left = side_by_side, before = at_work, idle = 0;
  while (left > 0) {
    int any = 0;
    left = 0;
    for (uint32_t i = 0; i < side_by_side; ++i) {
      uint32_t b = in_order(i, (uint32_t)side_by_side);
      if (blocks[b]->left == 0)
        continue;
      any |= pass(blocks[b]);
      if (blocks[b]->left == 0 && blocks[b]->tiles)
        fault(0, "the block ends before a tile has come");
      left += blocks[b]->left > 0;
    }
    idle = at_work == before ? idle + 1 : 0;
    before = at_work;
    if (left > 0 && (!any || idle > kLongestPoll))
      fault(0, "all threads that are left wait for others");
  }
}

static int is_set(const char *variable, const char *value) {
  const char *given = getenv(variable);
  return given && strcmp(given, value) == 0;
}

const char *run_launch(const launch_request *request) {
  running = request;
  is_reversed = !is_set("SSMC_EMULATOR_ORDER", "forward");
  copies_are_early = is_set("SSMC_EMULATOR_COPIES", "early");
  memcpy(grid_size, request->grid, sizeof(grid_size));
  memcpy(block_size, request->block, sizeof(block_size));
  count = block_size[0] * block_size[1] * block_size[2];
  shared_size = request->kernel->shared_bytes + request->shared;
  uint64_t total = (uint64_t)grid_size[0] * grid_size[1] * grid_size[2];
  volatile uint64_t made = 0;
  uint64_t side_by_side = request->together ? total : 1;
  block **blocks = calloc(side_by_side, sizeof(*blocks));
  while (made < side_by_side)
    blocks[made++] = new_block();
  message[0] = 0;
  if (setjmp(failure) == 0) {
    for (uint64_t i = 0; i < total; ++i) {
      begin_block(blocks[request->together ? i : 0],
                  is_reversed ? total - 1 - i : i);
      if (!request->together)
        run_blocks(blocks, 1);
    }
    if (request->together)
      run_blocks(blocks, total);
  }
  for (uint64_t i = 0; i < made; ++i)
    free_block(blocks[i]);
  free(blocks);
  return message[0] ? message : NULL;
}
