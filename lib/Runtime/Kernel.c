/*===- Kernel.c - the half of the runtime inside a model
 * --------------------===*/

#include "ssmrt/kernel.h"
#include "lib/Runtime/Context.h"

#include <stdlib.h>

void ssmrt_parallel_for(ssmrt_context *context, int64_t n, ssmrt_loop_body body,
                        void *data) {
  if (n <= 0)
    return;
  if (n == 1 || context->num_threads <= 1)
    body(data, 0, n);
  else
    context->parallel_for(context->pool, n, body, data);
}

int64_t ssmrt_num_threads(ssmrt_context *context) {
  return context->num_threads;
}

void ssmrt_report(ssmrt_context *context, const char *what, int64_t found,
                  int64_t expected) {
  const char *none = NULL;
  if (!__atomic_compare_exchange_n(&context->error, &none, what, 0,
                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    return;
  /* Read when all threads are back. */
  context->found = found;
  context->expected = expected;
}

void ssmrt_end(ssmrt_context *context) {
  if (__atomic_load_n(&context->error, __ATOMIC_RELAXED))
    longjmp(*context->end, SSMRT_RUNTIME);
}

static void end_unless(ssmrt_context *context, int32_t code) {
  if (code != SSMRT_OK)
    longjmp(*context->end, code);
}

void *ssmrt_alloc(ssmrt_context *context, int64_t bytes) {
  void *memory = NULL;
  if (context->device) {
    end_unless(context, context->device->alloc(context, bytes, &memory));
    return memory;
  }
  if (bytes < 0 || bytes > INT64_MAX / 2 ||
      posix_memalign(&memory, 64, sizeof(ssmrt_block) + (size_t)bytes) != 0)
    longjmp(*context->end, SSMRT_OUT_OF_MEMORY);
  ssmrt_block *block = memory;
  block->next = context->blocks;
  context->blocks = block;
  return block + 1;
}

static void launch(ssmrt_context *context, int32_t kernel, const int64_t *sizes,
                   int32_t shared_bytes, void **args, int together) {
  for (int i = 0; i < 3; ++i)
    if (sizes[i] <= 0) /* no work */
      return;
  end_unless(context, context->device->launch(context, kernel, sizes,
                                              shared_bytes, args, together));
}

void ssmrt_launch(ssmrt_context *context, int32_t kernel, int64_t grid_x,
                  int64_t grid_y, int64_t grid_z, int64_t block_x,
                  int64_t block_y, int64_t block_z, int32_t shared_bytes,
                  void **args) {
  int64_t sizes[6] = {grid_x, grid_y, grid_z, block_x, block_y, block_z};
  launch(context, kernel, sizes, shared_bytes, args, /*together=*/0);
}

void ssmrt_launch_together(ssmrt_context *context, int32_t kernel,
                           int64_t grid_x, int64_t grid_y, int64_t grid_z,
                           int64_t block_x, int64_t block_y, int64_t block_z,
                           int32_t shared_bytes, void **args) {
  int64_t sizes[6] = {grid_x, grid_y, grid_z, block_x, block_y, block_z};
  launch(context, kernel, sizes, shared_bytes, args, /*together=*/1);
}

void ssmrt_tensor_map(ssmrt_context *context, void *map, const void *data,
                      int32_t is_bf16, int32_t rank, const int64_t *extents,
                      const int64_t *strides, const int64_t *box) {
  end_unless(context, context->device->tensor_map(context, map, data, is_bf16,
                                                  rank, extents, strides, box));
}

void ssmrt_read(ssmrt_context *context, void *host, const void *device,
                int64_t bytes) {
  end_unless(context, context->device->read(context, host, device, bytes));
}

void *ssmrt_reports(ssmrt_context *context) {
  return context->device->reports(context);
}

int32_t ssmrt_multiply(ssmrt_context *context, void *out, const void *left,
                       const void *right, const ssmrt_product *product) {
  return context->device->multiply(context, product, out, left, right);
}
