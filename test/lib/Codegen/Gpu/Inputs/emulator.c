/* Runs kernels on the processor, one block after the other, the threads of a
 * block as coroutines that change at barriers and exchanges. Blocks that wait
 * for each other take turns, with a copy of the shared memory each. `kernels`
 * is made by emulator.py. The intrinsics of NVVM are renamed to emu.*. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct context {
  int64_t loops, reports;
};

typedef void (*kernel)(void **args);
extern const kernel kernels[];

static int64_t report_block[3];
static int32_t grid[3], block[3], at_block[3], current, count;
static kernel running;
static void **arguments;

enum { kMostThreads = 1024, kWarp = 32, kStack = 128 << 10 };
/* What a thread waits for: so many threads, or other blocks. */
enum { kOtherBlocks = -1 };
typedef struct thread {
  ucontext_t context;
  char *stack;
} thread;
static ucontext_t scheduler;
static thread *threads; /* of the block that runs */
static char *done;
static int32_t *awaited;
static uint64_t exchanged[kMostThreads];
char emu_dynamic[256 << 10] __asm__("__dynamic_shmem__0")
    __attribute__((aligned(1024)));

#define REGISTER(name, value)                                                  \
  int32_t register_##value(void) __asm__("emu.read.ptx.sreg." name);           \
  int32_t register_##value(void)
REGISTER("tid.x", tid) { return current; }
REGISTER("tid.y", tidy) { return 0; }
REGISTER("tid.z", tidz) { return 0; }
REGISTER("ntid.x", ntid) { return block[0]; }
REGISTER("ctaid.x", ctaid) { return at_block[0]; }
REGISTER("ctaid.y", ctaidy) { return at_block[1]; }
REGISTER("ctaid.z", ctaidz) { return at_block[2]; }
REGISTER("nctaid.x", nctaid) { return grid[0]; }
REGISTER("laneid", lane) { return current % 32; }

/* Coroutines change where a thread waits, for its warp or for its block. */
static void wait(int32_t lanes) {
  awaited[current] = lanes;
  swapcontext(&threads[current].context, &scheduler);
}
void emu_sleep(int32_t) __asm__("emu.nanosleep");
void emu_sleep(int32_t time) { (void)time, wait(kOtherBlocks); }

void emu_barrier(int32_t) __asm__("emu.barrier.cta.sync.aligned.all");
void emu_barrier(int32_t id) { (void)id, wait(kMostThreads); }
void emu_barrier0(void) __asm__("emu.barrier0");
void emu_barrier0(void) { wait(kMostThreads); }
void emu_warp(int32_t) __asm__("emu.bar.warp.sync");
void emu_warp(int32_t mask) { (void)mask, wait(kWarp); }

static uint32_t exchange(uint32_t value, int from) {
  exchanged[current] = value;
  wait(kWarp);
  uint32_t found = exchanged[current / kWarp * kWarp + from];
  wait(kWarp);
  return found;
}
/* Exchanges of words and of floats with the lane of a number. */
#define SHUFFLE(kind, from)                                                    \
  int32_t shuffle_##kind(int32_t, int32_t, int32_t, int32_t) __asm__(          \
      "emu.shfl.sync." #kind ".i32");                                          \
  int32_t shuffle_##kind(int32_t mask, int32_t value, int32_t number,          \
                         int32_t clamp) {                                      \
    (void)mask, (void)clamp;                                                   \
    return exchange(value, from);                                              \
  }                                                                            \
  float shuffle_##kind##_f32(int32_t, float, int32_t, int32_t) __asm__(        \
      "emu.shfl.sync." #kind ".f32");                                          \
  float shuffle_##kind##_f32(int32_t mask, float value, int32_t number,        \
                             int32_t clamp) {                                  \
    uint32_t bits;                                                             \
    (void)mask, (void)clamp;                                                   \
    memcpy(&bits, &value, 4);                                                  \
    bits = exchange(bits, from);                                               \
    memcpy(&value, &bits, 4);                                                  \
    return value;                                                              \
  }
SHUFFLE(bfly, (current % kWarp) ^ number)
SHUFFLE(idx, number & (kWarp - 1))

/* A copy is done at once; nobody may rely on it before he has waited. */
#define COPY(bytes, kind)                                                      \
  void copy##bytes(void *, const void *) __asm__("emu.cp.async." kind          \
                                                 ".shared.global." #bytes);    \
  void copy##bytes(void *to, const void *from) { memcpy(to, from, bytes); }
COPY(16, "cg")
COPY(8, "ca")
COPY(4, "ca")
/* The same of so many bytes; behind them zeros. */
void copy16_some(char *, const void *,
                 int32_t) __asm__("emu.cp.async.cg.shared.global.16.s");
void copy16_some(char *to, const void *from, int32_t count) {
  memset(to, 0, 16);
  memcpy(to, from, count);
}
void emu_commit(void) __asm__("emu.cp.async.commit.group");
void emu_commit(void) {}
void emu_wait(int32_t) __asm__("emu.cp.async.wait.group");
void emu_wait(int32_t n) { (void)n; }

/* What ldmatrix and mma.sync give back: emulate.py loads it from here at once.
 * Lanes see what the others passed, behind a wait; fragments lie as PTX says.
 */
uint32_t emu_results[4];
static const uint16_t *matrix_rows[kMostThreads];
static uint32_t fragments[kMostThreads]
                         [6]; /* four of the left, two of the right */

static void load_matrices(const uint16_t *row, int transposed) {
  int32_t lane = current % kWarp, warp = current - lane;
  uint32_t found[4];
  matrix_rows[current] = row;
  wait(kWarp);
  for (int i = 0; i < 4; ++i) {
    const uint16_t **rows = matrix_rows + warp + 8 * i;
    int32_t g = lane / 4, t = lane % 4 * 2;
    found[i] = transposed ? rows[t][g] | (uint32_t)rows[t + 1][g] << 16
                          : rows[g][t] | (uint32_t)rows[g][t + 1] << 16;
  }
  wait(kWarp);
  memcpy(emu_results, found, sizeof(found));
}
void emu_rows(const uint16_t *) __asm__(
    "emu.ldmatrix.sync.aligned.m8n8.x4.b16.p3");
void emu_rows(const uint16_t *row) { load_matrices(row, 0); }
void emu_columns(const uint16_t *) __asm__(
    "emu.ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3");
void emu_columns(const uint16_t *row) { load_matrices(row, 1); }

static float half_of(uint32_t word, int high, int is_bf16) {
  uint16_t bits = high ? word >> 16 : word;
  if (is_bf16) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
  }
  _Float16 value;
  memcpy(&value, &bits, 2);
  return value;
}

/* Row g = lane / 4 of the left operand lies in lanes 4 g + k / 2 % 4, word
 * (row >= 8) + 2 (k >= 8); column g of the right one in word k >= 8. */
static void multiply(const uint32_t *words, const float *sums, int is_bf16) {
  int32_t lane = current % kWarp, warp = current - lane;
  float found[4];
  memcpy(fragments[current], words, sizeof(fragments[current]));
  wait(kWarp);
  for (int i = 0; i < 4; ++i) {
    int32_t row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    found[i] = sums[i];
    for (int k = 0; k < 16; ++k) {
      int32_t a = warp + row % 8 * 4 + k % 8 / 2,
              b = warp + column * 4 + k % 8 / 2;
      found[i] += half_of(fragments[a][row / 8 + k / 8 * 2], k % 2, is_bf16) *
                  half_of(fragments[b][4 + k / 8], k % 2, is_bf16);
    }
  }
  wait(kWarp);
  memcpy(emu_results, found, sizeof(found));
}
#define MULTIPLY(kind, is_bf16)                                                \
  void multiply_##is_bf16(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t,    \
                          uint32_t, float, float, float,                       \
                          float) __asm__("emu.mma.m16n8k16.row.col." kind);    \
  void multiply_##is_bf16(uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,  \
                          uint32_t b0, uint32_t b1, float c0, float c1,        \
                          float c2, float c3) {                                \
    uint32_t words[6] = {a0, a1, a2, a3, b0, b1};                              \
    float sums[4] = {c0, c1, c2, c3};                                          \
    multiply(words, sums, is_bf16);                                            \
  }
MULTIPLY("bf16", 1)
MULTIPLY("f32.f32", 0)

float exp2f(float), log2f(float);
float emu_ex2(float) __asm__("emu.ex2.approx.ftz.f32");
float emu_ex2(float x) { return exp2f(x); }
float emu_lg2(float) __asm__("emu.lg2.approx.ftz.f");
float emu_lg2(float x) { return log2f(x); }
float emu_rcp(float) __asm__("emu.rcp.approx.ftz.f");
float emu_rcp(float x) { return 1 / x; }

static void thread_main(void) {
  running(arguments);
  done[current] = 1;
  wait(0);
}

/* Lets go the threads that wait for each other: `lanes` of them at a time, of
 * which those that are done count as there. */
static int release(int32_t lanes) {
  int released = 0;
  for (int32_t begin = 0; begin < count; begin += lanes) {
    int32_t end = begin + lanes < count ? begin + lanes : count;
    int32_t there = 0, waiting = 0;
    for (int32_t t = begin; t < end; ++t) {
      there += done[t] || awaited[t] == lanes;
      waiting += !done[t] && awaited[t] == lanes;
    }
    if (there < end - begin || waiting == 0)
      continue;
    memset(awaited + begin, 0, (size_t)(end - begin) * sizeof(*awaited));
    ++released;
  }
  return released;
}

typedef struct block_state {
  thread threads[kMostThreads];
  char done[kMostThreads];
  int32_t awaited[kMostThreads], left;
  char *shared; /* while other blocks run */
} block_state;

static void begin_block(block_state *state) {
  memset(state->done, 0, sizeof(state->done));
  memset(state->awaited, 0, sizeof(state->awaited));
  state->left = count;
  for (int t = 0; t < count; ++t) {
    thread *thread = &state->threads[t];
    if (!thread->stack)
      thread->stack = malloc(kStack);
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = thread->stack;
    thread->context.uc_stack.ss_size = kStack;
    thread->context.uc_link = NULL;
    makecontext(&thread->context, thread_main, 0);
  }
}

/* Until all threads are done, or wait for other blocks. */
static void run_block(block_state *state) {
  threads = state->threads, done = state->done, awaited = state->awaited;
  for (int t = 0; t < count; ++t)
    if (awaited[t] == kOtherBlocks)
      awaited[t] = 0;
  for (int sleeps = 0; state->left > 0 && !sleeps;) {
    for (current = count - 1; current >= 0; --current)
      if (!done[current] && !awaited[current]) {
        swapcontext(&scheduler, &threads[current].context);
        state->left -= done[current];
      }
    if (state->left == 0 || release(kWarp) + release(kMostThreads) > 0)
      continue;
    for (int t = 0; t < count; ++t)
      sleeps |= awaited[t] == kOtherBlocks;
    if (!sleeps)
      abort(); /* some wait for others that wait elsewhere */
  }
}

extern const int uses_barriers;

static int begin_launch(struct context *context, int32_t number, int64_t gx,
                        int64_t gy, int64_t gz, int64_t bx, int64_t by,
                        int64_t bz, int32_t shared, void **args) {
  if (gx <= 0 || gy <= 0 || gz <= 0)
    return 0;
  if (bx * by * bz > kMostThreads || by * bz != 1 ||
      shared > (int32_t)sizeof(emu_dynamic))
    abort();
  if (context->loops++ == 0)
    report_block[0] = 0;
  grid[0] = gx, grid[1] = gy, grid[2] = gz, block[0] = count = bx;
  running = kernels[number], arguments = args;
  return 1;
}

void ssmrt_launch(struct context *context, int32_t number, int64_t gx,
                  int64_t gy, int64_t gz, int64_t bx, int64_t by, int64_t bz,
                  int32_t shared, void **args) {
  if (!begin_launch(context, number, gx, gy, gz, bx, by, bz, shared, args))
    return;
  for (int64_t i = gx * gy * gz - 1; i >= 0; --i) {
    at_block[0] = i % gx, at_block[1] = i / gx % gy, at_block[2] = i / gx / gy;
    if (uses_barriers) {
      static block_state alone;
      memset(emu_dynamic, 0xff, sizeof(emu_dynamic)); /* not a number */
      begin_block(&alone);
      run_block(&alone);
      if (alone.left > 0)
        abort(); /* it waits for blocks that are not there */
    } else
      for (current = count - 1; current >= 0; --current)
        running(args);
  }
  context->reports |= report_block[0] != 0;
}

/* How many blocks run side by side; 0 for all. */
int32_t emu_side_by_side;

void ssmrt_launch_together(struct context *context, int32_t number, int64_t gx,
                           int64_t gy, int64_t gz, int64_t bx, int64_t by,
                           int64_t bz, int32_t shared, void **args) {
  if (emu_side_by_side && gx > emu_side_by_side)
    gx = emu_side_by_side;
  if (!begin_launch(context, number, gx, gy, gz, bx, by, bz, shared, args))
    return;
  if (gy * gz != 1)
    abort();
  block_state *states = calloc(gx, sizeof(*states));
  int64_t left = gx;
  for (int64_t i = 0; i < gx; ++i) {
    begin_block(&states[i]);
    states[i].shared = memset(malloc(shared), 0xff, shared);
  }
  while (left > 0)
    for (int64_t i = gx - 1; i >= 0; --i) {
      if (states[i].left == 0)
        continue;
      at_block[0] = i, at_block[1] = at_block[2] = 0;
      memcpy(emu_dynamic, states[i].shared, shared);
      run_block(&states[i]);
      memcpy(states[i].shared, emu_dynamic, shared);
      left -= states[i].left == 0;
    }
  for (int64_t i = 0; i < gx; ++i) {
    for (int t = 0; t < count; ++t)
      free(states[i].threads[t].stack);
    free(states[i].shared);
  }
  free(states);
  context->reports |= report_block[0] != 0;
}

void ssmrt_read(struct context *context, void *host, const void *device,
                int64_t bytes) {
  (void)context;
  memcpy(host, device, bytes);
}

void *ssmrt_reports(struct context *context) {
  (void)context;
  return report_block;
}

void ssmrt_report(struct context *context, const char *what, int64_t found,
                  int64_t expected) {
  (void)what, (void)found, (void)expected;
  context->reports++;
}

void ssmrt_end(struct context *context) { (void)context; }

/* Leaks: tests are short. */
void *ssmrt_alloc(struct context *context, int64_t bytes) {
  (void)context;
  return aligned_alloc(64, (bytes + 64) / 64 * 64);
}
