/*===- launch.h - between the driver and what runs threads --------------===*/

#ifndef SSMC_EMULATOR_LAUNCH_H
#define SSMC_EMULATOR_LAUNCH_H

#include "device.h"

typedef struct launch_request {
  const kernel *kernel;
  uint32_t grid[3], block[3];
  uint32_t shared; /* dynamic, in bytes */
  int together;    /* all blocks at a time */
  char *parameters;
} launch_request;

/* What was wrong, or null. */
const char *run_launch(const launch_request *request);

/* Coroutines: the scheduler runs a thread until that lets others run. Stacks
 * are kept for the next thread that needs one. */
void *new_stack(void);
void free_stack(void *stack);
/* What a thread that begins has in `top`. */
void *first_frame(void *stack, void (*begin)(void));
void run_thread(thread *at);
void let_others_run(void);

/* Threads from the first that still run. */
uint32_t lanes_left(uint32_t first, uint32_t lanes);

/* Whether what is copied while threads go on is copied at once. */
extern int copies_are_early;

/* Copies: those of a thread that ends, and those that nobody waits for. */
void end_copies(thread *of);
void drop_copies(copy **list);

/* A tensor as cuTensorMapEncodeTiled describes it, of 16-bit elements. */
typedef struct tensor_map {
  char *data;
  uint64_t extents[5], strides[5]; /* in bytes, the first one 2 */
  uint32_t box[5], rank, swizzle, is_bf16;
} tensor_map;
_Static_assert(sizeof(tensor_map) <= 128, "a tensor map has 128 bytes");

#endif /* SSMC_EMULATOR_LAUNCH_H */
